//! HTTP/2, on hyper: one request at a time on a connection, as with HTTP/1.1, so that no answer waits behind another
//! one's bytes and the server's limit of streams plays no part (decision 20).

use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Incoming};
use hyper::client::conn::http2::{SendRequest, handshake};
use hyper::header::{HOST, HeaderValue, USER_AGENT};
use hyper::http::uri::{Authority, Scheme};
use hyper::{Request, Uri};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::task::AbortHandle;

use super::dial::{Io, Said};
use super::error::Failure;
use super::{AGENT, Answered};
use crate::observe::load::answer::{Answer, Wants};
use crate::observe::load::plan::{Prepared, Rendered, Target};
use crate::observe::load::reason::Reason;

/// Scheme and authority, which every HTTP/2 request says.
#[derive(Debug)]
pub struct Origin {
    scheme: Scheme,
    authority: Authority,
}

/// An open connection.
#[derive(Debug)]
pub struct Connection {
    send: SendRequest<Full<Bytes>>,
    task: AbortHandle,
    said: Said,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Origin {
    /// The target's; `None` when its authority is not one.
    pub fn new(target: &Target) -> Option<Origin> {
        let scheme = if target.tls { Scheme::HTTPS } else { Scheme::HTTP };
        Some(Origin { scheme, authority: target.authority.parse().ok()? })
    }

    fn request(&self, prepared: &Prepared, rendered: Rendered) -> Result<Request<Full<Bytes>>, Failure> {
        let Rendered { path, mut headers, body } = rendered;
        // A `Host` that the profile says is the authority here.
        let authority = match headers.remove(HOST) {
            Some(host) => Authority::try_from(host.as_bytes()).map_err(|_| Reason::NotHttp)?,
            None => self.authority.clone(),
        };
        let uri = Uri::builder().scheme(self.scheme.clone()).authority(authority).path_and_query(path);
        headers.entry(USER_AGENT).or_insert(HeaderValue::from_static(AGENT));
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = prepared.method.clone();
        *request.uri_mut() = uri.build().map_err(|_| Reason::NotHttp)?;
        *request.headers_mut() = headers;
        Ok(request)
    }
}

impl Connection {
    /// Greets the server. The task that drives the connection ends with it.
    pub async fn open(io: Io) -> Result<Connection, Failure> {
        let said = io.said();
        let greeting = handshake(TokioExecutor::new(), TokioIo::new(io)).await;
        let (send, connection) = greeting.map_err(|e| why(&e, &said))?;
        // Errors of the connection reach its requests; here they would only be seen twice.
        let task = tokio::spawn(async move {
            let _ = connection.await;
        });
        Ok(Connection { send, task: task.abort_handle(), said })
    }

    /// Whether it is still open and takes a request.
    pub async fn is_usable(&mut self) -> bool {
        !self.send.is_closed() && self.send.ready().await.is_ok()
    }

    /// Sends a request and reads the whole answer.
    pub async fn exchange(
        &mut self,
        origin: &Origin,
        prepared: &Prepared,
        rendered: Rendered,
        limit: u64,
    ) -> Result<Answered, Failure> {
        let request = origin.request(prepared, rendered)?;
        self.send.ready().await.map_err(|e| why(&e, &self.said))?;
        let answer = self.send.send_request(request).await.map_err(|e| why(&e, &self.said))?;
        Ok((read_whole(answer, prepared.wants(), limit).await?, true))
    }
}

/// Why a connection or a request on it failed. Of a connection that died, as of a server that wants a certificate,
/// HTTP/2 only hears that it is gone.
fn why(error: &hyper::Error, said: &Said) -> Failure {
    match (Failure::of_hyper(error), said.get()) {
        (heard, Some(said)) if heard.reason == Reason::Closed => said.clone(),
        (heard, _) => heard,
    }
}

async fn read_whole(answer: hyper::Response<Incoming>, wants: Wants, limit: u64) -> Result<Answer, Failure> {
    let (head, mut body) = answer.into_parts();
    let mut whole = Answer { status: head.status.as_u16(), ..Answer::default() };
    if wants.headers {
        whole.headers = head.headers;
    }
    if body.size_hint().lower() > limit {
        return Err(Reason::TooLarge.into());
    }
    let mut kept = BytesMut::new();
    let mut length = 0;
    while let Some(frame) = body.frame().await {
        match frame.map_err(|e| Failure::of_hyper(&e))?.into_data() {
            Ok(data) => {
                length += data.len() as u64;
                if length > limit {
                    return Err(Reason::TooLarge.into());
                }
                if wants.body {
                    kept.extend_from_slice(&data);
                }
            }
            Err(frame) => whole.trailers = frame.into_trailers().ok().filter(|_| wants.trailers).unwrap_or_default(),
        }
    }
    whole.body = kept.freeze();
    Ok(whole)
}
