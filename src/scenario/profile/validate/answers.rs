//! What counts as a good answer, and what is taken from it.

use hyper::header::HeaderName;
use regex::Regex;
use serde_json_path::JsonPath;

use super::Problems;
use super::names::Reach;
use crate::model::HumanDuration;
use crate::scenario::profile::{Extract, Request};

impl Problems {
    pub(super) fn expect(&mut self, at: &str, request: &Request, timeout: HumanDuration) {
        let expect = &request.expect;
        for (name, pattern) in &expect.headers {
            if name.parse::<HeaderName>().is_err() {
                self.error(format!("{at}.expect.headers"), format!("`{name}` is not a header name"));
            }
            self.pattern(&format!("{at}.expect.headers.{name}"), pattern);
        }
        if let Some(pattern) = &expect.matches {
            self.pattern(&format!("{at}.expect.matches"), pattern);
        }
        for path in expect.json.keys() {
            self.json_path(&format!("{at}.expect.json"), path);
        }
        if let Some(latency) = expect.latency {
            let path = format!("{at}.expect.latency");
            let timeout = request.timeout.unwrap_or(timeout);
            if latency.get().is_zero() {
                self.error(path, "an answer takes more than 0s");
            } else if latency >= timeout {
                self.warn(path, format!("no answer is that late: after the timeout of {timeout} there is none"));
            }
        }
        if request.grpc.is_some() {
            let text = [
                (
                    "status",
                    expect.status.is_some(),
                    "the HTTP status of a gRPC answer is always 200: use `grpc_status`",
                ),
                ("contains", expect.contains.is_some(), "a gRPC answer is no text: use `json`"),
                ("matches", expect.matches.is_some(), "a gRPC answer is no text: use `json`"),
            ];
            for (key, there, message) in text {
                if there {
                    self.error(format!("{at}.expect.{key}"), message);
                }
            }
        }
        if expect.grpc_status.is_some() && request.grpc.is_none() {
            self.error(format!("{at}.expect.grpc_status"), "only a gRPC call has a gRPC status: use `status`");
        }
    }

    pub(super) fn extract(&mut self, at: &str, request: &Request, reach: &Reach<'_>) {
        if !request.extract.is_empty() && !reach.in_journey() {
            self.error(
                format!("{at}.extract"),
                "requests of an arrival rate wait for no answer, so that none could use the value: take values in the \
                 steps of a journey; what an answer must hold is said with `expect`",
            );
        }
        for (name, from) in &request.extract {
            let path = format!("{at}.extract.{name}");
            self.reserved(&path, name.as_str());
            if reach.profile().vars.contains_key(name) {
                self.error(&*path, format!("`{name}` is a variable as well: choose another name"));
            }
            self.taken(&path, from, request.grpc.is_some());
        }
    }

    fn taken(&mut self, path: &str, from: &Extract, grpc: bool) {
        match (&from.json, &from.header, &from.regex) {
            (Some(json), None, None) => self.json_path(&format!("{path}.json"), json),
            (None, Some(header), _) if header.parse::<HeaderName>().is_err() => {
                self.error(format!("{path}.header"), format!("`{header}` is not a header name"));
            }
            (None, Some(_), None) => {}
            (None, None, Some(_)) if grpc => {
                self.error(format!("{path}.regex"), "a gRPC answer is no text: use `json`");
            }
            (None, _, Some(pattern)) => self.pattern(&format!("{path}.regex"), pattern),
            _ => self.error(path, "give one of `json`, `header` and `regex`; `regex` may stand beside `header` alone"),
        }
    }

    fn pattern(&mut self, path: &str, pattern: &str) {
        if let Err(why) = Regex::new(pattern) {
            // The message shows the pattern over several lines; the last one says what is wrong.
            let why = why.to_string();
            let why = why.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
            self.error(path, format!("`{pattern}` is not a regular expression: {why}"));
        }
    }

    fn json_path(&mut self, path: &str, json: &str) {
        if let Err(why) = JsonPath::parse(json) {
            let (message, position) = (why.message(), why.position() + 1);
            self.error(
                path,
                format!("`{json}` is not a JSON path such as `$.items[0].id` (RFC 9535): at {position}, {message}"),
            );
        }
    }
}
