//! Targets of vegeta: its http format and its JSON format
//! (<https://github.com/tsenart/vegeta#-format>), each target a request of the open model.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use std::collections::BTreeMap;

use super::draft::{Draft, Found, Traffic, is_header, is_of_connection, join_headers, method};
use super::secrets::Hider;
use super::url::Address;
use super::{ImportError, Input, MOST_BODY, MOST_HEADERS, MOST_REQUESTS, Notes, Options, count, hosts};

/// A target, before it is a draft.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Target {
    /// From 1.
    line: usize,
    method: String,
    url: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

/// Reads targets.
pub(super) fn read(input: &Input<'_>, options: &Options, notes: &mut Notes) -> Result<Found, ImportError> {
    let targets = if input.text.trim_start().starts_with('{') { json(input.text)? } else { http(input)? };
    if targets.is_empty() {
        return Err(ImportError::new("there is no target", "a target is a line like `GET http://host/path`"));
    }
    let all = targets.len();
    let addressed = |target: Target| match Address::parse(&target.url) {
        Ok(address) => Ok((target, address)),
        Err(why) => Err(wrong(target.line, why, "look at this line")),
    };
    let mut targets = targets.into_iter().map(addressed).collect::<Result<Vec<_>, _>>()?;
    // Hosts first: what is left out needs no variables for its secrets.
    let host = options.host.as_deref();
    let base_url = hosts::keep(&mut targets, |(_, address)| Some(&address.origin), host, notes)?;
    let mut hider = Hider::default();
    let mut drafts = Vec::new();
    for (target, address) in targets {
        drafts.extend(draft(target, &address, &mut hider, notes)?);
    }
    let drafts = merged(drafts, notes);
    if drafts.is_empty() {
        return Err(ImportError::new("no target is left to be sent", left_out(notes)));
    }
    hosts::warn_of_writes(drafts.iter(), notes);
    if drafts.len() > 1 {
        notes.changed("vegeta sends targets in their order; here each is picked by its weight");
    }
    Ok(Found {
        what: format!("{} of vegeta", count(all, "target")),
        title: format!("Targets from {}", super::notes::plain(input.file)),
        base_url,
        traffic: Traffic::Requests(drafts),
        asleep: Vec::new(),
    })
}

fn wrong(line: usize, what: &str, hint: &str) -> ImportError {
    ImportError::new(what, format!("a target is like `GET http://host/path`: {hint}")).at(line, 1)
}

/// Why nothing is left, as a hint.
pub(super) fn left_out(notes: &Notes) -> String {
    let all: Vec<_> = notes.all_left_out().take(5).collect();
    format!("left out: {}", if all.is_empty() { "nothing".into() } else { all.join("; ") })
}

/// Targets that are alike are one request with a weight.
fn merged(drafts: Vec<Draft>, notes: &mut Notes) -> Vec<Draft> {
    let mut distinct: Vec<Draft> = Vec::new();
    let mut places: BTreeMap<String, usize> = BTreeMap::new();
    for draft in drafts {
        let key = format!("{} {} {:?} {:?}", draft.method.as_str(), draft.path, draft.headers, draft.body);
        match places.get(&key) {
            Some(place) => distinct[*place].weight = distinct[*place].weight.saturating_add(1),
            None if distinct.len() < MOST_REQUESTS => {
                places.insert(key, distinct.len());
                distinct.push(draft);
            }
            None => notes.left_out(format!(
                "target beyond the first {MOST_REQUESTS} different ones: where only an id differs, write one request \
                 with `${{random:1-1000}}`"
            )),
        }
    }
    distinct
}

