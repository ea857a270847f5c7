//! The connection to one engine, and what its answers mean.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bollard::errors::Error;
use bollard::{API_DEFAULT_VERSION, Docker};
use tokio::time::timeout;

use super::address::Address;
use crate::model::ContainerId;
use crate::world::DriverError;

/// Longest time of one call that changes or tells something small.
pub(super) const CALL_WITHIN: Duration = Duration::from_secs(5);

/// Engines that were spoken to, by address: each agreed on a version of the interface once.
#[derive(Default)]
pub(super) struct Engines {
    known: Mutex<HashMap<Address, Docker>>,
}

/// One engine.
pub(super) struct Engine {
    pub(super) address: Address,
    pub(super) docker: Docker,
}

impl Engines {
    /// The engine that a scenario or a record names. It is dialled every time: what is in the way (no engine, no
    /// permission) is said here with its remedy, and not as a broken request.
    pub(super) async fn reach(&self, named: Option<&str>) -> Result<Engine, DriverError> {
        let address = Address::of(named)?;
        address.dial().await?;
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner).get(&address).cloned();
        let docker = match known {
            Some(docker) => docker,
            None => {
                let docker = agree(&address).await?;
                self.known.lock().unwrap_or_else(PoisonError::into_inner).insert(address.clone(), docker.clone());
                docker
            }
        };
        Ok(Engine { address, docker })
    }

    /// The engine of a container that was found before.
    pub(super) async fn of(&self, container: &ContainerId) -> Result<Engine, DriverError> {
        self.reach(Some(&container.engine)).await
    }
}

async fn agree(address: &Address) -> Result<Docker, DriverError> {
    let limit = CALL_WITHIN.as_secs() * 12;
    let docker = match address {
        Address::Socket(path) => Docker::connect_with_unix(&path.to_string_lossy(), limit, API_DEFAULT_VERSION),
        Address::Tcp(host) => Docker::connect_with_http(&format!("tcp://{host}"), limit, API_DEFAULT_VERSION),
    };
    let docker = docker.map_err(|e| DriverError::Failed(format!("cannot speak to the engine at {address}: {e}")))?;
    bounded(address, "its version", CALL_WITHIN, docker.negotiate_version()).await
}

impl Engine {
    /// One call, bounded; `what` says for messages what was asked.
    pub(super) async fn call<T>(
        &self,
        what: &str,
        call: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, DriverError> {
        bounded(&self.address, what, CALL_WITHIN, call).await
    }

    /// One call that may take this long on top of what every call may.
    pub(super) async fn long_call<T>(
        &self,
        what: &str,
        longer: Duration,
        call: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, DriverError> {
        bounded(&self.address, what, CALL_WITHIN + longer, call).await
    }
}

async fn bounded<T>(
    address: &Address,
    what: &str,
    limit: Duration,
    call: impl Future<Output = Result<T, Error>>,
) -> Result<T, DriverError> {
    match timeout(limit, call).await {
        Ok(answer) => answer.map_err(|e| meaning(address, what, &e)),
        Err(_) => Err(DriverError::Timeout(format!(
            "the container engine at {address} did not answer within {} s when asked for {what}",
            limit.as_secs()
        ))),
    }
}

/// What an error of the engine means for the drill.
fn meaning(address: &Address, what: &str, error: &Error) -> DriverError {
    match error {
        Error::DockerResponseServerError { status_code: 404, message } => {
            DriverError::NotFound(format!("{what}: {message}"))
        }
        Error::DockerResponseServerError { status_code: 403, message } => DriverError::Refused(format!(
            "the container engine at {address} forbids {what}: {message}; ask whoever runs it"
        )),
        Error::DockerResponseServerError { status_code, message } => {
            DriverError::Failed(format!("the container engine at {address} refused {what} ({status_code}): {message}"))
        }
        Error::RequestTimeoutError => {
            DriverError::Timeout(format!("the container engine at {address} did not answer when asked for {what}"))
        }
        Error::JsonDataError { message, .. } => DriverError::Failed(format!(
            "the container engine at {address} answered {what} in words this program does not know: {message}"
        )),
        other => DriverError::Failed(format!(
            "the connection to the container engine at {address} broke when asked for {what} ({other}): has it been \
             restarted?"
        )),
    }
}
