//! The orders service that drills run against: HTTP in front of SQLite (the quickstart) or of PostgreSQL with a cache
//! in Redis (the practice stack), in a process of its own.
//!
//! An acknowledged order is durable (it is answered after its transaction's COMMIT has returned, with
//! `synchronous=FULL` in SQLite and `synchronous_commit` as PostgreSQL has it), so that a drill that kills the service
//! and still finds an order missing has found a real fault. The service also writes down when it really served
//! ([`truth`]), which is what measured recovery times are held against.
#![cfg(feature = "demo")]

mod api;
mod backend;
#[cfg(feature = "databases")]
mod cache;
mod metrics;
mod orders;
#[cfg(feature = "databases")]
mod pool;
#[cfg(feature = "databases")]
mod postgres;
mod schema;
mod store;
pub mod truth;

#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use axum::serve::ListenerExt;
use tokio::net::{TcpListener, TcpSocket};
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::model::HumanDuration;
use api::Service;
use backend::Backend;
use metrics::Metrics;
use store::{Store, StoreError};
use truth::{Truth, TruthError};

/// How long requests in flight may take after SIGTERM before the service leaves without them.
const GRACE: Duration = Duration::from_secs(5);

/// Pending connections the kernel keeps for us. Large enough that a burst after a restart is not refused.
const BACKLOG: u32 = 1024;

/// The options of `simulacro demo-service`.
#[derive(Debug, Clone, clap::Args)]
pub struct Options {
    /// Address to listen on; port 0 takes a free one, which the first log line names.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:18080")]
    pub listen: SocketAddr,
    /// The SQLite database; created when absent.
    #[arg(long, value_name = "FILE", required_unless_present = "database", conflicts_with = "database")]
    pub data: Option<PathBuf>,
    /// A PostgreSQL database instead, `postgres://user:password@host:port/name`; several services may share it. It need
    /// not be up yet.
    #[arg(long, value_name = "URL", env = "ORDERS_DATABASE", hide_env_values = true)]
    pub database: Option<String>,
    /// A Redis in front of PostgreSQL, `redis://host:port`: orders that were read are kept there for a minute.
    #[arg(long, value_name = "URL", env = "ORDERS_CACHE", hide_env_values = true, requires = "database")]
    pub cache: Option<String>,
    /// Connections to PostgreSQL at most.
    #[arg(long, value_name = "N", env = "ORDERS_CONNECTIONS", default_value = "8", value_parser = at_least_one)]
    pub connections: usize,
    /// Longest wait for a free connection; beyond it the request fails.
    #[arg(long, value_name = "DURATION", default_value = "1s")]
    pub connection_wait: HumanDuration,
    /// Longest wait for an answer of PostgreSQL; beyond it the request fails and its connection is given up.
    #[arg(long, value_name = "DURATION", default_value = "2s")]
    pub answer_within: HumanDuration,
    /// A connection older than this is closed and made anew.
    #[arg(long, value_name = "DURATION", default_value = "30s")]
    pub connection_lifetime: HumanDuration,
    /// Artificial work per request, such as `2ms`.
    #[arg(long, value_name = "DURATION", default_value = "0s")]
    pub think_time: HumanDuration,
    /// Where to write when the service served and when it did not (raw CLOCK_MONOTONIC nanoseconds).
    #[arg(long, value_name = "FILE")]
    pub outage_log: Option<PathBuf>,
    /// Answers writes at once and commits them only this much later: a durability bug for negative controls, whose lost
    /// writes a drill must find.
    #[arg(long, value_name = "DURATION", conflicts_with = "database")]
    pub early_ack: Option<HumanDuration>,
    /// Allows `POST /admin/exit?code=N`, which ends the process at once.
    #[arg(long)]
    pub allow_exit: bool,
}

