//! What clients live through in the simulated world: HTTP, gRPC, TCP, backups, and the person in front of it.

use std::path::Path;
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::Instant;

use super::state::{Bent, Serving, authority, bent};
use super::{Driver, Sim};
use crate::clock::Clock;
use crate::model::grpc::{Code, Status};
use crate::model::{Delta, Name};
use crate::scenario::Backup;
use crate::timeline::restore::{ProofOutcome, ProofSource, ProofStep, RestoreProof};
use crate::world::DriverError;
use crate::world::backups::{Backups, ProofRequest, Taken};
use crate::world::grpc::{Grpc, GrpcOutcome, GrpcRequest};
use crate::world::http::{ExchangeFailure, FailureClass, Http, HttpOutcome, HttpRequest};
use crate::world::operator::Operator;

/// How long the simulated service takes for an answer.
pub(super) const SERVICE_TIME: Duration = Duration::from_millis(1);

fn failure(class: FailureClass, detail: &str, sent: bool) -> ExchangeFailure {
    ExchangeFailure { class, detail: detail.into(), sent }
}

impl Sim {
    /// Goes the way of a request to `address` and back; fails as a client would see it fail.
    pub(super) async fn travel(&self, clock: Clock, address: &str, limit: Duration) -> Result<(), ExchangeFailure> {
        let deadline = Instant::now() + limit;
        let timeout = || failure(FailureClass::Timeout, "no answer in time", true);
        loop {
            let changed = self.inner.changed.notified();
            let (wait, serving) = {
                let mut state = self.state();
                let now = clock.now();
                let (rules, upstream, link) = match state.link_at(address, now) {
                    Some((link, rules, upstream)) => (rules.to_vec(), upstream.to_owned(), Some(link.clone())),
                    None => (Vec::new(), address.to_owned(), None),
                };
                if let Some(link) = link.filter(|_| !rules.is_empty()) {
                    state.touch(&link, 1);
                }
                (bent(&rules), state.serving(&upstream, now))
            };
            match (wait, serving) {
                (Bent::Broken, _) | (_, Serving::Down) => {
                    return Err(failure(FailureClass::Refused, "connection refused", false));
                }
                (Bent::Late(wait), Serving::Up) => {
                    let done = Instant::now() + wait + SERVICE_TIME;
                    tokio::time::sleep_until(done.min(deadline)).await;
                    return if done <= deadline { Ok(()) } else { Err(timeout()) };
                }
                // Nothing passes: until the world changes, or patience ends.
                _ => tokio::select! {
                    () = changed => {}
                    () = tokio::time::sleep_until(deadline) => return Err(timeout()),
                },
            }
        }
    }
}

#[async_trait]
impl Http for Driver {
    async fn exchange(&self, request: &HttpRequest) -> HttpOutcome {
        match self.sim.travel(self.clock, authority(&request.url), request.timeout).await {
            Ok(()) => HttpOutcome::Answered { status: 200, headers: Vec::new(), body: self.sim.serve(request) },
            Err(failure) => HttpOutcome::Failed(failure),
        }
    }

    async fn connect(&self, address: &str, timeout: Duration) -> Result<(), ExchangeFailure> {
        self.sim.travel(self.clock, address, timeout).await
    }
}

#[async_trait]
impl Grpc for Driver {
    async fn call(&self, request: &GrpcRequest) -> GrpcOutcome {
        match self.sim.travel(self.clock, authority(&request.call.url), request.timeout).await {
            Ok(()) => {
                let (code, message) = self.sim.serve_call(&request.call);
                let status = Status { code, message: String::new() };
                GrpcOutcome::Answered { status, message: (code == Code::Ok).then_some(message) }
            }
            Err(failure) => GrpcOutcome::Failed(failure),
        }
    }
}

#[async_trait]
impl Backups for Driver {
    async fn take(&self, name: &Name, backup: &Backup, dir: &Path) -> Result<Taken, DriverError> {
        let _ = (name, backup, dir);
        let began = self.now();
        tokio::time::sleep(Duration::from_millis(200)).await;
        Ok(Taken { began, completed: self.now(), bytes: 4096 })
    }

    async fn prove(&self, request: ProofRequest<'_>) -> RestoreProof {
        let took = Delta::from_millis(300);
        tokio::time::sleep(took.to_duration()).await;
        let step = ProofStep { name: "restore".into(), took, ok: true, detail: "simulated".into() };
        RestoreProof {
            source: ProofSource {
                provider: "simulated".into(),
                identity: request.name.to_string(),
                ..Default::default()
            },
            backup: None,
            scratch: "simulated".into(),
            steps: vec![step],
            restore_time: Some(took),
            verify_time: Delta::ZERO,
            checks: Vec::new(),
            ledger: None,
            // Nothing was restored, so nothing can be verified.
            outcome: ProofOutcome::Inconclusive,
            why: "the world is simulated: no backup was restored".into(),
            leftovers: Vec::new(),
        }
    }
}

#[async_trait]
impl Operator for Driver {
    async fn ask(&self, prompt: &str, within: Duration) -> Result<String, DriverError> {
        let _ = (prompt, within);
        tokio::time::sleep(Duration::from_secs(1)).await;
        Ok("done (simulated)".into())
    }
}
