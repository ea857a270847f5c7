//! The driver of gRPC: HTTP/2 with hyper, in clear or under TLS, one call at a time on each connection.
//!
//! A connection for each call that is under way, instead of one for all, keeps a call that hangs from being mixed up
//! with the others, and makes a probe see what a new client would see.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http2::{Builder, SendRequest};
use hyper::header::{CONTENT_TYPE, HeaderName, HeaderValue, TE, USER_AGENT};
use hyper::{Method as HttpMethod, Request, Response, Uri};
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::Value;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_util::task::AbortOnDropHandle;

use super::{Grpc, GrpcOutcome, GrpcRequest};
use crate::model::grpc::{Answer, Broken, Method, Reply, Status, timeout_value};
use crate::scenario::grpc::GrpcCall;
use crate::world::http::address::Authority;
use crate::world::http::dial::{Dialler, Protocol};
use crate::world::http::idle::{Idle, READY_WITHIN};
use crate::world::http::{ExchangeFailure, FailureClass, classify};
use crate::world::secrets::Secrets;

/// gRPC of this host.
#[derive(Debug, Default)]
pub struct HostGrpc {
    secrets: Secrets,
    dialler: Dialler,
    idle: Idle<Line>,
    /// Methods looked up so far, by descriptor set and name.
    methods: Mutex<HashMap<(Option<String>, String), Method>>,
}

/// One connection; dropping it closes the socket.
#[derive(Debug)]
struct Line {
    sender: SendRequest<Full<Bytes>>,
    _driver: AbortOnDropHandle<()>,
}

/// A call with every secret in its place.
struct Ready {
    to: Authority,
    method: Method,
    request: Request<Full<Bytes>>,
}

impl HostGrpc {
    /// A driver that resolves references to secrets in addresses, metadata and messages.
    pub fn new(secrets: Secrets) -> Self {
        HostGrpc { secrets, ..HostGrpc::default() }
    }

