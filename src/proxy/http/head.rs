//! Heads of messages: read, and written again with other headers.

use std::collections::BTreeMap;

use super::body::{Body, Chunks};

/// Most headers of a message.
const HEADERS: usize = 128;

/// What the head of a request says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Request {
    pub(super) len: usize,
    pub(super) method: String,
    pub(super) target: String,
    pub(super) body: Body,
    /// The client waits for a go-ahead before it sends the body.
    pub(super) expects: bool,
}

/// What the head of an answer says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) len: usize,
    pub(super) status: u16,
    /// The body, if the request lets it have one.
    pub(super) body: Body,
}

/// What became of the reading of a head.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Read<T> {
    /// It is not all there.
    Partial,
    /// It is no head of HTTP/1.
    Foreign,
    /// There it is.
    Whole(T),
}

pub(super) fn request(bytes: &[u8]) -> Read<Request> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS];
    let mut parsed = httparse::Request::new(&mut headers);
    let len = match parsed.parse(bytes) {
        Ok(httparse::Status::Complete(len)) => len,
        Ok(httparse::Status::Partial) => return Read::Partial,
        Err(_) => return Read::Foreign,
    };
    let Some(body) = framing(parsed.headers) else { return Read::Foreign };
    Read::Whole(Request {
        len,
        method: parsed.method.unwrap_or_default().to_owned(),
        target: parsed.path.unwrap_or_default().to_owned(),
        body: body.unwrap_or(Body::Length(0)),
        expects: parsed.headers.iter().any(|h| h.name.eq_ignore_ascii_case("expect")),
    })
}

pub(super) fn answer(bytes: &[u8]) -> Read<Answer> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS];
    let mut parsed = httparse::Response::new(&mut headers);
    let len = match parsed.parse(bytes) {
        Ok(httparse::Status::Complete(len)) => len,
        Ok(httparse::Status::Partial) => return Read::Partial,
        Err(_) => return Read::Foreign,
    };
    let Some(body) = framing(parsed.headers) else { return Read::Foreign };
    let status = parsed.code.unwrap_or_default();
    let none = status < 200 || status == 204 || status == 304;
    Read::Whole(Answer { len, status, body: if none { Body::Length(0) } else { body.unwrap_or(Body::UntilClose) } })
}