/// Why the service did not start, or did not stay up.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The address cannot be listened on.
    #[error("cannot listen on {addr}: {source}; is another service using the port?")]
    Listen {
        /// The address asked for.
        addr: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// The database cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The outage log cannot be written.
    #[error(transparent)]
    Truth(#[from] TruthError),
    /// The runtime or its signal handlers cannot be set up, or the accept loop failed.
    #[error("the service's runtime failed: {0}")]
    Runtime(#[from] std::io::Error),
}

/// Runs the service until SIGTERM or SIGINT: exit code 0 after a clean stop, 1 when it could not start or stay up.
pub fn serve(options: Options) -> ExitCode {
    let served = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(ServeError::from)
        .and_then(|runtime| {
            let served = runtime.block_on(run(options));
            // A client that stopped reading must not hold the process back.
            runtime.shutdown_timeout(Duration::from_millis(100));
            served
        });
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("demo-service: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(options: Options) -> Result<(), ServeError> {
    // Installed first, so that a signal during start-up is not answered by the default action half-way.
    let mut stop = Stop::new()?;
    let (store, name) = open(&options)?;
    let truth = options.outage_log.as_deref().map(Truth::open).transpose()?.map(Arc::new);
    let listener = listen(options.listen, truth.as_deref())?;
    eprintln!("demo-service: listening on http://{} with {}", listener.local_addr()?, name);

    let service = Arc::new(Service {
        store,
        metrics: Metrics::start(),
        truth: truth.clone(),
        think_time: options.think_time.get(),
        allow_exit: options.allow_exit,
    });
    let (begin, begun) = tokio::sync::oneshot::channel::<()>();
    let on_signal = async move {
        stop.recv().await;
        if let Some(truth) = truth {
            truth.stop();
        }
        let _ = begin.send(());
    };
    // Orders are tiny and answered one by one: with Nagle's algorithm each could wait for a delayed ACK.
    let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
    let serving = axum::serve(listener, api::router(service.clone())).with_graceful_shutdown(on_signal);
    tokio::select! {
        served = serving => served?,
        () = grace(begun) => eprintln!("demo-service: left requests unanswered {} s after the signal", GRACE.as_secs()),
    }
    service.store.close();
    eprintln!("demo-service: stopped");
    Ok(())
}

/// The store that the options ask for, and what to call it in the log (an address may hold a password).
fn open(options: &Options) -> Result<(Backend, String), StoreError> {
    if let Some(file) = &options.data {
        let store = Store::open(file, options.early_ack.map(HumanDuration::get))?;
        return Ok((Backend::Sqlite(Arc::new(store)), file.display().to_string()));
    }
    open_database(options)
}

#[cfg(feature = "databases")]
fn open_database(options: &Options) -> Result<(Backend, String), StoreError> {
    let url = options.database.as_deref().unwrap_or_default();
    let limits = pool::Limits {
        connections: options.connections,
        wait: options.connection_wait.get(),
        answer: options.answer_within.get(),
        lifetime: options.connection_lifetime.get(),
    };
    let cache = options.cache.as_deref().map(cache::Cache::new).transpose()?;
    // The task ends by itself once the tables are there; with the process at the latest.
    let (database, _preparing) = postgres::Database::open(url, limits)?;
    let name = if cache.is_some() { "PostgreSQL and Redis" } else { "PostgreSQL" };
    Ok((Backend::Postgres { database, cache: cache.map(Box::new) }, name.into()))
}

#[cfg(not(feature = "databases"))]
fn open_database(_: &Options) -> Result<(Backend, String), StoreError> {
    let reason = "this program was built without the feature `databases`; use --data FILE".into();
    Err(StoreError::Address { what: "--database", reason })
}

fn at_least_one(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) | Err(_) => Err("a number from 1".into()),
        Ok(number) => Ok(number),
    }
}

async fn grace(begun: tokio::sync::oneshot::Receiver<()>) {
    match begun.await {
        Ok(()) => tokio::time::sleep(GRACE).await,
        // The sender went away with the server: its own branch of the select ends this wait.
        Err(_) => std::future::pending().await,
    }
}

/// Binds with SO_REUSEADDR, so that a restart need not wait for old connections in TIME_WAIT.
fn listen(addr: SocketAddr, truth: Option<&Truth>) -> Result<TcpListener, ServeError> {
    let failed = |source| ServeError::Listen { addr, source };
    let socket = if addr.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }.map_err(failed)?;
    socket.set_reuseaddr(true).map_err(failed)?;
    socket.bind(addr).map_err(failed)?;
    // From listen() on the kernel takes connections and they will be answered, so this is the moment service begins.
    let since = crate::clock::raw_now();
    let listener = socket.listen(BACKLOG).map_err(failed)?;
    if let Some(truth) = truth {
        truth.start(since)?;
    }
    Ok(listener)
}

/// The signals that end the service.
struct Stop {
    term: Signal,
    int: Signal,
}

impl Stop {
    fn new() -> std::io::Result<Stop> {
        Ok(Stop { term: signal(SignalKind::terminate())?, int: signal(SignalKind::interrupt())? })
    }

    async fn recv(&mut self) {
        tokio::select! {
            _ = self.term.recv() => (),
            _ = self.int.recv() => (),
        }
    }
}