    async fn attempt(&self, request: &GrpcRequest) -> Result<GrpcOutcome, ExchangeFailure> {
        let deadline = Instant::now() + request.timeout;
        let Ready { to, method, request: message } =
            self.ready(&request.call).map_err(|why| ExchangeFailure::local(&why))?;
        let (line, response) = self.send(&to, message, request.fresh_connection, deadline).await?;
        let Reply { status, message } = read(response, request.max_message, deadline).await?;
        if !request.fresh_connection && !line.sender.is_closed() {
            self.idle.keep(to, line);
        }
        let message = message.map(|message| method.decode(&message)).transpose().map_err(|e| theirs(e.to_string()))?;
        // A server may repeat what it was given.
        let said = self.secrets.redactor().redact(&status.message);
        Ok(GrpcOutcome::Answered { status: Status { message: said, ..status }, message })
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
        let stream = self.dialler.open(to, Protocol::Http2, deadline).await?;
        let handshake = Builder::new(TokioExecutor::new()).handshake(TokioIo::new(stream));
        let (sender, connection) = handshake.await.map_err(|e| classify::exchange(&e, false))?;
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

    /// The method, looked up once.
    fn method(&self, call: &GrpcCall) -> Result<Method, String> {
        let key = (call.descriptors.clone(), call.method.clone());
        let mut methods = self.methods.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(method) = methods.get(&key) {
            return Ok(method.clone());
        }
        let method = call.method()?;
        methods.insert(key, method.clone());
        Ok(method)
    }

    fn ready(&self, call: &GrpcCall) -> Result<Ready, String> {
        let resolve = |text: &str| self.secrets.resolve(text).map(|text| text.into_owned()).map_err(|e| e.to_string());
        let method = self.method(call)?;
        let uri: Uri = resolve(&call.url)?.parse().map_err(|e| format!("{} is not an address: {e}", call.url))?;
        let to = Authority::of(&uri).map_err(|why| format!("{} cannot be called: {why}", call.url))?;
        let mut message = call.message.clone();
        if Secrets::refers(&message) {
            message = with_secrets(&message, &resolve)?;
        }
        let body = method.encode(&message).map_err(|e| e.to_string())?;
        let host = uri.authority().map_or("", |authority| authority.as_str());
        let scheme = if to.tls { "https" } else { "http" };
        let mut request = Request::builder()
            .method(HttpMethod::POST)
            .uri(format!("{scheme}://{host}{}", method.path()))
            .header(CONTENT_TYPE, "application/grpc")
            .header(TE, "trailers")
            .header(USER_AGENT, concat!("simulacro/", env!("CARGO_PKG_VERSION")));
        if let Some(headers) = request.headers_mut() {
            for (name, value) in &call.metadata {
                let header =
                    HeaderName::from_bytes(name.as_bytes()).map_err(|_| format!("`{name}` cannot name metadata"))?;
                let mut value = HeaderValue::from_str(&resolve(value)?)
                    .map_err(|_| format!("metadatum {name} has a value that HTTP cannot carry"))?;
                value.set_sensitive(true);
                headers.append(header, value);
            }
        }
        let request = request.body(Full::new(body)).map_err(|e| e.to_string())?;
        Ok(Ready { to, method, request })
    }

    fn redacted(&self, failure: ExchangeFailure) -> ExchangeFailure {
        ExchangeFailure { detail: self.secrets.redactor().redact(&failure.detail), ..failure }
    }
}

/// A message with secrets in its texts. They are put in text by text, so that a quote in one does not end its text.
fn with_secrets(message: &str, resolve: &impl Fn(&str) -> Result<String, String>) -> Result<String, String> {
    fn each(value: &mut Value, resolve: &impl Fn(&str) -> Result<String, String>) -> Result<(), String> {
        match value {
            Value::String(text) => *text = resolve(text)?,
            Value::Array(items) => items.iter_mut().try_for_each(|item| each(item, resolve))?,
            Value::Object(fields) => fields.values_mut().try_for_each(|field| each(field, resolve))?,
            _ => {}
        }
        Ok(())
    }
    let mut value: Value = serde_json::from_str(message)
        .map_err(|e| format!("the message is no JSON with every secret within quotes: {e}"))?;
    each(&mut value, resolve)?;
    Ok(value.to_string())
}

impl Line {
    /// Whether another call can go out on it.
    async fn is_usable(&mut self) -> bool {
        !self.sender.is_closed() && matches!(timeout(READY_WITHIN, self.sender.ready()).await, Ok(Ok(())))
    }

    /// Sends a request and waits for the head of the response. The request comes back when no byte of it was sent.
    async fn ask(
        &mut self,
        mut message: Request<Full<Bytes>>,
        deadline: Instant,
    ) -> Result<Response<Incoming>, (ExchangeFailure, Option<Box<Request<Full<Bytes>>>>)> {
        // What is left now; opening the connection took its share.
        let left = timeout_value(deadline.saturating_duration_since(Instant::now()));
        if let Ok(left) = HeaderValue::from_str(&left) {
            message.headers_mut().insert("grpc-timeout", left);
        }
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

async fn read(response: Response<Incoming>, limit: usize, deadline: Instant) -> Result<Reply, ExchangeFailure> {
    let broken = |e: Broken| theirs(e.to_string());
    let mut answer = Answer::begin(response.status().as_u16(), response.headers(), limit).map_err(broken)?;
    let mut body = response.into_body();
    loop {
        let frame = match timeout_at(deadline, body.frame()).await {
            Ok(Some(frame)) => frame.map_err(|e| classify::exchange(&e, true))?,
            Ok(None) => return answer.finish().map_err(broken),
            Err(_) => return Err(ExchangeFailure::late("the answer did not end in time")),
        };
        match frame.into_data() {
            Ok(piece) => answer.data(&piece).map_err(broken)?,
            Err(frame) => {
                if let Ok(trailers) = frame.into_trailers() {
                    answer.trailers(&trailers);
                }
            }
        }
    }
}

fn theirs(detail: String) -> ExchangeFailure {
    ExchangeFailure { class: FailureClass::Other, detail, sent: true }
}

#[async_trait]
impl Grpc for HostGrpc {
    async fn call(&self, request: &GrpcRequest) -> GrpcOutcome {
        self.attempt(request).await.unwrap_or_else(|failure| GrpcOutcome::Failed(self.redacted(failure)))
    }
}
