//! Rules for plain HTTP/1.1 on a link, as data.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::HumanDuration;

/// Which requests of a link are bent, and how. What is not given is not changed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct HttpRule {
    /// The method; any when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// The path without its query, `*` for any text; any when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// The request is not passed on but answered with this status.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub abort: Option<u16>,
    /// The request is passed on, or answered, so much later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delay: Option<HumanDuration>,
    /// Headers of the request: set to a text, or removed by an empty one.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub request_headers: BTreeMap<String, String>,
    /// Headers of the answer: set to a text, or removed by an empty one.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub response_headers: BTreeMap<String, String>,
    /// The body of the answer is replaced by this text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
}

impl HttpRule {
    /// Whether a request is meant, by its method and its target (path and query).
    pub fn matches(&self, method: &str, target: &str) -> bool {
        let path = path_of(target);
        self.method.as_deref().is_none_or(|asked| asked.eq_ignore_ascii_case(method))
            && self.path.as_deref().is_none_or(|pattern| like(pattern.as_bytes(), path.as_bytes()))
    }
}

/// The path of a request's target, which may be absolute, without its query.
fn path_of(target: &str) -> &str {
    let path = match target.split_once("://") {
        Some((_, rest)) => rest.find('/').map_or("/", |slash| &rest[slash..]),
        None => target,
    };
    path.split('?').next().unwrap_or(path)
}

/// Whether a text is like a pattern in which `*` stands for any text. Linear but for the last star that failed.
fn like(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match (pattern.get(p), star) {
            (Some(b'*'), _) => {
                star = Some((p, t));
                p += 1;
            }
            (Some(byte), _) if *byte == text[t] => (p, t) = (p + 1, t + 1),
            (_, Some((at, from))) => {
                star = Some((at, from + 1));
                (p, t) = (at + 1, from + 1);
            }
            _ => return false,
        }
    }
    pattern[p..].iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_matched_without_query_and_with_stars() {
        let rule = |method: Option<&str>, path: &str| HttpRule {
            method: method.map(Into::into),
            path: Some(path.into()),
            ..HttpRule::default()
        };
        assert!(rule(None, "/orders/*").matches("GET", "/orders/7?x=1"));
        assert!(rule(None, "*/items/*").matches("GET", "http://host/orders/7/items/3"));
        assert!(rule(Some("get"), "/").matches("GET", "/"));
        assert!(!rule(Some("PUT"), "/").matches("GET", "/"));
        assert!(!rule(None, "/orders").matches("GET", "/orders/7"));
        assert!(!rule(None, "/a*b*c").matches("GET", "/aXbX"));
        assert!(rule(None, "/a*b*c").matches("GET", "/abbXcc"));
        assert!(HttpRule::default().matches("DELETE", "/any"));
    }
}
