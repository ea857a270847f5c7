//! One request, ready to be rendered, and what is made of its answers.

use std::fmt;
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::{BufMut, Bytes, BytesMut};
use hyper::Method;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, COOKIE, HeaderMap, HeaderName, HeaderValue};
use hyper::http::uri::PathAndQuery;
use serde_json::Value;

use super::answers::{Checks, Source};
use super::compile::{Compiler, Place};
use super::grpc::Call;
use super::session::{Session, taken};
use super::text::{Text, Values};
use crate::observe::load::answer::{Answer, Wants};
use crate::observe::load::reason::{Check, Reason};
use crate::scenario::profile::{Auth, MOST_BODY, Request, StatusCodes, read_small};

/// One request, ready to be rendered.
pub struct Prepared {
    /// The index of its name.
    pub name: u16,
    /// The method.
    pub method: Method,
    /// How long it may take, when that is not what the profile says.
    pub timeout: Option<Duration>,
    path: Path,
    headers: Vec<(HeaderName, Header)>,
    body: Body,
    /// It is a gRPC call: then its body is a message in JSON, to be encoded.
    call: Option<Call>,
    status: Option<StatusCodes>,
    checks: Checks,
    /// What is taken from a good answer: places and sources.
    takes: Vec<(usize, Source)>,
    /// The places of the values that it needs.
    needs: Vec<usize>,
    reads_json: bool,
    wants: Wants,
}

/// One request for the wire.
#[derive(Debug, Clone)]
pub struct Rendered {
    /// Path and query with the target's prefix.
    pub path: PathAndQuery,
    /// Headers without `Host`.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

enum Path {
    Ready(PathAndQuery),
    Each(Text),
}

enum Header {
    Ready(HeaderValue),
    Each(Text),
    /// User and password, still to be encoded.
    Basic(Text),
}

enum Body {
    Ready(Bytes),
    Each(Text),
}

/// Names it, and shows nothing of it: there may be secrets in it.
impl fmt::Debug for Prepared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Prepared(name {}, {})", self.name, self.method)
    }
}

impl Prepared {
    /// Makes a request ready; `prefix` goes before its path.
    pub(super) fn new(
        request: &Request,
        name: u16,
        prefix: &str,
        compiler: &mut Compiler<'_>,
    ) -> Result<Prepared, String> {
        let timeout = request.timeout.map(|timeout| timeout.get());
        let limit = timeout.unwrap_or(compiler.profile().timeout.get());
        let call = request.grpc.as_ref().map(|call| Call::new(call, &request.expect, limit)).transpose()?;
        let path = match &call {
            Some(call) => {
                let mut path = Text::default();
                path.push_text(&format!("{prefix}{}", call.path()));
                path
            }
            None => target(request, prefix, compiler)?,
        };
        let checks = Checks::new(&request.expect)?;
        let mut takes = Vec::new();
        for (name, from) in &request.extract {
            takes.push((compiler.slot(name.as_str()), Source::new(from)?));
        }
        let mut prepared = Prepared {
            name,
            method: request.method.as_str().parse().map_err(|_| "not an HTTP method".to_owned())?,
            timeout,
            path: Path::new(path)?,
            headers: headers(request, compiler)?,
            body: Body::new(request, call.as_ref(), compiler)?,
            status: request.expect.status.clone(),
            reads_json: checks.reads_json() || takes.iter().any(|(_, source)| source.reads_json()),
            wants: takes.iter().fold(checks.wants(), |all, (_, source)| all.and(source.wants())),
            checks,
            takes,
            needs: Vec::new(),
            call,
        };
        prepared.wants.headers |= compiler.profile().http.cookies;
        match &prepared.call {
            Some(call) => {
                prepared.method = Method::POST;
                prepared.wants = Wants { headers: true, body: true, trailers: true };
                prepared.headers.extend(call.headers().map(|(name, value)| (name, Header::Ready(value))));
            }
            None => prepared.guess_type(),
        }
        prepared.needs = prepared.texts().flat_map(Text::slots).collect();
        Ok(prepared)
    }

    /// What must be kept of an answer for [`Prepared::judge`].
    pub fn wants(&self) -> Wants {
        self.wants
    }

    /// Whether it is a gRPC call, for which a connection must speak HTTP/2.
    pub fn is_grpc(&self) -> bool {
        self.call.is_some()
    }

    /// Whether it needs a value that no answer has given yet: then it cannot be sent.
    pub fn lacks(&self, session: &Session) -> bool {
        self.needs.iter().any(|slot| session.taken.get(*slot).is_none_or(Option::is_none))
    }

    /// Whether anything in it changes from request to request.
    pub(super) fn varies(&self) -> bool {
        self.texts().next().is_some()
    }

