//! Sets of ids, kept as ranges: a ledger is nearly contiguous, and an hour of it fits in one line.

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};

/// A set of ids as ascending, disjoint, inclusive ranges that do not touch: `[[1, 400], [402, 977]]`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, JsonSchema)]
#[serde(transparent)]
pub struct IdRanges(Vec<(u64, u64)>);

impl IdRanges {
    /// Whether `id` is in the set.
    pub fn contains(&self, id: u64) -> bool {
        let after = self.0.partition_point(|(start, _)| *start <= id);
        after > 0 && id <= self.0[after - 1].1
    }

    /// How many ids there are.
    pub fn len(&self) -> u64 {
        self.0.iter().fold(0, |sum: u64, (start, end)| sum.saturating_add(end - start).saturating_add(1))
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All ids, ascending.
    pub fn iter(&self) -> impl Iterator<Item = u64> {
        self.0.iter().flat_map(|(start, end)| *start..=*end)
    }

    /// The ranges, both ends included.
    pub fn ranges(&self) -> &[(u64, u64)] {
        &self.0
    }

    /// The smallest and the largest id.
    pub fn bounds(&self) -> Option<(u64, u64)> {
        Some((self.0.first()?.0, self.0.last()?.1))
    }

    /// The ids of this set that are not in `other`.
    pub fn minus(&self, other: &IdRanges) -> IdRanges {
        let mut left = Vec::new();
        for &(start, end) in &self.0 {
            // None once the range is used up: there is no id after the largest number.
            let mut next = Some(start);
            let first = other.0.partition_point(|(_, taken_end)| *taken_end < start);
            for &(taken, taken_end) in other.0[first..].iter().take_while(|(taken, _)| *taken <= end) {
                if let Some(from) = next.filter(|from| taken > *from) {
                    left.push((from, taken - 1));
                }
                next = taken_end.checked_add(1).filter(|from| *from <= end);
            }
            left.extend(next.map(|from| (from, end)));
        }
        IdRanges(left)
    }
}

impl FromIterator<u64> for IdRanges {
    fn from_iter<I: IntoIterator<Item = u64>>(ids: I) -> Self {
        ranges(ids.into_iter().map(|id| (id, id)).collect())
    }
}

/// Puts ranges in order and joins those that overlap or touch.
fn ranges(mut all: Vec<(u64, u64)>) -> IdRanges {
    all.sort_unstable();
    let mut joined: Vec<(u64, u64)> = Vec::new();
    for (start, end) in all {
        match joined.last_mut() {
            Some(last) if start <= last.1.saturating_add(1) => last.1 = last.1.max(end),
            _ => joined.push((start, end)),
        }
    }
    IdRanges(joined)
}

impl<'de> Deserialize<'de> for IdRanges {
    /// Ranges in any order are put right; one that ends before it starts is an error.
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let all = Vec::<(u64, u64)>::deserialize(d)?;
        if let Some((start, end)) = all.iter().find(|(start, end)| end < start) {
            return Err(serde::de::Error::custom(format!("the range {start} to {end} ends before it starts")));
        }
        Ok(ranges(all))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    #[test]
    fn neighbours_join() {
        let ids: IdRanges = [5, 1, 2, 3, 9, 4].into_iter().collect();
        assert_eq!(serde_json::to_string(&ids).unwrap(), "[[1,5],[9,9]]");
        assert_eq!((ids.len(), ids.bounds()), (6, Some((1, 9))));
        assert!(serde_json::from_str::<IdRanges>("[[3,1]]").is_err());
    }

    proptest! {
        #[test]
        fn ranges_are_a_set(a in prop::collection::vec(0u64..60, 0..80), b in prop::collection::vec(0u64..60, 0..80)) {
            let set_a: BTreeSet<u64> = a.iter().copied().collect();
            let set_b: BTreeSet<u64> = b.iter().copied().collect();
            let (ids_a, ids_b): (IdRanges, IdRanges) = (a.into_iter().collect(), b.into_iter().collect());
            prop_assert_eq!(ids_a.len(), set_a.len() as u64);
            prop_assert!((0..61).all(|id| ids_a.contains(id) == set_a.contains(&id)));
            let difference: IdRanges = set_a.difference(&set_b).copied().collect();
            prop_assert_eq!(ids_a.minus(&ids_b), difference);
            let back: IdRanges = serde_json::from_str(&serde_json::to_string(&ids_a).unwrap()).unwrap();
            prop_assert_eq!(back, ids_a);
        }
    }
}
