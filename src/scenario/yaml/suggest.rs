//! "Did you mean": the nearest of the names that would have been right.

/// The candidate most like `given`, if one is like it enough to be what was meant.
///
/// The distance is Damerau-Levenshtein on lower-case letters and digits, so that `maxHold`, `max-hold` and `max_hold`
/// are one word; it may be a third of the word's length.
pub fn nearest<'c>(given: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    let given = plain(given);
    let distance = |c: &str| strsim::damerau_levenshtein(&given, &plain(c));
    candidates
        .into_iter()
        .map(|c| (distance(c), c))
        .filter(|(d, c)| *d * 3 <= given.chars().count().max(c.chars().count()).max(3))
        .min_by_key(|(d, _)| *d)
        .map(|(_, c)| c)
}

/// Advice for a name that does not exist: the nearest one, else all of them when they are few.
pub fn advice<'c>(given: &str, candidates: impl IntoIterator<Item = &'c str> + Clone) -> Option<String> {
    if let Some(meant) = nearest(given, candidates.clone()) {
        return Some(format!("did you mean `{meant}`?"));
    }
    let all: Vec<String> = candidates.into_iter().map(|c| format!("`{c}`")).collect();
    match all.len() {
        0 => None,
        1 => Some(format!("only {} would fit here", all[0])),
        2..=24 => Some(format!("what fits here: {}", all.join(", "))),
        _ => None,
    }
}

fn plain(word: &str) -> String {
    word.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_find_their_word_and_strangers_find_none() {
        let words = ["latency", "jitter", "max_hold", "rto"];
        assert_eq!(nearest("latencyy", words), Some("latency"));
        assert_eq!(nearest("maxHold", words), Some("max_hold"));
        assert_eq!(nearest("rot", words), Some("rto"));
        assert_eq!(nearest("upstream", words), None);
        assert_eq!(advice("x", words).unwrap(), "what fits here: `latency`, `jitter`, `max_hold`, `rto`");
        assert_eq!(advice("x", []), None);
    }
}
