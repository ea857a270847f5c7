//! The driver of HTTP and TCP: HTTP/1.1 with hyper, no proxy, no redirects, no decompression.
//!
//! The phases of an exchange are separate calls here, each under the same deadline, because whose failure it is and
//! whether anything was sent depends on the phase it happened in.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{CONNECTION, CONTENT_TYPE, HOST, HeaderName, HeaderValue, USER_AGENT};
use hyper::{Method, Request, Response, Uri};
use hyper_util::rt::TokioIo;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_util::task::AbortOnDropHandle;

use super::address::Authority;
use super::dial::{Dialler, Protocol};
use super::idle::{Idle, READY_WITHIN};
use super::{ExchangeFailure, FailureClass, Http, HttpOutcome, HttpRequest, classify};
use crate::world::secrets::Secrets;

/// HTTP and TCP of this host.
#[derive(Debug, Default)]
pub struct HostHttp {
    secrets: Secrets,
    dialler: Dialler,
    idle: Idle<Line>,
}

/// One connection; dropping it closes the socket.
#[derive(Debug)]
struct Line {
    sender: SendRequest<Full<Bytes>>,
    _driver: AbortOnDropHandle<()>,
}

/// A request with every secret in its place.
struct Ready {
    to: Authority,
    request: Request<Full<Bytes>>,
}

impl HostHttp {
    /// A driver that resolves references to secrets in addresses, headers and bodies.
    pub fn new(secrets: Secrets) -> Self {
        HostHttp { secrets, ..HostHttp::default() }
    }

    async fn attempt(&self, request: &HttpRequest) -> Result<HttpOutcome, ExchangeFailure> {
        let deadline = Instant::now() + request.timeout;
        let Ready { to, request: message } = self.ready(request).map_err(|why| ExchangeFailure::local(&why))?;
        let (line, response) = self.send(&to, message, request.fresh_connection, deadline).await?;
        let status = response.status().as_u16();
        let text =
            |(name, value): (&HeaderName, &HeaderValue)| Some((name.to_string(), value.to_str().ok()?.to_owned()));
        let headers = response.headers().iter().filter_map(text).collect();
        let body = read(response, request.max_body, deadline).await?;
        if !request.fresh_connection && !line.sender.is_closed() {
            self.idle.keep(to, line);
        }
        Ok(HttpOutcome::Answered { status, headers, body })
    }

    /// Sends on an idle connection, where one may be used, or else on a new one. A connection that the other side
    /// closed while idle gives the request back unsent; only then is it sent again.
    async fn send(
        &self,
        to: &Authority,
        mut message: Request<Full<Bytes>>,
        fresh: bool,
        deadline: Instant,
    ) -> Result<(Line, Response<Incoming>), ExchangeFailure> {
        while let Some(mut line) = (!fresh).then(|| self.idle.reuse(to)).flatten() {
            if !line.is_usable().await {
                continue;
            }
            match line.ask(message, deadline).await {
                Ok(response) => return Ok((line, response)),
                Err((failure, None)) => return Err(failure),
                Err((_, Some(unsent))) => message = *unsent,
            }
        }
        let mut line = self.open(to, deadline).await?;
        match line.ask(message, deadline).await {
            Ok(response) => Ok((line, response)),
            Err((failure, _)) => Err(failure),
        }
    }

    async fn open(&self, to: &Authority, deadline: Instant) -> Result<Line, ExchangeFailure> {
        let stream = self.dialler.open(to, Protocol::Http1, deadline).await?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await.map_err(|e| classify::exchange(&e, false))?;
        let driver = tokio::spawn(async move {
            // Its error reaches whoever waits for the response.
            let _told_there = connection.await;
        });
        Ok(Line { sender, _driver: AbortOnDropHandle::new(driver) })
    }

    /// Whether an idle connection is kept that the other side has not closed, as far as is known.
    #[cfg(test)]
    pub(super) fn has_open_idle(&self) -> bool {
        self.idle.any(|line| !line.sender.is_closed())
    }