/// The body that the headers promise; inner none when they promise none, outer none when they contradict themselves.
fn framing(headers: &[httparse::Header<'_>]) -> Option<Option<Body>> {
    let mut body = None;
    for header in headers {
        if header.name.eq_ignore_ascii_case("transfer-encoding") {
            let last = header.value.rsplit(|byte| *byte == b',').next().unwrap_or_default();
            if !last.trim_ascii().eq_ignore_ascii_case(b"chunked") {
                return None;
            }
            body = Some(Body::Chunked(Chunks::Size(0, true)));
        } else if header.name.eq_ignore_ascii_case("content-length") && !matches!(body, Some(Body::Chunked(_))) {
            let length = std::str::from_utf8(header.value).ok()?.trim().parse().ok()?;
            if body.as_ref().is_some_and(|known| *known != Body::Length(length)) {
                return None;
            }
            body = Some(Body::Length(length));
        }
    }
    Some(body)
}

/// A head with other headers: those with a text are set, those with an empty one removed. `length`: of a body that
/// takes the place of the one it had.
pub(super) fn rewrite(head: &[u8], changes: &BTreeMap<String, String>, length: Option<usize>) -> Vec<u8> {
    let changed = |name: &str| changes.keys().any(|key| key.eq_ignore_ascii_case(name));
    let framed = ["content-length", "transfer-encoding", "content-encoding", "trailer", "etag", "content-md5"];
    let dropped = |name: &str| changed(name) || (length.is_some() && framed.contains(&&*name.to_ascii_lowercase()));
    let mut lines = head.split_inclusive(|byte| *byte == b'\n');
    let mut written = lines.next().unwrap_or_default().to_vec();
    let mut dropping = false;
    for line in lines {
        let text = line.trim_ascii_end();
        if text.is_empty() {
            break;
        }
        // A line that begins with a space goes on with the header before it.
        if !line[0].is_ascii_whitespace() {
            let name = text.split(|byte| *byte == b':').next().unwrap_or_default();
            dropping = std::str::from_utf8(name).is_ok_and(|name| dropped(name.trim()));
        }
        if !dropping {
            written.extend_from_slice(line);
        }
    }
    for (name, value) in changes.iter().filter(|(_, value)| !value.is_empty()) {
        written.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
    }
    if let Some(length) = length {
        written.extend_from_slice(format!("content-length: {length}\r\n").as_bytes());
    }
    written.extend_from_slice(b"\r\n");
    written
}

/// A whole answer of our own.
pub(super) fn own(status: u16, headers: &BTreeMap<String, String>, body: &str, bodyless: bool, close: bool) -> Vec<u8> {
    let reason = match status {
        200 => "OK",
        400 => "Bad Request",
        404 => "Not Found",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        _ => "Injected",
    };
    let close = if close { "connection: close\r\n" } else { "" };
    let plain = if body.is_empty() { "" } else { "content-type: text/plain; charset=utf-8\r\n" };
    let head = format!("HTTP/1.1 {status} {reason}\r\n{plain}{close}\r\n");
    let none = status == 204 || status == 304;
    let mut answer = rewrite(head.as_bytes(), headers, (!none).then_some(body.len()));
    if !bodyless && !none {
        answer.extend_from_slice(body.as_bytes());
    }
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_say_where_their_bodies_end() {
        let body = |headers: &str| match request(format!("PUT /x HTTP/1.1\r\nhost: a\r\n{headers}\r\n").as_bytes()) {
            Read::Whole(request) => Some(request.body),
            _ => None,
        };
        assert_eq!(body(""), Some(Body::Length(0)));
        assert_eq!(body("Content-Length: 7\r\n"), Some(Body::Length(7)));
        let chunked = Some(Body::Chunked(Chunks::Size(0, true)));
        assert_eq!(body("content-length: 7\r\ntransfer-encoding: gzip, Chunked\r\n"), chunked);
        assert_eq!(body("transfer-encoding: chunked\r\ncontent-length: 7\r\n"), chunked);
        assert_eq!(body("content-length: 7\r\ncontent-length: 8\r\n"), None);
        assert_eq!(body("content-length: many\r\n"), None);
        let Read::Whole(untold) = answer(b"HTTP/1.1 200 OK\r\n\r\n") else { panic!("an answer") };
        assert_eq!(untold.body, Body::UntilClose);
        let Read::Whole(none) = answer(b"HTTP/1.1 304 Not Modified\r\ncontent-length: 9\r\n\r\n") else { panic!() };
        assert_eq!(none.body, Body::Length(0));
        assert_eq!(request(b"GET / HT"), Read::Partial);
        assert_eq!(request(b"HELO example.org\r\n"), Read::Foreign);
        assert_eq!(request(&[0x16, 3, 1, 2]), Read::Foreign);
    }

    #[test]
    fn headers_are_set_removed_and_framed_anew() {
        let head = b"HTTP/1.1 200 OK\r\nServer: x\r\nTransfer-Encoding: chunked\r\nVia: a,\r\n b\r\n\r\n";
        let changes = [("server".to_owned(), "y".to_owned()), ("via".to_owned(), String::new())].into();
        let written = String::from_utf8(rewrite(head, &changes, Some(3))).expect("text");
        assert_eq!(written, "HTTP/1.1 200 OK\r\nserver: y\r\ncontent-length: 3\r\n\r\n");
        let same = rewrite(head, &BTreeMap::new(), None);
        assert_eq!(same, head);
    }
}
