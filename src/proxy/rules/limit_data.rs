//! Limit data: a connection is closed once so many bytes passed.

use super::{Chunk, End, Passage, Past, Rule};
use crate::model::Offset;

/// Exactly so many bytes pass, then the connection is closed.
pub(super) struct LimitData {
    limit: u64,
}

impl LimitData {
    pub(super) fn new(limit: u64) -> Self {
        LimitData { limit }
    }

    fn is_spent(&self, past: &Past) -> bool {
        past.bytes >= self.limit
    }
}

impl Rule for LimitData {
    fn cut(&self, _: &Chunk, past: &Past) -> usize {
        usize::try_from(self.limit.saturating_sub(past.bytes)).unwrap_or(usize::MAX)
    }

    fn passage(&self, _: &Chunk, ready: Offset, past: &Past) -> Passage {
        if self.is_spent(past) { Passage::Held } else { Passage::At(ready) }
    }

    fn left(&self, chunk: &Chunk, _: Offset, now: Offset, past: &mut Past) {
        past.bytes += chunk.len as u64;
        past.free = now;
    }

    fn end(&self, past: &Past) -> Option<(Offset, End)> {
        // A limit of zero ends the connection with its first chunk.
        (self.is_spent(past) && past.first.is_some()).then_some((past.free, End::Closed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proxy::rules::Direction;

    #[test]
    fn exactly_the_limit_passes_and_then_it_ends() {
        let rule = LimitData::new(10);
        let now = Offset::from_millis(1);
        let chunk = |len| Chunk { direction: Direction::Down, arrived: now, len, lot: 0, hold: None };
        let mut past = Past { first: Some(now), ..Past::new(Offset::ZERO) };
        assert_eq!(rule.cut(&chunk(7), &past), 10);
        rule.left(&chunk(7), now, now, &mut past);
        assert_eq!((rule.cut(&chunk(7), &past), rule.end(&past)), (3, None));
        rule.left(&chunk(3), now, now, &mut past);
        assert_eq!(rule.passage(&chunk(4), now, &past), Passage::Held);
        assert_eq!(rule.end(&past), Some((now, End::Closed)));
    }
}