    /// Whether it needs values from answers at all.
    pub(super) fn needs_answers(&self) -> bool {
        !self.needs.is_empty()
    }

    /// Renders it. Values that its answer will give are forgotten, so that no old one is taken for a new one; but for
    /// those that it uses itself, as a token that is renewed by its holder.
    ///
    /// # Errors
    ///
    /// Why it cannot be sent: [`Reason::NotHttp`], [`Reason::Exhausted`] or [`Reason::NoValue`].
    pub(super) fn render(&self, values: &Values<'_>, session: &mut Session) -> Result<Rendered, Reason> {
        if self.lacks(session) {
            return Err(Reason::NoValue);
        }
        let values = Values { taken: &session.taken, ..*values };
        let scratch = &mut session.scratch;
        // What a request left that could not be rendered.
        scratch.clear();
        let path = self.path.render(&values, scratch)?;
        let mut headers = HeaderMap::with_capacity(self.headers.len() + usize::from(session.jar.is_some()));
        for (name, value) in &self.headers {
            headers.append(name, value.render(&values, scratch)?);
        }
        if let Some(jar) = &mut session.jar
            && let Some(cookies) = jar.header(path.path(), scratch)
        {
            // Those that the profile writes itself win.
            headers.entry(COOKIE).or_insert(cookies);
        }
        let body = match (&self.body, &self.call) {
            (Body::Ready(body), _) => body.clone(),
            (Body::Each(text), None) => {
                text.fill(&values, scratch)?;
                taken(scratch)
            }
            (Body::Each(text), Some(call)) => {
                text.fill(&values, scratch)?;
                call.encode(&taken(scratch)).map_err(|_| Reason::NotHttp)?
            }
        };
        for (slot, _) in self.takes.iter().filter(|(slot, _)| !self.needs.contains(slot)) {
            session.keep(*slot, None);
        }
        Ok(Rendered { path, headers, body })
    }

    /// Whether an answer that took so long, counted from its intended start, is good; if it is, the session has the
    /// values that are taken from it. Cookies are kept in any case.
    ///
    /// # Errors
    ///
    /// Why it is not good.
    pub fn judge(&self, answer: &Answer, took: Duration, session: &mut Session) -> Result<(), Reason> {
        if let Some(jar) = &mut session.jar {
            jar.keep(&answer.headers);
        }
        let json = match &self.call {
            Some(call) => call.judge(answer, self.reads_json)?,
            None if !self.status_is_good(answer.status) => return Err(Reason::Status(answer.status)),
            None if self.reads_json => serde_json::from_slice(&answer.body).ok(),
            None => None,
        };
        self.checks.pass(answer, json.as_ref(), took)?;
        self.take(answer, json.as_ref(), session)
    }

    fn take(&self, answer: &Answer, json: Option<&Value>, session: &mut Session) -> Result<(), Reason> {
        for (slot, source) in &self.takes {
            let value = source.take(answer, json).ok_or(Reason::Check(Check::Extract))?;
            session.keep(*slot, Some(value));
        }
        Ok(())
    }

    fn status_is_good(&self, status: u16) -> bool {
        match &self.status {
            Some(StatusCodes(allowed)) => allowed.contains(&status),
            None => status < 400,
        }
    }

    fn texts(&self) -> impl Iterator<Item = &Text> {
        let path = if let Path::Each(text) = &self.path { Some(text) } else { None };
        let body = if let Body::Each(text) = &self.body { Some(text) } else { None };
        let headers = self.headers.iter().filter_map(|(_, header)| match header {
            Header::Ready(_) => None,
            Header::Each(text) | Header::Basic(text) => Some(text),
        });
        path.into_iter().chain(headers).chain(body)
    }

    /// JSON is said to be JSON, where no header says otherwise.
    fn guess_type(&mut self) {
        let json = match &self.body {
            Body::Ready(body) => body.trim_ascii_start().first().is_some_and(|byte| b"{[".contains(byte)),
            Body::Each(text) => text.begins_with(['{', '[']),
        };
        if json && !self.headers.iter().any(|(name, _)| *name == CONTENT_TYPE) {
            self.headers.push((CONTENT_TYPE, Header::Ready(HeaderValue::from_static("application/json"))));
        }
    }
}

/// Path and query.
fn target(request: &Request, prefix: &str, compiler: &mut Compiler<'_>) -> Result<Text, String> {
    let mut path = Text::default();
    path.push_text(prefix);
    path.extend(compiler.text(&request.path, Place::PATH)?);
    let mut mark = if request.path.contains('?') { "&" } else { "?" };
    for (name, value) in &request.query {
        path.push_text(mark);
        path.extend(compiler.text(name, Place::QUERY)?);
        path.push_text("=");
        path.extend(compiler.text(value, Place::QUERY)?);
        mark = "&";
    }
    Ok(path)
}

