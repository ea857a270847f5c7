//! A request on its way from a foreign format into a profile. All its texts are templates of ours already.

use super::url::Address;
use crate::scenario::profile::Method;

/// A request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Draft {
    pub method: Method,
    /// Scheme and authority; `None` where a document leaves it open.
    pub origin: Option<String>,
    /// Path and query: a template.
    pub path: String,
    /// The path's segments for a name: ids replaced.
    pub route: Vec<String>,
    /// A name given by the input.
    pub label: Option<String>,
    /// Names as written, values as templates.
    pub headers: Vec<(String, String)>,
    /// A template.
    pub body: Option<String>,
    /// The statuses of a good answer; any below 400 when empty.
    pub statuses: Vec<u16>,
    pub weight: u32,
    /// What the reader of the profile should know about it.
    pub remarks: Vec<String>,
}

impl Draft {
    /// A request without headers and body. `path` is the address's path as a template.
    pub fn new(method: Method, address: &Address, path: String) -> Draft {
        Draft {
            method,
            origin: Some(address.origin.clone()),
            path,
            route: super::names::route(&address.path),
            label: None,
            headers: Vec::new(),
            body: None,
            statuses: Vec::new(),
            weight: 1,
            remarks: Vec::new(),
        }
    }

    /// Whether it asks for a change.
    pub fn writes(&self) -> bool {
        !matches!(self.method, Method::Get | Method::Head | Method::Options)
    }
}

/// What users do one after the other.
#[derive(Debug, Clone)]
pub(super) struct Walk {
    pub name: String,
    pub steps: Vec<Draft>,
    /// Shortest and longest think time, in milliseconds.
    pub think: (u64, u64),
    pub remarks: Vec<String>,
}

/// What a format's reader found.
#[derive(Debug, Clone)]
pub(super) struct Found {
    /// What it is, for the profile's first comment: `a HAR recording (Firefox 132.0)`.
    pub what: String,
    /// For the profile's title.
    pub title: String,
    /// Scheme and authority of the host that was kept.
    pub base_url: Option<String>,
    pub traffic: Traffic,
    /// Written as comments, to be woken by hand.
    pub asleep: Vec<Draft>,
}

/// The load model decides the shape of a profile.
#[derive(Debug, Clone)]
pub(super) enum Traffic {
    /// Open model: picked by weight.
    Requests(Vec<Draft>),
    /// Closed model.
    Walks(Vec<Walk>),
}

/// The text itself as a template: nothing of it is a value of ours.
pub(super) fn literal(text: &str) -> String {
    text.replace("${", "$${")
}

/// The method of that name, in any case.
pub(super) fn method(name: &str) -> Option<Method> {
    const ALL: [Method; 7] =
        [Method::Get, Method::Head, Method::Post, Method::Put, Method::Patch, Method::Delete, Method::Options];
    ALL.into_iter().find(|method| method.as_str().eq_ignore_ascii_case(name))
}

/// Joins the values of headers that are given more than once (RFC 9110, 5.3): a profile has each name once. Cookies
/// are joined as cookies are (RFC 6265, 5.4).
pub(super) fn join_headers(headers: Vec<(String, String)>) -> Vec<(String, String)> {
    let mut joined: Vec<(String, String)> = Vec::with_capacity(headers.len());
    for (name, value) in headers {
        match joined.iter_mut().find(|(known, _)| known.eq_ignore_ascii_case(&name)) {
            Some((_, all)) => {
                all.push_str(if name.eq_ignore_ascii_case("cookie") { "; " } else { ", " });
                all.push_str(&value);
            }
            None => joined.push((name, value)),
        }
    }
    joined
}

/// Whether a header belongs to one connection, or is made anew for each request (RFC 9110, 7.6.1). Such ones are never
/// copied.
pub(super) fn is_of_connection(name: &str) -> bool {
    const THEIRS: [&str; 11] = [
        "connection",
        "content-length",
        "expect",
        "http2-settings",
        "keep-alive",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "via",
    ];
    name.starts_with(':') || THEIRS.iter().any(|theirs| name.eq_ignore_ascii_case(theirs))
}

/// Whether a profile can hold a header of that name and value.
pub(super) fn is_header(name: &str, value: &str) -> bool {
    let token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    !name.is_empty() && name.chars().all(token) && !value.chars().any(|c| c.is_control() && c != '\t')
}