fn draft(
    target: Target,
    address: &Address,
    hider: &mut Hider,
    notes: &mut Notes,
) -> Result<Option<Draft>, ImportError> {
    let line = target.line;
    let methods = "GET, HEAD, POST, PUT, PATCH, DELETE or OPTIONS";
    let method = method(&target.method).ok_or_else(|| wrong(line, "the method is none of ours", methods))?;
    let Ok(body) = String::from_utf8(target.body) else {
        notes.left_out("target whose body is not text (UTF-8): a profile is text");
        return Ok(None);
    };
    if body.len() > MOST_BODY {
        notes.left_out(format!("target with a body over {} KiB", MOST_BODY >> 10));
        return Ok(None);
    }
    let mut draft = Draft::new(method, address, hider.path(&address.path, notes));
    let mut headers = target.headers;
    headers.retain(|(name, _)| !is_of_connection(name));
    if let Some(userinfo) = &address.userinfo {
        headers.push(("Authorization".into(), format!("Basic {}", STANDARD.encode(userinfo))));
    }
    let headers = join_headers(headers);
    if let Some((name, _)) = headers.iter().find(|(name, value)| !is_header(name, value)) {
        let name = super::notes::plain(name);
        return Err(wrong(line, &format!("`{name}` is not a header"), "then lines like `Name: value`"));
    }
    if headers.len() > MOST_HEADERS {
        return Err(wrong(line, &format!("it has more than {MOST_HEADERS} headers"), "take some away"));
    }
    let media = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("content-type"));
    draft.body = (!body.is_empty()).then(|| hider.body(&body, media.map(|(_, value)| value.as_str()), notes));
    for (name, value) in headers {
        let value = hider.header(&name, &value, notes);
        draft.headers.push((name, value));
    }
    Ok(Some(draft))
}

/// The http format: a line with method and URL, then headers, then `@file` with the body; targets end with an empty
/// line, or where the next one begins. Lines with `#` are comments.
fn http(input: &Input<'_>) -> Result<Vec<Target>, ImportError> {
    let mut targets: Vec<Target> = Vec::new();
    let mut open = false;
    for (nth, line) in input.text.lines().enumerate() {
        let (number, line) = (nth + 1, line.trim());
        let wrong = |what: &str, hint: &str| ImportError::new(what, hint).at(number, 1);
        if line.is_empty() {
            open = false;
        } else if line.starts_with('#') {
        } else if line.split_once(' ').is_some_and(|(word, _)| method(word).is_some()) {
            let (word, url) = line.split_once(' ').unwrap_or_default();
            targets.push(Target { line: number, method: word.into(), url: url.trim().into(), ..Target::default() });
            open = true;
        } else if let Some(target) = targets.last_mut().filter(|_| open) {
            if let Some(file) = line.strip_prefix('@') {
                target.body = (input.read)(file).map_err(|why| {
                    let file = super::notes::plain(file);
                    wrong(&format!("the body `{file}` cannot be read: {why}"), "its path counts from this folder")
                })?;
                open = false;
                continue;
            }
            let (name, value) = line.split_once(':').unwrap_or_default();
            if name.trim().is_empty() || value.trim().is_empty() {
                return Err(wrong("neither a header nor a body", "write `Name: value`, `@file`, or an empty line"));
            }
            target.headers.push((name.trim().into(), value.trim().into()));
        } else {
            return Err(wrong("no target begins like this", "a target is like `GET http://host/path`"));
        }
    }
    Ok(targets)
}

/// A line of the JSON format.
#[derive(Deserialize)]
struct Line {
    method: String,
    url: String,
    #[serde(default)]
    body: Option<String>,
    #[serde(default)]
    header: Option<BTreeMap<String, Vec<String>>>,
}

/// The JSON format: one object after the other, bodies in base64.
fn json(text: &str) -> Result<Vec<Target>, ImportError> {
    let mut targets = Vec::new();
    let mut lines = serde_json::Deserializer::from_str(text).into_iter::<Line>();
    // Where a value starts, for whatever is wrong inside it.
    let (mut counted, mut line) = (0, 1);
    loop {
        let from = lines.byte_offset();
        let gap = text[from..].len() - text[from..].trim_start().len();
        line += text[counted..from + gap].matches('\n').count();
        counted = from + gap;
        let Some(next) = lines.next() else { return Ok(targets) };
        let next = next.map_err(|why| {
            let hint = r#"a target is like {"method": "GET", "url": "http://host/path", "body": "<base64>"}"#;
            ImportError::of_json(&why, hint)
        })?;
        let body = STANDARD.decode(next.body.unwrap_or_default()).map_err(|_| {
            ImportError::new("the body is not base64", "encode it: vegeta takes JSON bodies in base64").at(line, 1)
        })?;
        let header = next.header.unwrap_or_default();
        let headers = header.into_iter().flat_map(|(name, all)| all.into_iter().map(move |v| (name.clone(), v)));
        targets.push(Target { line, method: next.method, url: next.url, headers: headers.collect(), body });
    }
}