fn headers(request: &Request, compiler: &mut Compiler<'_>) -> Result<Vec<(HeaderName, Header)>, String> {
    let mut headers = Vec::new();
    for (name, value) in &request.headers {
        let name: HeaderName = name.parse().map_err(|_| format!("`{name}` is not a header name"))?;
        let mut text = compiler.text(value, Place::ELSEWHERE)?;
        text.sensitive |= name == AUTHORIZATION || name == COOKIE;
        headers.push((name, Header::new(text)?));
    }
    if headers.iter().any(|(name, _)| *name == AUTHORIZATION) {
        return Ok(headers);
    }
    let auth = match &compiler.profile().http.auth {
        None => return Ok(headers),
        Some(Auth::Bearer(token)) => {
            let mut text = Text::default();
            text.push_text("Bearer ");
            text.extend(compiler.text(token, Place::ELSEWHERE)?);
            text.sensitive = true;
            Header::new(text)?
        }
        Some(Auth::Basic(basic)) => {
            let mut text = compiler.text(&basic.user, Place::ELSEWHERE)?;
            text.push_text(":");
            text.extend(compiler.text(&basic.password, Place::ELSEWHERE)?);
            match text.constant() {
                Some(both) => Header::Ready(basic_value(both.as_bytes())?),
                None => Header::Basic(text),
            }
        }
    };
    headers.push((AUTHORIZATION, auth));
    Ok(headers)
}

impl Path {
    fn new(text: Text) -> Result<Path, String> {
        match text.constant() {
            // The text may hold a secret, so the message does not show it.
            Some(path) => path.parse().map(Path::Ready).map_err(|_| "its path is not allowed in HTTP".to_owned()),
            None => Ok(Path::Each(text)),
        }
    }

    fn render(&self, values: &Values<'_>, scratch: &mut BytesMut) -> Result<PathAndQuery, Reason> {
        match self {
            Path::Ready(path) => Ok(path.clone()),
            Path::Each(text) => {
                text.fill(values, scratch)?;
                let path = taken(scratch);
                if path.first() != Some(&b'/') {
                    return Err(Reason::NotHttp);
                }
                PathAndQuery::from_maybe_shared(path).map_err(|_| Reason::NotHttp)
            }
        }
    }
}

impl Header {
    fn new(text: Text) -> Result<Header, String> {
        match text.constant() {
            Some(value) => {
                let value = HeaderValue::from_str(value);
                let mut value = value.map_err(|_| "a header's value has characters that HTTP refuses".to_owned())?;
                value.set_sensitive(text.sensitive);
                Ok(Header::Ready(value))
            }
            None => Ok(Header::Each(text)),
        }
    }

    fn render(&self, values: &Values<'_>, scratch: &mut BytesMut) -> Result<HeaderValue, Reason> {
        match self {
            Header::Ready(value) => Ok(value.clone()),
            Header::Each(text) => {
                text.fill(values, scratch)?;
                let mut value = HeaderValue::from_maybe_shared(taken(scratch)).map_err(|_| Reason::NotHttp)?;
                value.set_sensitive(text.sensitive);
                Ok(value)
            }
            Header::Basic(text) => {
                text.fill(values, scratch)?;
                basic_value(&taken(scratch)).map_err(|_| Reason::NotHttp)
            }
        }
    }
}

impl Body {
    fn new(request: &Request, call: Option<&Call>, compiler: &mut Compiler<'_>) -> Result<Body, String> {
        if let Some(path) = &request.body_file {
            let bytes = read_small(path, MOST_BODY).map_err(|why| format!("body_file {path}: {why}"))?;
            return Ok(Body::Ready(bytes.into()));
        }
        let body = match &request.grpc {
            Some(grpc) => grpc.message.as_deref().unwrap_or("{}"),
            None => request.body.as_deref().unwrap_or_default(),
        };
        let text = compiler.text(body, Place::ELSEWHERE)?;
        Ok(match (text.constant(), call) {
            (Some(message), Some(call)) => Body::Ready(call.encode(message.as_bytes())?),
            (Some(body), None) => Body::Ready(Bytes::copy_from_slice(body.as_bytes())),
            (None, _) => Body::Each(text),
        })
    }
}

/// The value of `authorization` for user and password (RFC 7617).
fn basic_value(both: &[u8]) -> Result<HeaderValue, String> {
    let mut value = BytesMut::from(&b"Basic "[..]);
    value.put_slice(BASE64_STANDARD.encode(both).as_bytes());
    let value = HeaderValue::from_maybe_shared(value.freeze());
    let mut value = value.map_err(|_| "user and password cannot stand in a header".to_owned())?;
    value.set_sensitive(true);
    Ok(value)
}
