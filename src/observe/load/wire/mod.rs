//! How requests travel: one connection for each sender, with TLS or without, HTTP/1.1 or HTTP/2, and one request on it
//! at a time.

mod dial;
mod error;
mod framing;
mod http1;
mod http2;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::header::HeaderValue;

pub use error::Trouble;

use self::dial::Security;
use super::answer::Answer;
use super::plan::{Prepared, Rendered, Target};
use super::reason::Reason;
use crate::scenario::profile::{HttpOptions, HttpVersion};

/// Who we say that we are.
const AGENT: &str = concat!("simulacro/", env!("CARGO_PKG_VERSION"));

/// What every sender of a stream shares.
#[derive(Debug)]
pub struct Wire {
    target: Target,
    /// The address, when the target's host is one: nothing to look up.
    address: Option<SocketAddr>,
    security: Option<Security>,
    version: HttpVersion,
    connect_timeout: Option<Duration>,
    /// The largest answer that is read, in bytes.
    limit: u64,
    http1: http1::Style,
    http2: http2::Origin,
    trouble: Arc<Trouble>,
}

/// An open connection. Dropping it closes it at once, with whatever was under way.
#[derive(Debug)]
pub enum Connection {
    /// It speaks HTTP/1.1.
    Http1(Box<http1::Connection>),
    /// It speaks HTTP/2.
    Http2(http2::Connection),
}

/// An answer, and whether its connection can be used again.
type Answered = (Answer, bool);

impl Wire {
    /// A wire to `target`. With `http2`, connections speak nothing else, whatever the options say of the version.
    ///
    /// # Errors
    ///
    /// When the target's authority cannot stand in a header, or a TLS file is not what it should be.
    pub fn new(target: Target, options: &HttpOptions, http2: bool) -> Result<Wire, String> {
        let wrong = || format!("`{}` cannot stand in a Host header", target.authority);
        let host = HeaderValue::from_str(&target.authority).map_err(|_| wrong())?;
        let version = if http2 { HttpVersion::Http2 } else { options.version };
        let trouble = Arc::new(Trouble::default());
        Ok(Wire {
            address: target.host.parse().ok().map(|ip| SocketAddr::new(ip, target.port)),
            security: if target.tls { Some(Security::new(&target, &options.tls, version)?) } else { None },
            version,
            connect_timeout: options.connect_timeout.map(|limit| limit.get()),
            limit: options.response_limit,
            http1: http1::Style::new(&host),
            http2: http2::Origin::new(&target).ok_or_else(wrong)?,
            trouble,
            target,
        })
    }

    /// What went wrong first with TLS, in words.
    pub fn trouble(&self) -> Arc<Trouble> {
        self.trouble.clone()
    }

    /// Opens a connection.
    pub async fn connect(&self) -> Result<Connection, Reason> {
        let Some(limit) = self.connect_timeout else { return self.dial().await };
        let timed_out = Reason::Connect(rustix::io::Errno::TIMEDOUT.raw_os_error());
        tokio::time::timeout(limit, self.dial()).await.unwrap_or(Err(timed_out))
    }

    /// Sends one request on `connection`, opening it when needed, and reads the whole answer, of which it gives back
    /// what `prepared` wants. The connection is left in place when it can be used again.
    pub async fn exchange(
        &self,
        connection: &mut Option<Connection>,
        prepared: &Prepared,
        rendered: Rendered,
    ) -> Result<Answer, Reason> {
        // A connection that the target has closed meanwhile is no failure, as nothing of the request has left: every
        // client opens another one.
        let mut kept = connection.take();
        if let Some(open) = &mut kept
            && !open.is_usable().await
        {
            kept = None;
        }
        let mut open = match kept {
            Some(open) => open,
            // What is rare has a place of its own: in this one it would be moved about with every request.
            None => Box::pin(self.connect()).await?,
        };
        let (answer, again) = match &mut open {
            Connection::Http1(open) => {
                open.exchange(&self.http1, prepared, rendered, self.limit).await.map_err(|e| self.told(e))?
            }
            Connection::Http2(open) => {
                let exchange = Box::pin(open.exchange(&self.http2, prepared, rendered, self.limit));
                exchange.await.map_err(|e| self.told(e))?
            }
        };
        if again {
            *connection = Some(open);
        }
        Ok(answer)
    }

    /// The reason of a failure, whose words are kept.
    fn told(&self, failure: error::Failure) -> Reason {
        self.trouble.keep(&failure);
        failure.reason
    }
}

impl Connection {
    async fn is_usable(&mut self) -> bool {
        match self {
            Connection::Http1(open) => open.is_usable(),
            Connection::Http2(open) => open.is_usable().await,
        }
    }
}
