//! Names for requests: method and path without its ids, so that what is the same request is measured as one.

use std::collections::{HashMap, HashSet};

use super::draft::Draft;
use super::url::decoded;
use super::{ImportError, mistake};
use crate::model::Name;

/// The most names that a profile may have (`scenario/profile/validate.rs`).
const MOST_NAMES: usize = 64;
/// Characters of a name.
const LONGEST: usize = 64;
/// Characters that a number at the end of a name may need.
const SPARE: usize = 5;

/// A name for each draft, and whether different routes had to share names. A route that is there twice has one name.
///
/// # Errors
/// When what was made is no name, which is a bug.
pub(super) fn assign(drafts: &[&Draft]) -> Result<(Vec<Name>, bool), ImportError> {
    // From whole routes to nothing but the method.
    let depths = [usize::MAX, 5, 4, 3, 2, 1, 0];
    let keys = |depth: usize| drafts.iter().map(move |draft| key(draft, depth)).collect::<Vec<_>>();
    let few = |depth: &usize| keys(*depth).into_iter().collect::<HashSet<_>>().len() <= MOST_NAMES;
    let depth = depths.into_iter().find(few).unwrap_or(0);
    let mut names: HashMap<String, Name> = HashMap::new();
    let mut taken: HashSet<Name> = HashSet::new();
    let mut all = Vec::with_capacity(drafts.len());
    for key in keys(depth) {
        let name = match names.get(&key) {
            Some(name) => name.clone(),
            None => unique(&key, &taken)?,
        };
        taken.insert(name.clone());
        names.insert(key, name.clone());
        all.push(name);
    }
    Ok((all, depth != usize::MAX))
}

/// What tells requests apart: the given name, or method and route down to a depth.
fn key(draft: &Draft, depth: usize) -> String {
    match &draft.label {
        Some(label) if depth == usize::MAX => label.clone(),
        _ => {
            let mut words = vec![draft.method.as_str()];
            words.extend(draft.route.iter().take(depth).map(String::as_str));
            if draft.route.is_empty() {
                words.push("root");
            }
            words.join(" ")
        }
    }
}

/// `text` as a name that is not yet taken.
///
/// # Errors
/// When what was made is no name, which is a bug.
pub(super) fn unique(text: &str, taken: &HashSet<Name>) -> Result<Name, ImportError> {
    let fitting = |c: char| if c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | ' ') { c } else { '-' };
    let text: String = text.chars().map(fitting).collect();
    let text = text.trim_start_matches(|c: char| !c.is_alphanumeric());
    let short: String = text.chars().take(LONGEST - SPARE).collect();
    let short = short.trim_end_matches([' ', '-', '.']);
    let short = if short.is_empty() { "request" } else { short };
    let numbered = (2..10_000).map(|n| format!("{short} {n}"));
    let mut names = std::iter::once(short.to_owned()).chain(numbered).filter_map(|name| name.parse::<Name>().ok());
    names.find(|name| !taken.contains(name)).ok_or_else(|| mistake("no name fits"))
}

/// The segments of a path, ids replaced by `id`.
pub(super) fn route(path: &str) -> Vec<String> {
    let path = path.split('?').next().unwrap_or_default();
    let segments = path.split('/').filter(|segment| !segment.is_empty()).map(decoded);
    segments.map(|segment| if is_id(&segment) { "id".to_owned() } else { segment }).collect()
}

/// Whether a segment names one thing of many: a number, a UUID, something with many digits, an address.
fn is_id(segment: &str) -> bool {
    let digits = segment.chars().filter(char::is_ascii_digit).count();
    let long = segment.chars().count() >= 12;
    let hex = segment.chars().all(|c| c.is_ascii_hexdigit() || c == '-');
    digits == segment.len() || digits >= 3 || (long && hex && digits > 0) || segment.contains('@') || segment.len() > 40
}

#[cfg(test)]
mod tests {
    use super::super::url::Address;
    use super::*;
    use crate::scenario::profile::Method;

    fn draft(method: Method, path: &str) -> Draft {
        let address = Address::parse(&format!("http://x{path}")).unwrap();
        Draft::new(method, &address, address.path.clone())
    }

    fn names(paths: &[String]) -> Vec<String> {
        let drafts: Vec<_> = paths.iter().map(|path| draft(Method::Get, path)).collect();
        assign(&drafts.iter().collect::<Vec<_>>()).unwrap().0.into_iter().map(|name| name.to_string()).collect()
    }

    #[test]
    fn ids_do_not_tell_requests_apart() {
        let paths =
            ["/orders/17/items?x=1", "/orders/f81d4fae-7dec-11d0-a765-00a0c91e6bf6/items", "/", "/v1/a_b/ü (x)"];
        let names = names(&paths.map(str::to_owned));
        assert_eq!(names, ["GET orders id items", "GET orders id items", "GET root", "GET v1 a_b ü -x"]);
    }

    #[test]
    fn different_routes_that_look_alike_are_numbered() {
        let paths = ["/a,b", "/a;b", "/a;b", &format!("/{}", "long/".repeat(30)), &format!("/{}x", "long/".repeat(30))];
        let names = names(&paths.map(str::to_owned));
        assert_eq!(names[..3], ["GET a-b", "GET a-b 2", "GET a-b 2"]);
        assert_eq!(names[4], format!("{} 2", names[3]));
    }

    #[test]
    fn many_routes_share_names_by_their_beginning() {
        let letter = |n: usize| char::from(b'a' + n as u8 % 26);
        let paths: Vec<_> = (0..500).map(|n| format!("/{}/{}{}", letter(n), letter(n / 26), letter(n / 5))).collect();
        let names = names(&paths);
        assert_eq!(names.iter().collect::<HashSet<_>>().len(), 26);
        assert_eq!(names[0], "GET a");
    }
}
