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

use super::plan::{Prepared, Rendered, Target};
use super::recorder::Outcome;
use crate::timeline::load_line::Cause;

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

/// How a request went, when it did not go well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// The target's part.
    Target(Cause),
    /// Our own.
    Local,
}

impl From<Trouble> for Outcome {
    fn from(trouble: Trouble) -> Outcome {
        match trouble {
            Trouble::Target(cause) => Outcome::Failed(cause),
            Trouble::Local => Outcome::NotSent,
        }
    }
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
    pub async fn connect(&self) -> Result<Connection, Trouble> {
        let stream = match self.address {
            Some(address) => TcpStream::connect(address).await.map_err(connect_trouble)?,
            None => {
                let host = (self.target.host.as_str(), self.target.port);
                // A name that cannot be resolved says nothing about the target.
                let addresses = tokio::net::lookup_host(host).await.map_err(|_| Trouble::Local)?;
                connect_any(addresses).await?
            }
        };
        let _ = stream.set_nodelay(true);
        let (send, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(|e| trouble(&e))?;
        // Errors of the connection reach its requests; here they would only be seen twice.
        let task = tokio::task::spawn_local(async move {
            let _ = connection.await;
        });
        Ok(Connection { send, task: task.abort_handle() })
    }

    /// Sends one request on `connection`, opening it when needed, and reads the whole answer. The connection is left in
    /// place when it can be used again.
    pub async fn exchange(
        &self,
        connection: &mut Option<Connection>,
        prepared: &Prepared,
        rendered: Rendered,
    ) -> Result<Outcome, Trouble> {
        let mut request = self.request(prepared, rendered)?;
        loop {
            let (mut open, fresh) = match connection.take() {
                Some(open) if !open.send.is_closed() => (open, false),
                _ => (self.connect().await?, true),
            };
            if open.send.ready().await.is_err() {
                if fresh {
                    return Err(Trouble::Target(Cause::Closed));
                }
                continue;
            }
            match open.send.try_send_request(request).await {
                Ok(answer) => {
                    let good = prepared.expect.status_is_good(answer.status().as_u16());
                    read_whole(answer.into_body()).await?;
                    *connection = Some(open);
                    return Ok(if good { Outcome::Ok } else { Outcome::Failed(Cause::Status) });
                }
                // The target closed an idle connection and nothing of the request left: every client tries again.
                Err(mut failed) => match failed.take_message() {
                    Some(unsent) if !fresh => request = unsent,
                    _ => return Err(trouble(failed.error())),
                },
            }
        }
    }

    fn request(&self, prepared: &Prepared, rendered: Rendered) -> Result<Request<Full<Bytes>>, Trouble> {
        // A path that HTTP refuses is the profile's fault and not the target's.
        let path = PathAndQuery::from_maybe_shared(rendered.path).map_err(|_| Trouble::Local)?;
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

async fn read_whole(mut body: Incoming) -> Result<(), Trouble> {
    while let Some(frame) = body.frame().await {
        frame.map_err(|e| trouble(&e))?;
    }
    Ok(())
}

async fn connect_any(addresses: impl Iterator<Item = SocketAddr>) -> Result<TcpStream, Trouble> {
    let mut last = Trouble::Local;
    for address in addresses {
        match TcpStream::connect(address).await {
            Ok(stream) => return Ok(stream),
            Err(error) => last = connect_trouble(error),
        }
    }
    Err(last)
}

fn connect_trouble(error: io::Error) -> Trouble {
    if is_local(&error) { Trouble::Local } else { Trouble::Target(Cause::Connect) }
}

/// What an error of hyper's says about whose fault it is.
fn trouble(error: &hyper::Error) -> Trouble {
    if io_source(error).is_some_and(is_local) {
        return Trouble::Local;
    }
    let closed =
        error.is_incomplete_message() || error.is_canceled() || error.is_closed() || io_source(error).is_some();
    if error.is_timeout() {
        Trouble::Target(Cause::Timeout)
    } else if closed || error.is_body_write_aborted() {
        Trouble::Target(Cause::Closed)
    } else {
        // What is left is an answer that does not parse.
        Trouble::Target(Cause::Protocol)
    }
}

/// The I/O error at the bottom of an error.
pub fn io_source<'e>(error: &'e (dyn StdError + 'static)) -> Option<&'e io::Error> {
    let mut at: Option<&(dyn StdError + 'static)> = Some(error);
    while let Some(error) = at {
        if let Some(io) = error.downcast_ref::<io::Error>() {
            return Some(io);
        }
        at = error.source();
    }
    None
}

/// Whether an error says that this machine could not send: no files, no ports, no memory, no route of its own.
pub fn is_local(error: &io::Error) -> bool {
    use rustix::io::Errno;
    let local = [
        Errno::MFILE,
        Errno::NFILE,
        Errno::ADDRNOTAVAIL,
        Errno::NOBUFS,
        Errno::NOMEM,
        Errno::NETUNREACH,
        Errno::NETDOWN,
    ];
    error.raw_os_error().is_some_and(|code| local.iter().any(|errno| errno.raw_os_error() == code))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::io::Errno;

    #[test]
    fn our_own_troubles_are_told_from_the_targets() {
        for errno in [Errno::MFILE, Errno::ADDRNOTAVAIL, Errno::NETUNREACH] {
            assert_eq!(connect_trouble(errno.into()), Trouble::Local);
        }
        for errno in [Errno::CONNREFUSED, Errno::HOSTUNREACH, Errno::TIMEDOUT, Errno::CONNRESET] {
            assert_eq!(connect_trouble(errno.into()), Trouble::Target(Cause::Connect));
        }
    }

    #[test]
    fn an_io_error_is_found_below_others() {
        let inner = io::Error::other(io::Error::from(Errno::MFILE));
        assert!(io_source(&inner).is_some());
    }
}
