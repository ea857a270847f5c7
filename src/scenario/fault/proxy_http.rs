//! `proxy-http`: the specification.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{FieldProblem, Kind, Use};
use crate::model::{HttpRule, HumanDuration, LinkRule, Name, Ratio, Scope, Ways, whole};

/// Bends requests and answers of plain HTTP/1.1 on a link; TLS passes untouched.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProxyHttp {
    /// The link, a name of `proxies:`.
    pub proxy: Name,
    /// The method it is about; any when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// The path it is about, without query, `*` for any text; any when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Answer with this status instead of passing the request on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub abort: Option<u16>,
    /// Pass the request on, or answer it, so much later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delay: Option<HumanDuration>,
    /// Headers of the request to set, or with an empty text to remove.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub request_headers: BTreeMap<String, String>,
    /// Headers of the answer to set, or with an empty text to remove.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub response_headers: BTreeMap<String, String>,
    /// Text in the place of the answer's body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// The share of matching requests that it bends, decided for each from the seed.
    #[serde(default = "whole")]
    pub probability: Ratio,
}

/// Headers that say where a message ends: changing them would break what follows.
const FRAMING: [&str; 5] = ["content-length", "transfer-encoding", "connection", "upgrade", "trailer"];

impl ProxyHttp {
    /// The rule that does it.
    pub fn rule(&self) -> LinkRule {
        let rule = HttpRule {
            method: self.method.clone(),
            path: self.path.clone(),
            abort: self.abort,
            delay: self.delay,
            request_headers: self.request_headers.clone(),
            response_headers: self.response_headers.clone(),
            body: self.body.clone(),
        };
        LinkRule::Http { rule, scope: Scope { direction: Ways::Both, probability: self.probability } }
    }

    fn header_problem(&self) -> Option<FieldProblem> {
        let fields = [("request_headers", &self.request_headers), ("response_headers", &self.response_headers)];
        let all = fields.into_iter().flat_map(|(field, headers)| headers.iter().map(move |(k, v)| (field, k, v)));
        let token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
        for (field, name, value) in all {
            let message = if name.is_empty() || !name.chars().all(token) {
                format!("`{name}` is not the name of a header")
            } else if value.chars().any(char::is_control) {
                format!("the value of `{name}` holds a control character")
            } else if FRAMING.contains(&name.to_ascii_lowercase().as_str()) {
                format!("`{name}` says where messages end and cannot be changed")
            } else {
                continue;
            };
            return Some(FieldProblem { field, message, hint: "name another header".into() });
        }
        None
    }
}

impl Kind for ProxyHttp {
    const HELD: bool = true;
    const EXAMPLE: &'static str = "proxy-http: { proxy: front, path: '/orders/*', abort: 503 }";

    fn uses(&self) -> Vec<Use<'_>> {
        vec![Use::proxy(&self.proxy)]
    }

    fn detail(&self) -> String {
        let asked = [self.method.clone(), self.path.clone()];
        let done = [
            self.abort.map(|status| format!("status {status}")),
            self.delay.map(|delay| format!("{delay} later")),
            (!self.request_headers.is_empty()).then(|| "request headers".into()),
            (!self.response_headers.is_empty()).then(|| "response headers".into()),
            self.body.as_ref().map(|_| "body".into()),
        ];
        asked.into_iter().chain(done).flatten().collect::<Vec<_>>().join(" ")
    }

    fn problems(&self) -> Vec<FieldProblem> {
        let mut problems: Vec<_> = self.header_problem().into_iter().collect();
        let bends_answer = !self.response_headers.is_empty() || self.body.is_some();
        if self.abort.is_some_and(|status| !(200..=599).contains(&status)) {
            let message = "an answer has a status from 200 to 599".to_owned();
            problems.push(FieldProblem { field: "abort", message, hint: "503 is a good one".into() });
        }
        if self.abort.is_none() && self.delay.is_none() && self.request_headers.is_empty() && !bends_answer {
            let hint = "give `abort`, `delay`, `request_headers`, `response_headers` or `body`".to_owned();
            problems.push(FieldProblem { field: "proxy", message: "nothing is bent".into(), hint });
        }
        problems
    }
}
