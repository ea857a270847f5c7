//! Opening connections: name, socket, TLS, and which HTTP it is.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::ServerName;

use super::error::Failure;
use super::{Connection, Wire, http1, http2};
use crate::observe::load::plan::Target;
use crate::observe::load::reason::Reason;
use crate::scenario::profile::{HttpVersion, Tls};
use crate::world::http::meets_itself;
use crate::world::tls::client_config;

/// The name of HTTP/2 in TLS (RFC 7301, RFC 9113).
const H2: &[u8] = b"h2";
/// The name of HTTP/1.1 there.
const H1: &[u8] = b"http/1.1";

/// What TLS needs.
pub struct Security {
    connector: TlsConnector,
    name: ServerName<'static>,
}

impl std::fmt::Debug for Security {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Security({:?})", self.name)
    }
}

/// A connection's bytes.
#[derive(Debug)]
pub enum Io {
    /// As they are.
    Plain(TcpStream),
    /// Through TLS; beside it what went wrong with that.
    Tls(Box<TlsStream<TcpStream>>, Said),
}

/// What went wrong with a connection's TLS after the handshake: HTTP/2 tells its requests only that it is gone.
pub type Said = Arc<OnceLock<Failure>>;

impl Security {
    /// Reads what `tls` names.
    ///
    /// # Errors
    ///
    /// Which file or name is wrong.
    pub fn new(target: &Target, tls: &Tls, version: HttpVersion) -> Result<Security, String> {
        let offered: &[&[u8]] = match version {
            HttpVersion::Auto => &[H2, H1],
            HttpVersion::Http11 => &[H1],
            HttpVersion::Http2 => &[H2],
        };
        let name = tls.server_name.as_ref().unwrap_or(&target.host);
        Ok(Security {
            connector: TlsConnector::from(Arc::new(client_config(tls, offered)?)),
            name: ServerName::try_from(name.clone()).map_err(|e| format!("`{name}` is not a name for TLS: {e}"))?,
        })
    }
}

impl Wire {
    /// Opens a connection, however long that takes.
    pub(super) async fn dial(&self) -> Result<Connection, Reason> {
        let stream = match self.address {
            Some(address) => connect(address).await?,
            None => {
                let host = (self.target.host.as_str(), self.target.port);
                // A name that cannot be resolved says nothing about the target.
                let addresses = tokio::net::lookup_host(host).await.map_err(|_| Reason::Unresolved)?;
                connect_any(addresses).await?
            }
        };
        let _only_slower = stream.set_nodelay(true);
        let (io, http2) = match &self.security {
            None => (Io::Plain(stream), self.version == HttpVersion::Http2),
            Some(security) => self.secure(security, stream).await.map_err(|failure| self.told(failure))?,
        };
        if http2 {
            http2::Connection::open(io).await.map(Connection::Http2).map_err(|failure| self.told(failure))
        } else {
            Ok(Connection::Http1(Box::new(http1::Connection::new(io))))
        }
    }

    /// Agrees on TLS, and on HTTP/2 or not.
    async fn secure(&self, security: &Security, stream: TcpStream) -> Result<(Io, bool), Failure> {
        let tls = security.connector.connect(security.name.clone(), stream).await.map_err(|e| {
            if e.kind() == io::ErrorKind::UnexpectedEof {
                return Failure::of_tls("the server closed the connection during the handshake");
            }
            Failure::of_stream(&e)
        })?;
        let http2 = tls.get_ref().1.alpn_protocol() == Some(H2);
        if self.version == HttpVersion::Http2 && !http2 {
            return Err(Failure::of_tls(
                "the server does not offer HTTP/2, which http.version or a gRPC call asks for",
            ));
        }
        Ok((Io::Tls(Box::new(tls), Said::default()), http2))
    }
}

async fn connect(address: SocketAddr) -> Result<TcpStream, Reason> {
    let stream = TcpStream::connect(address).await.map_err(|e| Reason::of_connecting(&e))?;
    if meets_itself(&stream) {
        // Closed without a trace: its port is the one that the dead service will want to listen on again.
        let _ends_either_way = stream.set_zero_linger();
        return Err(Reason::Connect(rustix::io::Errno::CONNREFUSED.raw_os_error()));
    }
    Ok(stream)
}

async fn connect_any(addresses: impl Iterator<Item = SocketAddr>) -> Result<TcpStream, Reason> {
    let mut last = Reason::Unresolved;
    for address in addresses {
        match connect(address).await {
            Ok(stream) => return Ok(stream),
            Err(reason) => last = reason,
        }
    }
    Err(last)
}

impl Io {
    /// Where it is kept what goes wrong with its TLS.
    pub fn said(&self) -> Said {
        match self {
            Io::Plain(_) => Said::default(),
            Io::Tls(_, said) => said.clone(),
        }
    }

    /// Whether nothing came on a connection that waits for its next request: neither an end nor anything else. Costs no
    /// system call where nothing did.
    pub fn is_idle(&mut self) -> bool {
        let mut byte = [0u8; 1];
        match self {
            Io::Plain(stream) => matches!(stream.try_read(&mut byte), Err(e) if e.kind() == io::ErrorKind::WouldBlock),
            Io::Tls(stream, _) => {
                // Tickets for later sessions come in between, so TLS must look for itself.
                let mut nobody = Context::from_waker(std::task::Waker::noop());
                Pin::new(stream).poll_read(&mut nobody, &mut ReadBuf::new(&mut byte)).is_pending()
            }
        }
    }
}

/// Keeps the first error that is TLS's own.
fn keep(said: &Said, error: io::Error) -> io::Error {
    let failure = Failure::of_stream(&error);
    if failure.reason == Reason::Tls {
        said.get_or_init(|| failure);
    }
    error
}

/// What the other side said before it closed. One that refuses our certificate says so and closes (TLS 1.3 tells only
/// after the handshake); a write then fails before anybody has read that.
fn last_words(stream: &mut TlsStream<TcpStream>, error: io::Error) -> io::Error {
    let mut nobody = Context::from_waker(std::task::Waker::noop());
    let mut bytes = [0u8; 256];
    match Pin::new(stream).poll_read(&mut nobody, &mut ReadBuf::new(&mut bytes)) {
        Poll::Ready(Err(said)) if said.kind() == io::ErrorKind::InvalidData => said,
        _ => error,
    }
}

impl AsyncRead for Io {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Io::Plain(stream) => Pin::new(stream).poll_read(cx, buffer),
            Io::Tls(stream, said) => Pin::new(stream).poll_read(cx, buffer).map_err(|e| keep(said, e)),
        }
    }
}

impl AsyncWrite for Io {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Io::Plain(stream) => Pin::new(stream).poll_write(cx, bytes),
            Io::Tls(stream, said) => {
                Pin::new(&mut *stream).poll_write(cx, bytes).map_err(|e| keep(said, last_words(stream, e)))
            }
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Io::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Io::Tls(stream, said) => {
                Pin::new(&mut *stream).poll_flush(cx).map_err(|e| keep(said, last_words(stream, e)))
            }
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Io::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Io::Tls(stream, _) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