    fn ready(&self, request: &HttpRequest) -> Result<Ready, String> {
        let resolve = |text| self.secrets.resolve(text).map_err(|e| e.to_string());
        let uri: Uri = resolve(&request.url)?.parse().map_err(|e| format!("{} is not an address: {e}", request.url))?;
        let to = Authority::of(&uri).map_err(|why| format!("{} cannot be asked: {why}", request.url))?;
        let method = Method::from_bytes(request.method.as_bytes())
            .map_err(|_| format!("`{}` is not an HTTP method", request.method))?;
        let body = request.body.as_deref().map(resolve).transpose()?.unwrap_or_default().into_owned();
        let kind = if body.starts_with(['{', '[']) { "application/json" } else { "text/plain; charset=utf-8" };

        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        let mut message = Request::builder().method(method).uri(path);
        if let Some(headers) = message.headers_mut() {
            for (name, value) in &request.headers {
                let header =
                    HeaderName::from_bytes(name.as_bytes()).map_err(|_| format!("`{name}` is not a header"))?;
                let mut value = HeaderValue::from_str(&resolve(value)?)
                    .map_err(|_| format!("header {name} has a value that HTTP cannot carry"))?;
                value.set_sensitive(true);
                headers.append(header, value);
            }
            let host = uri.authority().map_or("", |authority| authority.as_str());
            let mut default = |name, value: &str| {
                if let (false, Ok(value)) = (headers.contains_key(&name), HeaderValue::from_str(value)) {
                    headers.insert(name, value);
                }
            };
            default(HOST, host);
            default(USER_AGENT, concat!("simulacro/", env!("CARGO_PKG_VERSION")));
            if request.body.is_some() {
                default(CONTENT_TYPE, kind);
            }
            if request.fresh_connection {
                // The side that closes first keeps the port for a minute; a probe that runs for hours must not be it.
                default(CONNECTION, "close");
            }
        }
        let request = message.body(Full::new(Bytes::from(body))).map_err(|e| e.to_string())?;
        Ok(Ready { to, request })
    }

    fn redacted(&self, failure: ExchangeFailure) -> ExchangeFailure {
        ExchangeFailure { detail: self.secrets.redactor().redact(&failure.detail), ..failure }
    }
}

impl Line {
    /// Whether another request can go out on it.
    async fn is_usable(&mut self) -> bool {
        !self.sender.is_closed() && matches!(timeout(READY_WITHIN, self.sender.ready()).await, Ok(Ok(())))
    }

    /// Sends a request and waits for the head of the response. The request comes back when no byte of it was sent.
    async fn ask(
        &mut self,
        message: Request<Full<Bytes>>,
        deadline: Instant,
    ) -> Result<Response<Incoming>, (ExchangeFailure, Option<Box<Request<Full<Bytes>>>>)> {
        match timeout_at(deadline, self.sender.try_send_request(message)).await {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(mut e)) => {
                let unsent = e.take_message().map(Box::new);
                Err((classify::exchange(e.error(), unsent.is_none()), unsent))
            }
            Err(_) => Err((ExchangeFailure::late("no answer in time"), None)),
        }
    }
}

async fn read(response: Response<Incoming>, max: usize, deadline: Instant) -> Result<Vec<u8>, ExchangeFailure> {
    let mut body = response.into_body();
    let mut bytes = Vec::new();
    loop {
        let frame = match timeout_at(deadline, body.frame()).await {
            Ok(Some(frame)) => frame.map_err(|e| classify::exchange(&e, true))?,
            Ok(None) => return Ok(bytes),
            Err(_) => return Err(ExchangeFailure::late("the answer did not end in time")),
        };
        if let Ok(data) = frame.into_data() {
            if bytes.len() + data.len() > max {
                let detail = format!("the answer is longer than {max} bytes");
                return Err(ExchangeFailure { class: FailureClass::Other, detail, sent: true });
            }
            bytes.extend_from_slice(&data);
        }
    }
}

#[async_trait]
impl Http for HostHttp {
    async fn exchange(&self, request: &HttpRequest) -> HttpOutcome {
        self.attempt(request).await.unwrap_or_else(|failure| HttpOutcome::Failed(self.redacted(failure)))
    }

    async fn connect(&self, address: &str, timeout: Duration) -> Result<(), ExchangeFailure> {
        let to = Authority::plain(address).map_err(|why| ExchangeFailure::local(&why))?;
        self.dialler.tcp(&to, Instant::now() + timeout).await.map(drop)
    }
}
