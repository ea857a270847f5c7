//! Opening connections: name, socket, TLS.

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::pki_types::ServerName;

use super::address::{Authority, Resolver};
use super::{ExchangeFailure, FailureClass, classify};
use crate::scenario::profile::Tls;
use crate::world::tls::client_config;

/// A connection, with TLS or without.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// What is spoken on a connection. Under TLS both sides agree on it (ALPN); without, the client just begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// HTTP/1.1: nothing is asked for, as most clients do.
    Http1,
    /// HTTP/2.
    Http2,
}

impl Protocol {
    fn alpn(self) -> Option<&'static [u8]> {
        match self {
            Protocol::Http1 => None,
            Protocol::Http2 => Some(b"h2"),
        }
    }
}

/// Opens connections.
#[derive(Debug, Default)]
pub struct Dialler {
    resolver: Resolver,
    tls: OnceLock<Result<TlsSettings, String>>,
}

#[derive(Clone)]
struct TlsSettings(Arc<ClientConfig>);

impl std::fmt::Debug for TlsSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TlsSettings")
    }
}

impl Dialler {
    /// Opens a TCP connection to one of the host's sockets: each is tried, in the resolver's order, with its share of
    /// the time that is left.
    ///
    /// # Errors
    /// With the class of the last socket's failure; never `sent`.
    pub async fn tcp(&self, to: &Authority, deadline: Instant) -> Result<TcpStream, ExchangeFailure> {
        let sockets = self.resolver.sockets(to, deadline).await?;
        let mut last = None;
        for (at, socket) in sockets.iter().enumerate() {
            let now = Instant::now();
            let share = deadline.saturating_duration_since(now) / u32::try_from(sockets.len() - at).unwrap_or(1);
            match connect(*socket, now + share).await {
                Ok(stream) => return Ok(stream),
                Err(failure) => last = Some(failure),
            }
        }
        Err(last.unwrap_or_else(|| failure(FailureClass::Unresolvable, format!("{} has no address", to.host))))
    }

    /// Opens a connection and speaks TLS on it where the address asks for it.
    ///
    /// # Errors
    /// Never `sent`: no byte of a request goes out before the connection stands.
    pub async fn open(
        &self,
        to: &Authority,
        protocol: Protocol,
        deadline: Instant,
    ) -> Result<Box<dyn Stream>, ExchangeFailure> {
        let tcp = self.tcp(to, deadline).await?;
        // A request goes out in one piece; waiting for more would only add latency.
        let _only_slower = tcp.set_nodelay(true);
        if !to.tls {
            return Ok(Box::new(tcp));
        }
        let settings = self.tls.get_or_init(tls).clone().map_err(|why| failure(FailureClass::Local, why))?;
        let settings = settings.speaking(protocol);
        let name = ServerName::try_from(to.host.clone())
            .map_err(|e| failure(FailureClass::Local, format!("{} is not a name for TLS: {e}", to.host)))?;
        match timeout_at(deadline, TlsConnector::from(settings).connect(name, tcp)).await {
            Ok(Ok(stream))
                if protocol.alpn().is_some_and(|wanted| stream.get_ref().1.alpn_protocol() != Some(wanted)) =>
            {
                let detail = format!("TLS with {}: it does not speak HTTP/2", to.host);
                Err(failure(FailureClass::Other, detail))
            }
            Ok(Ok(stream)) => Ok(Box::new(stream)),
            Ok(Err(e)) => Err(failure(classify::of_io(&e), format!("TLS with {}: {e}", to.host))),
            Err(_) => Err(failure(FailureClass::Timeout, format!("TLS with {}: no answer in time", to.host))),
        }
    }
}

impl TlsSettings {
    /// The settings, with the protocol to agree on.
    fn speaking(self, protocol: Protocol) -> Arc<ClientConfig> {
        match protocol.alpn() {
            None => self.0,
            Some(name) => {
                let mut settings = ClientConfig::clone(&self.0);
                settings.alpn_protocols = vec![name.to_vec()];
                Arc::new(settings)
            }
        }
    }
}

async fn connect(socket: SocketAddr, until: Instant) -> Result<TcpStream, ExchangeFailure> {
    match timeout_at(until, TcpStream::connect(socket)).await {
        Ok(Ok(stream)) if meets_itself(&stream) => {
            // Closed without a trace: its port is the one that the dead service will want to listen on again.
            let _ends_either_way = stream.set_zero_linger();
            Err(failure(FailureClass::Refused, format!("{socket}: connection refused (it met itself)")))
        }
        Ok(Ok(stream)) => Ok(stream),
        Ok(Err(e)) => Err(failure(classify::of_io(&e), format!("{socket}: {e}"))),
        Err(_) => Err(failure(FailureClass::Timeout, format!("{socket}: no connection in time"))),
    }
}

/// Whether a connection's two ends are the same socket: TCP's simultaneous open. It happens when nobody listens on a
/// local port and the system picks that very port for our end, once in some ten thousand tries, and would look
/// like a service that is back.
pub fn meets_itself(stream: &TcpStream) -> bool {
    matches!((stream.local_addr(), stream.peer_addr()), (Ok(here), Ok(there)) if here == there)
}

fn tls() -> Result<TlsSettings, String> {
    client_config(&Tls::default(), &[]).map(|config| TlsSettings(Arc::new(config)))
}

fn failure(class: FailureClass, detail: String) -> ExchangeFailure {
    ExchangeFailure { class, detail, sent: false }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::TcpSocket;

    #[tokio::test]
    async fn a_connection_that_meets_itself_is_recognised() {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let own = socket.local_addr().unwrap();
        assert!(meets_itself(&socket.connect(own).await.unwrap()));

        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        assert!(!meets_itself(&stream));
    }
}
