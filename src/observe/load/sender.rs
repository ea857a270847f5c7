//! One connection and the requests on it, on hyper's `http1::SendRequest`: the cheapest client with a whole HTTP/1.1
//! implementation behind it.

use std::error::Error as StdError;
use std::io;
use std::net::SocketAddr;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{HOST, HeaderValue, USER_AGENT};
use hyper::http::uri::PathAndQuery;
use hyper::{Request, Uri};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::AbortHandle;

use super::answer::Answer;
use super::plan::{Prepared, Rendered, Target};
use super::reason::Reason;

/// What every sender of a stream shares.
#[derive(Debug)]
pub struct Wire {
    target: Target,
    host: HeaderValue,
    /// The address, when the target's host is one: nothing to look up.
    address: Option<SocketAddr>,
}

/// An open connection. Dropping it closes it at once, with whatever was under way.
#[derive(Debug)]
pub struct Connection {
    send: SendRequest<Full<Bytes>>,
    task: AbortHandle,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Wire {
    /// A wire to `target`; `None` when its authority cannot stand in a header.
    pub fn new(target: Target) -> Option<Wire> {
        let host = HeaderValue::from_str(&target.authority).ok()?;
        let address = target.host.parse().ok().map(|ip| SocketAddr::new(ip, target.port));
        Some(Wire { target, host, address })
    }

    /// Opens a connection.
    pub async fn connect(&self) -> Result<Connection, Reason> {
        let stream = match self.address {
            Some(address) => TcpStream::connect(address).await.map_err(|e| Reason::of_connecting(&e))?,
            None => {
                let host = (self.target.host.as_str(), self.target.port);
                // A name that cannot be resolved says nothing about the target.
                let addresses = tokio::net::lookup_host(host).await.map_err(|_| Reason::Unresolved)?;
                connect_any(addresses).await?
            }
        };
        let _ = stream.set_nodelay(true);
        let (send, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(|e| of_hyper(&e))?;
        // Errors of the connection reach its requests; here they would only be seen twice.
        let task = tokio::spawn(async move {
            let _ = connection.await;
        });
        Ok(Connection { send, task: task.abort_handle() })
    }

    /// Sends one request on `connection`, opening it when needed, and reads the whole answer, of which it gives back what
    /// `prepared` wants. The connection is left in place when it can be used again.
    pub async fn exchange(
        &self,
        connection: &mut Option<Connection>,
        prepared: &Prepared,
        rendered: Rendered,
    ) -> Result<Answer, Reason> {
        let mut request = self.request(prepared, rendered)?;
        loop {
            let (mut open, fresh) = match connection.take() {
                Some(open) if !open.send.is_closed() => (open, false),
                _ => (self.connect().await?, true),
            };
            if open.send.ready().await.is_err() {
                if fresh {
                    return Err(Reason::Closed);
                }
                continue;
            }
            match open.send.try_send_request(request).await {
                Ok(answer) => {
                    let answer = read_whole(answer).await?;
                    *connection = Some(open);
                    return Ok(answer);
                }
                // The target closed an idle connection and nothing of the request left: every client tries again.
                Err(mut failed) => match failed.take_message() {
                    Some(unsent) if !fresh => request = unsent,
                    _ => return Err(of_hyper(failed.error())),
                },
            }
        }
    }

    fn request(&self, prepared: &Prepared, rendered: Rendered) -> Result<Request<Full<Bytes>>, Reason> {
        // A path that HTTP refuses is the profile's fault and not the target's.
        let path = PathAndQuery::from_maybe_shared(rendered.path).map_err(|_| Reason::NotHttp)?;
        let mut request = Request::new(Full::new(rendered.body));
        *request.method_mut() = prepared.method.clone();
        *request.uri_mut() = Uri::from(path);
        let headers = request.headers_mut();
        *headers = rendered.headers;
        headers.entry(HOST).or_insert_with(|| self.host.clone());
        headers.entry(USER_AGENT).or_insert(HeaderValue::from_static(concat!("simulacro/", env!("CARGO_PKG_VERSION"))));
        Ok(request)
    }
}

async fn read_whole(answer: hyper::Response<Incoming>) -> Result<Answer, Reason> {
    let status = answer.status().as_u16();
    let mut body = answer.into_body();
    while let Some(frame) = body.frame().await {
        frame.map_err(|e| of_hyper(&e))?;
    }
    Ok(Answer { status, ..Answer::default() })
}

async fn connect_any(addresses: impl Iterator<Item = SocketAddr>) -> Result<TcpStream, Reason> {
    let mut last = Reason::Unresolved;
    for address in addresses {
        match TcpStream::connect(address).await {
            Ok(stream) => return Ok(stream),
            Err(error) => last = Reason::of_connecting(&error),
        }
    }
    Err(last)
}

/// What an error of hyper's says about whose fault it is.
pub fn of_hyper(error: &hyper::Error) -> Reason {
    if let Some(io) = io_source(error) {
        return Reason::of_connection(io);
    }
    if error.is_timeout() {
        Reason::Timeout
    } else if error.is_parse() {
        Reason::Protocol
    } else {
        Reason::Closed
    }
}

/// The I/O error at the bottom of an error.
pub fn io_source<'e>(error: &'e (dyn StdError + 'static)) -> Option<&'e io::Error> {
    let mut at: Option<&(dyn StdError + 'static)> = Some(error);
    while let Some(error) = at {
        // An I/O error may hold another error and no number: what it holds is looked at next.
        if let Some(io) = error.downcast_ref::<io::Error>()
            && io.raw_os_error().is_some()
        {
            return Some(io);
        }
        at = match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(held) => Some(held),
            None => error.source(),
        };
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::io::Errno;

    #[test]
    fn an_io_error_is_found_below_others() {
        let inner = io::Error::other(io::Error::from(Errno::MFILE));
        assert_eq!(io_source(&inner).and_then(io::Error::raw_os_error), Some(Errno::MFILE.raw_os_error()));
        assert!(io_source(&io::Error::other("nothing below")).is_none());
    }
}
