//! One session: dialled, TLS where the address asks for it, marked as ours, and ended when it is dropped.

use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};
use tokio_postgres::config::SslMode;
use tokio_postgres::error::{DbError, SqlState};
use tokio_postgres::tls::{MakeTlsConnect, NoTls};
use tokio_postgres::{Client, Config, Connection};
use tokio_postgres_rustls::MakeRustlsConnect;
use tokio_util::task::AbortOnDropHandle;

use crate::world::DriverError;
use crate::world::database::address::Address;
use crate::world::http::dial::Dialler;
use crate::world::http::{ExchangeFailure, FailureClass};

/// The usual port.
pub(super) const PORT: u16 = 5432;

/// A session; dropped, its connection is closed, and the server ends it.
pub(super) struct Session {
    pub(super) client: Client,
    _connection: AbortOnDropHandle<()>,
}

/// Why there is no session, or no answer.
#[derive(Debug)]
pub(super) enum Trouble {
    /// No connection, or it broke.
    Exchange(ExchangeFailure),
    /// The server said so.
    Server {
        /// What kind.
        code: SqlState,
        /// Whether the session ended with it.
        fatal: bool,
        /// In its words.
        said: String,
    },
}

/// How a session is opened.
#[derive(Debug, Clone, Default)]
pub(super) struct Manner {
    /// Its `application_name`.
    pub(super) tag: String,
    /// Settings of the session, with their values.
    pub(super) settings: Vec<(&'static str, String)>,
}

impl Manner {
    pub(super) fn of(tag: &str, settings: &[(&'static str, u128)]) -> Manner {
        let settings = settings.iter().map(|(name, value)| (*name, value.to_string())).collect();
        Manner { tag: tag.to_owned(), settings }
    }
}

/// Opens a session.
pub(super) async fn connect(
    address: &Address,
    dialler: &Dialler,
    manner: &Manner,
    deadline: Instant,
) -> Result<Session, Trouble> {
    let mut config = Config::new();
    config.user(if address.user.is_empty() { "postgres" } else { &address.user });
    if let Some(password) = &address.password {
        config.password(password);
    }
    if !address.database.is_empty() {
        config.dbname(&address.database);
    }
    let options: Vec<String> = manner.settings.iter().map(|(name, value)| format!("-c {name}={value}")).collect();
    config.options(options.join(" ")).application_name(&manner.tag);
    let local = |why: String| Trouble::Exchange(ExchangeFailure::local(&why));
    let (mode, checked) = match address.parameter("sslmode").unwrap_or("prefer") {
        "disable" => (SslMode::Disable, false),
        "allow" | "prefer" => (SslMode::Prefer, false),
        "require" => (SslMode::Require, address.parameter("sslrootcert").is_some()),
        "verify-ca" | "verify-full" => (SslMode::Require, true),
        other => return Err(local(format!("sslmode `{other}` is unknown: disable, prefer, require or verify-full"))),
    };
    config.ssl_mode(mode);
    let stream = address.dial(dialler, deadline).await.map_err(Trouble::Exchange)?;
    let opening = async {
        if mode == SslMode::Disable {
            let (client, connection) = config.connect_raw(stream, NoTls).await?;
            return Ok(Session { client, _connection: drive(connection) });
        }
        let tls = address.tls(checked, address.parameter("sslrootcert")).map_err(local)?;
        let mut tls = MakeRustlsConnect::new(tls);
        let tls = MakeTlsConnect::<TcpStream>::make_tls_connect(&mut tls, &address.host);
        let tls = tls.map_err(|e| local(format!("TLS with {}: {e}", address.host)))?;
        let (client, connection) = config.connect_raw(stream, tls).await?;
        Ok(Session { client, _connection: drive(connection) })
    };
    match timeout_at(deadline, opening).await {
        Ok(Ok(session)) => Ok(session),
        // A session that never came took no write.
        Ok(Err(Trouble::Exchange(failure))) => Err(Trouble::Exchange(ExchangeFailure { sent: false, ..failure })),
        Ok(Err(said)) => Err(said),
        Err(_) => Err(Trouble::Exchange(ExchangeFailure {
            class: FailureClass::Timeout,
            detail: format!("{address} accepted the connection and opened no session in time"),
            sent: false,
        })),
    }
}

fn drive<S, T>(connection: Connection<S, T>) -> AbortOnDropHandle<()>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
    T: tokio_postgres::tls::TlsStream + Unpin + Send + 'static,
{
    AbortOnDropHandle::new(tokio::spawn(async move {
        // Whoever waits for an answer gets the error, too.
        let _ = connection.await;
    }))
}

impl From<tokio_postgres::Error> for Trouble {
    fn from(e: tokio_postgres::Error) -> Self {
        if let Some(said) = e.as_db_error() {
            return Trouble::Server { code: said.code().clone(), fatal: is_fatal(said), said: words(said) };
        }
        let io = std::error::Error::source(&e).and_then(|cause| cause.downcast_ref::<std::io::Error>());
        let class = match io {
            Some(io) => crate::world::http::classify::of_io(io),
            None if e.is_closed() => FailureClass::Reset,
            None => FailureClass::Other,
        };
        let detail = match std::error::Error::source(&e) {
            Some(cause) => format!("{e}: {cause}"),
            None => e.to_string(),
        };
        Trouble::Exchange(ExchangeFailure { class, detail, sent: true })
    }
}

/// Whether the session ended with the error. Old servers say it in their own language only.
fn is_fatal(said: &DbError) -> bool {
    use tokio_postgres::error::Severity::{Fatal, Panic};
    match said.parsed_severity() {
        Some(severity) => matches!(severity, Fatal | Panic),
        None => said.severity() != "ERROR",
    }
}

fn words(said: &DbError) -> String {
    let hint = said.hint().map(|hint| format!(" ({hint})")).unwrap_or_default();
    format!("{} {}{hint}", said.code().code(), said.message())
}

impl Trouble {
    /// Whether another session may do better: this one is gone.
    pub(super) fn is_lost(&self) -> bool {
        match self {
            Trouble::Exchange(failure) => failure.sent,
            Trouble::Server { fatal, .. } => *fatal,
        }
    }

    /// Whether the server has no connection left.
    pub(super) fn is_full(&self) -> bool {
        matches!(self, Trouble::Server { code, .. } if *code == SqlState::TOO_MANY_CONNECTIONS)
    }

    /// What it is about, where, and the remedy.
    pub(super) fn told(self, address: &Address) -> DriverError {
        let user = if address.user.is_empty() { "postgres" } else { &address.user };
        match self {
            Trouble::Exchange(failure) if failure.class == FailureClass::Timeout => {
                DriverError::Timeout(format!("PostgreSQL at {address}: {}", failure.detail))
            }
            Trouble::Exchange(failure) => DriverError::Failed(format!(
                "PostgreSQL at {address}: {}; does it run, and may this host reach it?",
                failure.detail
            )),
            Trouble::Server { code, said, .. } => {
                let told = |remedy: &str| format!("PostgreSQL at {address} says: {said}{remedy}");
                match code {
                    SqlState::INVALID_PASSWORD | SqlState::INVALID_AUTHORIZATION_SPECIFICATION => {
                        DriverError::Refused(told(&format!(
                            "; check the user `{user}` and the secret in the target's `url`, and pg_hba.conf"
                        )))
                    }
                    SqlState::INVALID_CATALOG_NAME => {
                        DriverError::NotFound(told("; correct the database in the target's `url`"))
                    }
                    SqlState::TOO_MANY_CONNECTIONS => DriverError::Failed(told(
                        "; the drill needs one connection of its own: use a superuser, or end a session",
                    )),
                    SqlState::INSUFFICIENT_PRIVILEGE => DriverError::Refused(told(&format!(
                        "; give `{user}` what it needs, such as `GRANT pg_monitor, pg_signal_backend TO {user}`"
                    ))),
                    SqlState::UNDEFINED_TABLE | SqlState::UNDEFINED_COLUMN | SqlState::INVALID_SCHEMA_NAME => {
                        DriverError::NotFound(told("; correct the name, or create it"))
                    }
                    SqlState::LOCK_NOT_AVAILABLE => {
                        DriverError::Timeout(told("; somebody holds the table: raise `wait`, or try when it is quiet"))
                    }
                    _ => DriverError::Failed(told("")),
                }
            }
        }
    }
}
