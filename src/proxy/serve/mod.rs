//! `simulacro proxy serve`: links that live on their own, with Toxiproxy's HTTP API, and leases for drills.

mod registry;
mod routes;
mod toxic;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use hyper_util::rt::{TokioIo, TokioTimer};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Mutex, Semaphore};

use self::registry::{Registry, Wanted};
use super::hands::Hands;
use super::link::LinkError;
use super::worker::connections;

/// Most clients of the API at a time; more wait in the backlog.
const CLIENTS: usize = 256;

/// Longest time for a client to send the head of a request.
const HEAD_WITHIN: Duration = Duration::from_secs(15);

/// How often leases are looked at.
const SWEEP: Duration = Duration::from_millis(100);

/// Links among which the file handles are shared out. How many there will be nobody knows: each may have them all, and
/// where none is left, clients wait in the backlog.
const SHARES: usize = 1;

/// What to serve.
#[derive(Debug, Clone)]
pub struct ServeOptions {
    /// Where the API listens, `host:port`.
    pub listen: String,
    /// A list of proxies in Toxiproxy's format, made at the start.
    pub config: Option<PathBuf>,
    /// Where random choices come from.
    pub seed: u64,
}

/// Why nothing is served.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The API's own address.
    #[error("the control API cannot listen on {0}: {1}; choose another address with --listen")]
    Listen(String, std::io::Error),
    /// The list of proxies.
    #[error("{0}: {1}")]
    Config(PathBuf, String),
    /// The runtime.
    #[error("the runtime cannot be started: {0}")]
    Runtime(std::io::Error),
}

/// An error as Toxiproxy's API tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct ApiError {
    message: String,
    status: u16,
}

impl ApiError {
    fn new(message: impl Into<String>, status: u16) -> Self {
        ApiError { message: message.into(), status }
    }
    fn bad_body(why: &str) -> Self {
        ApiError::new(format!("bad request body: {why}"), 400)
    }
    fn missing(what: &str) -> Self {
        ApiError::new(format!("missing required field: {what}"), 400)
    }
    fn no_proxy() -> Self {
        ApiError::new("proxy not found", 404)
    }
    fn exists() -> Self {
        ApiError::new("proxy already exists", 409)
    }
    fn invalid_stream() -> Self {
        ApiError::new("stream was invalid, can be either upstream or downstream", 400)
    }
    fn invalid_type() -> Self {
        ApiError::new("invalid toxic type", 400)
    }
    fn toxic_exists() -> Self {
        ApiError::new("toxic already exists", 409)
    }
    fn no_toxic() -> Self {
        ApiError::new("toxic not found", 404)
    }
    fn failed(why: &str) -> Self {
        ApiError::new(why, 500)
    }
    fn document(&self) -> Value {
        json!({ "error": self.message, "status": self.status })
    }
}

impl From<LinkError> for ApiError {
    fn from(error: LinkError) -> Self {
        ApiError::failed(&error.to_string())
    }
}

type Shared = Arc<Mutex<Registry>>;

/// Serves until a signal ends it; `ready` is told the API's address.
///
/// # Errors
/// When nothing can be served.
pub fn serve(options: &ServeOptions, ready: impl FnOnce(SocketAddr)) -> Result<(), ServeError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(ServeError::Runtime)?;
    runtime.block_on(async {
        let hands = Arc::new(Hands::start().map_err(ServeError::Runtime)?);
        let registry: Shared = Arc::new(Mutex::new(Registry::new(options.seed, connections(SHARES), hands)));
        let listener = TcpListener::bind(&options.listen).await;
        let listener = listener.map_err(|error| ServeError::Listen(options.listen.clone(), error))?;
        let address = listener.local_addr().map_err(|error| ServeError::Listen(options.listen.clone(), error))?;
        if let Some(config) = &options.config {
            let wrong = |why: String| ServeError::Config(config.clone(), why);
            let text = tokio::fs::read(config).await.map_err(|error| wrong(error.to_string()))?;
            let list = list(&text).map_err(|error| wrong(error.message))?;
            if let (_, Some(error)) = registry.lock().await.populate(list).await {
                return Err(wrong(error.message));
            }
        }
        ready(address);
        let sweeping = registry.clone();
        tokio::select! {
            () = accept(listener, registry) => {}
            () = sweep(sweeping) => {}
            () = stopped() => {}
        }
        Ok(())
    })
}

/// Reads a list of proxies.
fn list(text: &[u8]) -> Result<Vec<Wanted>, ApiError> {
    let document: Vec<Value> = serde_json::from_slice(text).map_err(|error| ApiError::bad_body(&error.to_string()))?;
    document.iter().enumerate().map(|(n, document)| Wanted::read(document, Some(n))).collect()
}

async fn sweep(registry: Shared) {
    loop {
        tokio::time::sleep(SWEEP).await;
        registry.lock().await.expire().await;
    }
}

async fn stopped() {
    use tokio::signal::unix::{SignalKind, signal};
    let [Ok(mut int), Ok(mut term)] = [SignalKind::interrupt(), SignalKind::terminate()].map(signal) else {
        // Then the default action of these signals ends the process, which is all that is wanted.
        return std::future::pending().await;
    };
    tokio::select! {
        _ = int.recv() => {}
        _ = term.recv() => {}
    }
}

async fn accept(listener: TcpListener, registry: Shared) {
    let places = Arc::new(Semaphore::new(CLIENTS));
    loop {
        let Ok(place) = places.clone().acquire_owned().await else { return };
        match listener.accept().await {
            Ok((client, _)) => {
                let registry = registry.clone();
                tokio::spawn(async move {
                    attend(client, registry).await;
                    drop(place);
                });
            }
            // No file handle left, say. Orders must still be taken once there is one.
            Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
        }
    }
}

async fn attend(client: TcpStream, registry: Shared) {
    let service = hyper::service::service_fn(move |request| routes::answer(registry.clone(), request));
    // A client that breaks off is its own concern: an order is carried out whole or not at all.
    let _ = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_WITHIN)
        .serve_connection(TokioIo::new(client), service)
        .await;
}
