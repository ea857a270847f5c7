//! One connection: dialled, TLS where the address asks for it, named as ours, and closed when it is dropped.

use std::sync::Arc;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, FromRedisValue, RedisConnectionInfo, RedisError};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_util::task::AbortOnDropHandle;

use crate::world::DriverError;
use crate::world::database::address::Address;
use crate::world::http::dial::Dialler;
use crate::world::http::{ExchangeFailure, FailureClass};

/// The usual port.
pub(super) const PORT: u16 = 6379;

/// Longer than any wait here, each of which has its own limit.
const NO_LIMIT: Duration = Duration::from_secs(3600);

/// A connection. Clones share it; with the last one it is closed.
#[derive(Clone)]
pub(super) struct Link {
    connection: MultiplexedConnection,
    _driver: Arc<AbortOnDropHandle<()>>,
}

/// Why there is no connection, or no answer.
#[derive(Debug)]
pub(super) enum Trouble {
    /// No connection, or it broke.
    Exchange(ExchangeFailure),
    /// The server said so.
    Server {
        /// The first word of it.
        code: String,
        /// In its words.
        said: String,
    },
}

impl From<RedisError> for Trouble {
    fn from(e: RedisError) -> Self {
        // The crate's own words for what the server said to the password.
        if e.kind() == redis::ErrorKind::AuthenticationFailed {
            return Trouble::Server { code: "WRONGPASS".into(), said: e.to_string() };
        }
        match e.code() {
            Some(code) if !e.is_io_error() && !e.is_connection_dropped() => {
                Trouble::Server { code: code.to_owned(), said: format!("{code} {}", e.detail().unwrap_or_default()) }
            }
            _ => {
                let class = match () {
                    () if e.is_connection_refusal() => FailureClass::Refused,
                    () if e.is_connection_dropped() => FailureClass::Reset,
                    () if e.is_timeout() => FailureClass::Timeout,
                    () => FailureClass::Other,
                };
                Trouble::Exchange(ExchangeFailure { class, detail: e.to_string(), sent: true })
            }
        }
    }
}

impl Trouble {
    /// Whether the connection is of no use any more.
    pub(super) fn is_lost(&self) -> bool {
        matches!(self, Trouble::Exchange(_))
    }

    /// What it is about, where, and the remedy.
    pub(super) fn told(self, address: &Address) -> DriverError {
        match self {
            Trouble::Exchange(failure) if failure.class == FailureClass::Timeout => {
                DriverError::Timeout(format!("Redis at {address}: {}", failure.detail))
            }
            Trouble::Exchange(failure) => DriverError::Failed(format!(
                "Redis at {address}: {}; does it run, and may this host reach it?",
                failure.detail
            )),
            Trouble::Server { code, said } => {
                let told = |remedy: &str| format!("Redis at {address} says: {}{remedy}", said.trim());
                match code.as_str() {
                    "WRONGPASS" | "NOAUTH" => {
                        DriverError::Refused(told("; check the user and the secret in the target's `url`"))
                    }
                    "NOPERM" => DriverError::Refused(told("; give the user what it needs with ACL SETUSER")),
                    "READONLY" => DriverError::Refused(told("; it is a replica: aim at its primary")),
                    _ => DriverError::Failed(told("")),
                }
            }
        }
    }
}

/// Opens a connection, and names it.
pub(super) async fn connect(
    address: &Address,
    dialler: &Dialler,
    name: &str,
    deadline: Instant,
) -> Result<Link, Trouble> {
    let local = |why: String| Trouble::Exchange(ExchangeFailure::local(&why));
    let number = match address.database.as_str() {
        "" => 0,
        text => text.parse().map_err(|_| local(format!("`{text}` is no number of a database")))?,
    };
    let mut info = RedisConnectionInfo::default().set_db(number).set_skip_set_lib_name();
    if !address.user.is_empty() {
        info = info.set_username(&address.user);
    }
    if let Some(password) = &address.password {
        info = info.set_password(password);
    }
    let stream = address.dial(dialler, deadline).await.map_err(Trouble::Exchange)?;
    let opening = async {
        let mut link = if address.scheme == "rediss" {
            let tls = address.tls(true, address.parameter("ca")).map_err(local)?;
            let host = ServerName::try_from(address.host.clone()).map_err(|e| local(e.to_string()))?;
            let stream = TlsConnector::from(Arc::new(tls)).connect(host, stream).await;
            let failure = |e: std::io::Error| ExchangeFailure {
                class: FailureClass::Other,
                detail: format!("TLS: {e}"),
                sent: false,
            };
            over(&info, stream.map_err(|e| Trouble::Exchange(failure(e)))?).await?
        } else {
            over(&info, stream).await?
        };
        link.ask::<()>(redis::cmd("CLIENT").arg("SETNAME").arg(name)).await?;
        Ok(link)
    };
    match timeout_at(deadline, opening).await {
        Ok(Ok(link)) => Ok(link),
        Ok(Err(Trouble::Exchange(failure))) => Err(Trouble::Exchange(ExchangeFailure { sent: false, ..failure })),
        Ok(Err(said)) => Err(said),
        Err(_) => Err(Trouble::Exchange(ExchangeFailure {
            class: FailureClass::Timeout,
            detail: "it accepted the connection and did not answer in time".into(),
            sent: false,
        })),
    }
}

async fn over<S>(info: &RedisConnectionInfo, stream: S) -> Result<Link, Trouble>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let config = AsyncConnectionConfig::new().set_response_timeout(Some(NO_LIMIT));
    // The driver must run while the connection is greeted: both are made at once, and driven from here on.
    let (connection, driver) = MultiplexedConnection::new_with_config(info, stream, config).await?;
    let driver = AbortOnDropHandle::new(tokio::spawn(driver));
    Ok(Link { connection, _driver: Arc::new(driver) })
}

impl Link {
    /// Sends a command and reads its answer. The caller sets the limit.
    pub(super) async fn ask<T: FromRedisValue>(&mut self, command: &redis::Cmd) -> Result<T, Trouble> {
        Ok(command.query_async(&mut self.connection).await?)
    }

    /// Sends two commands at once; the second one's answer.
    pub(super) async fn ask_both<T: FromRedisValue>(
        &mut self,
        first: redis::Cmd,
        second: redis::Cmd,
    ) -> Result<T, Trouble> {
        let mut pipe = redis::pipe();
        pipe.add_command(first).ignore().add_command(second);
        let (answer,): (T,) = pipe.query_async(&mut self.connection).await?;
        Ok(answer)
    }
}
