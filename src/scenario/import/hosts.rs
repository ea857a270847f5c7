//! One stream of load has one base URL: the requests of one host are kept.

use super::draft::Draft;
use super::url::host_of;
use super::{ImportError, Notes, count};

/// How many other hosts are told one by one: a page of news asks fifty.
const MOST_HOSTS: usize = 6;

/// Keeps the requests of the host that was asked for, or of the most frequent one (of two, the first); returns its
/// origin. The others are told.
///
/// # Errors
/// When nothing goes to the host that was asked for.
pub(super) fn keep<T>(
    all: &mut Vec<T>,
    origin: impl Fn(&T) -> Option<&str>,
    wanted: Option<&str>,
    notes: &mut Notes,
) -> Result<Option<String>, ImportError> {
    let mut origins: Vec<(String, usize)> = Vec::new();
    for origin in all.iter().filter_map(&origin) {
        match origins.iter_mut().find(|(known, _)| known == origin) {
            Some((_, times)) => *times += 1,
            None => origins.push((origin.to_owned(), 1)),
        }
    }
    // Stable: of two that are equally frequent the first one wins.
    origins.sort_by_key(|(_, times)| std::cmp::Reverse(*times));
    let kept = match wanted {
        None => origins.first().map(|(origin, _)| origin.clone()),
        Some(wanted) => {
            let found = origins.iter().find(|(origin, _)| origin == wanted || host_of(origin) == wanted);
            let known: Vec<_> = origins.iter().map(|(origin, _)| host_of(origin)).collect();
            let hint = format!("hosts here: {}", if known.is_empty() { "none".into() } else { known.join(", ") });
            let nothing = || ImportError::new(format!("no request goes to the host `{wanted}`"), hint);
            Some(found.ok_or_else(nothing)?.0.clone())
        }
    };
    let others: Vec<_> = origins.iter().filter(|(origin, _)| Some(origin) != kept.as_ref()).collect();
    for (nth, (origin, times)) in others.iter().enumerate() {
        let why = match nth < MOST_HOSTS {
            true => format!("request to {origin}: a profile has one host (`--host` keeps another)"),
            false => format!("request to {} more hosts", others.len() - MOST_HOSTS),
        };
        (0..*times).for_each(|_| notes.left_out(why.as_str()));
    }
    all.retain(|one| origin(one).is_none_or(|origin| Some(origin) == kept.as_deref()));
    Ok(kept)
}

/// Says aloud that requests change something: whoever imports a list does not read it line by line.
pub(super) fn warn_of_writes<'a>(drafts: impl Iterator<Item = &'a Draft>, notes: &mut Notes) {
    let mut methods: Vec<&str> = Vec::new();
    let mut writes = 0;
    for draft in drafts.filter(|draft| draft.writes()) {
        writes += 1;
        if !methods.contains(&draft.method.as_str()) {
            methods.push(draft.method.as_str());
        }
    }
    if writes > 0 {
        notes.changed(format!(
            "{} with {}: aim them at a system whose data may change",
            count(writes, "request"),
            methods.join(", ")
        ));
    }
}
