//! Requests: what is sent.

use super::names::Reach;
use super::{LONGEST_TIMEOUT, Problems};
use crate::model::grpc;
use crate::scenario::profile::names::Named;
use crate::scenario::profile::template::{Form, Part, Template, Value};
use crate::scenario::profile::{GrpcCall, HttpVersion, Request};

/// Headers that the client makes itself.
const OURS: [&str; 4] = ["connection", "content-length", "transfer-encoding", "upgrade"];

impl Problems {
    pub(super) fn request(&mut self, at: &str, request: &Request, reach: &Reach<'_>) {
        match &request.grpc {
            Some(call) => self.call(at, request, call, reach),
            None => self.target(at, request, reach),
        }
        for (name, value) in &request.headers {
            self.header(at, name, value, request.grpc.is_some());
            self.template(&format!("{at}.headers.{name}"), value, reach);
        }
        if !request.headers.keys().any(|name| name.eq_ignore_ascii_case("authorization")) {
            self.auth(reach);
        }
        match request.timeout {
            Some(timeout) if timeout.get().is_zero() || timeout.get() > LONGEST_TIMEOUT => {
                self.error(format!("{at}.timeout"), "a request's timeout is more than 0s and at most 600s");
            }
            _ => {}
        }
        match &request.think_time {
            Some(_) if !reach.in_journey() => {
                self.error(format!("{at}.think_time"), "users of journeys think; an arrival rate sends on schedule");
            }
            Some(wait) => self.wait(&format!("{at}.think_time"), wait),
            None => {}
        }
        self.expect(at, request, reach.profile().timeout);
        self.extract(at, request, reach);
    }

    /// Path, query and body.
    fn target(&mut self, at: &str, request: &Request, reach: &Reach<'_>) {
        let path = format!("{at}.path");
        if let Some(template) = self.template(&path, &request.path, reach) {
            if !begins_with_slash(&template, reach) {
                self.error(&*path, "a path starts with `/`; the host comes from the stream's `base_url`");
            }
            let unsafe_in_path = |c: char| !c.is_ascii_graphic() || "\"<>\\^`{|}#".contains(c);
            let texts = reach.profile().expanded(&template).texts;
            if let Some(wrong) = texts.iter().find_map(|text| text.chars().find(|c| unsafe_in_path(*c))) {
                let bytes = wrong.to_string().bytes().map(|byte| format!("%{byte:02X}")).collect::<String>();
                self.error(path, format!("a path has no {wrong:?}: write it as `{bytes}`"));
            }
        }
        for (name, value) in &request.query {
            let path = format!("{at}.query.{name}");
            if name.is_empty() {
                self.error(&*path, "a parameter of a query has a name");
            }
            self.template(&path, name, reach);
            self.template(&path, value, reach);
        }
        if let Some(body) = &request.body {
            self.template(&format!("{at}.body"), body, reach);
            if request.body_file.is_some() {
                self.error(format!("{at}.body_file"), "a request has one body: give either `body` or `body_file`");
            }
        }
    }

    fn header(&mut self, at: &str, name: &str, value: &str, grpc: bool) {
        let token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
        if name.is_empty() || !name.chars().all(token) {
            self.error(format!("{at}.headers"), format!("`{name}` is not a header name"));
        } else if grpc && let Err(why) = grpc::metadata_name(name) {
            self.error(format!("{at}.headers.{name}"), why);
        } else if OURS.iter().any(|ours| name.eq_ignore_ascii_case(ours)) {
            self.error(format!("{at}.headers.{name}"), format!("`{name}` is made by the client itself: leave it out"));
        }
        if value.chars().any(|c| c.is_control() && c != '\t') {
            self.error(format!("{at}.headers.{name}"), "a header value has no line ends or control characters");
        }
    }

    fn call(&mut self, at: &str, request: &Request, call: &GrpcCall, reach: &Reach<'_>) {
        let http = [
            ("path", !request.path.is_empty()),
            ("query", !request.query.is_empty()),
            ("body", request.body.is_some()),
            ("body_file", request.body_file.is_some()),
        ];
        for (key, there) in http {
            if there {
                let message = "a gRPC call has no such part: its method makes the path, `message` is its body";
                self.error(format!("{at}.{key}"), message);
            }
        }
        if reach.profile().http.version == HttpVersion::Http11 {
            self.error("http.version", format!("gRPC needs HTTP/2, and the request `{}` is a gRPC call", request.name));
        }
        if call.method != grpc::HEALTH_CHECK && call.descriptors.is_none() {
            let message = format!(
                "`{}` needs `descriptors`, the file that `protoc --include_imports --descriptor_set_out=FILE` writes; \
                 only {} is known without",
                call.method,
                grpc::HEALTH_CHECK
            );
            self.error(format!("{at}.grpc"), message);
        }
        self.template(&format!("{at}.grpc.message"), call.message.as_deref().unwrap_or("{}"), reach);
    }
}

/// Whether a path is one for certain: what is put in raw is looked at when it is sent.
fn begins_with_slash(template: &Template, reach: &Reach<'_>) -> bool {
    match template.parts().first() {
        Some(Part::Text(text)) => text.starts_with('/'),
        Some(Part::Value(Value::Choice(words), _)) => words.iter().all(|word| word.starts_with('/')),
        Some(Part::Value(Value::Name(name), form)) => match reach.profile().named(name) {
            Some(Named::Variable(text)) => text.starts_with('/'),
            // What is not known is told elsewhere.
            Some(_) => *form == Form::Raw,
            None => true,
        },
        _ => false,
    }
}
