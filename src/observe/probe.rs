//! Probes: looks at the system, started on schedule whatever became of the one before.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::model::grpc::{MAX_MESSAGE, Status, is_serving};
use crate::model::{Name, Offset};
use crate::scenario::Probe;
use crate::scenario::probe::{CommandProbe, GrpcProbe, HttpProbe, Look};
use crate::timeline::event::{EventKind, Sight};
use crate::world::command::CommandLine;
use crate::world::grpc::{GrpcOutcome, GrpcRequest};
use crate::world::http::{ExchangeFailure, HttpOutcome, HttpRequest};
use crate::world::{DriverError, World};

/// Largest body of a probe's answer that is read.
const MAX_BODY: usize = 1 << 20;

/// A look that starts no later than one window of the recovery signal behind its time still speaks of that window; how
/// late it was is part of the stated interval, which runs from the intended start to the answer.
const LATE: Duration = Duration::from_millis(100);

/// Looks until it is told to stop, then waits for the looks under way. Every look becomes one event, in any order.
///
/// A look that our side starts later than one whole interval and one window, or cannot start at all, is blind: what it
/// would have seen belongs to another moment.
pub async fn watch(world: World, probe: Probe, dir: PathBuf, stop: CancellationToken, events: mpsc::Sender<EventKind>) {
    let every = probe.every.get().max(Duration::from_millis(1));
    let start = world.clock.now();
    let slots = probe.timeout.get().as_nanos() / every.as_nanos() + 2;
    let senders = Arc::new(Semaphore::new(usize::try_from(slots).unwrap_or(usize::MAX).min(4096)));
    let watcher = Arc::new(Watcher { world, probe, dir, events });
    let mut looks = JoinSet::new();
    for n in 0u64.. {
        let intended = start + every * u32::try_from(n).unwrap_or(u32::MAX);
        tokio::select! {
            biased;
            () = stop.cancelled() => break,
            () = tokio::time::sleep_until(watcher.world.clock.instant_of(intended)) => {}
        }
        while looks.try_join_next().is_some() {}
        let late = watcher.world.clock.now().since(intended).to_duration();
        let blind = match senders.clone().try_acquire_owned() {
            _ if late > every.max(LATE) => format!("our side was {} ms late", late.as_millis()),
            Err(_) => "more looks are under way than the timeout explains".to_owned(),
            Ok(permit) => {
                let watcher = watcher.clone();
                looks.spawn(async move {
                    let sight = watcher.look().await;
                    watcher.tell(n, intended, sight).await;
                    drop(permit);
                });
                continue;
            }
        };
        watcher.tell(n, intended, Sight::Blind { why: blind }).await;
    }
    while looks.join_next().await.is_some() {}
}

/// One look, outside of a schedule: for the readiness of services.
pub async fn is_ready(world: &World, look: Look<'_>, timeout: Duration) -> Result<(), String> {
    let sight = match look {
        Look::Http(http) => look_http(world, http, timeout).await,
        Look::Grpc(grpc) => look_grpc(world, grpc, timeout).await,
        Look::Tcp(tcp) => look_tcp(world, &tcp.address, timeout).await,
        Look::Command(_) => return Err("readiness is not looked at by commands".into()),
    };
    match sight {
        Sight::Good => Ok(()),
        Sight::Bad { why } | Sight::Blind { why } => Err(why),
    }
}

struct Watcher {
    world: World,
    probe: Probe,
    dir: PathBuf,
    events: mpsc::Sender<EventKind>,
}

impl Watcher {
    async fn look(&self) -> Sight {
        let timeout = self.probe.timeout.get();
        match self.probe.look() {
            Ok(Look::Http(http)) => look_http(&self.world, http, timeout).await,
            Ok(Look::Grpc(grpc)) => look_grpc(&self.world, grpc, timeout).await,
            Ok(Look::Tcp(tcp)) => look_tcp(&self.world, &tcp.address, timeout).await,
            Ok(Look::Command(command)) => self.look_by_command(command, timeout).await,
            Err(wrong) => Sight::Blind { why: wrong.to_string() },
        }
    }

    async fn look_by_command(&self, command: &CommandProbe, timeout: Duration) -> Sight {
        let line = CommandLine { argv: command.argv.clone(), dir: self.dir.clone(), within: timeout };
        match self.world.commands.run(&line).await {
            Ok(output) if output.code == Some(0) => Sight::Good,
            Ok(output) => {
                let how = output.code.map_or("ended by a signal".to_owned(), |code| format!("exit code {code}"));
                Sight::Bad { why: format!("{how}: {}", output.tail.trim()) }
            }
            Err(DriverError::Timeout(why)) => Sight::Bad { why },
            Err(ours) => Sight::Blind { why: ours.to_string() },
        }
    }

    async fn tell(&self, n: u64, intended: Offset, sight: Sight) {
        let done = self.world.clock.now();
        let probe: Name = self.probe.name.clone();
        // The engine outlives its probes; when it is gone nobody wants to know.
        let _ = self.events.send(EventKind::Probe { probe, n, intended, done, sight }).await;
    }
}

async fn look_http(world: &World, http: &HttpProbe, timeout: Duration) -> Sight {
    let request = HttpRequest {
        method: http.method.clone(),
        url: http.url.clone(),
        headers: http.headers.iter().map(|(k, v)| (k.clone(), v.clone())).collect(),
        body: None,
        timeout,
        max_body: MAX_BODY,
        fresh_connection: true,
    };
    match world.http.exchange(&request).await {
        HttpOutcome::Answered { status, body, .. } => judge_answer(http, status, &body),
        HttpOutcome::Failed(failure) => failed(failure),
    }
}

fn judge_answer(http: &HttpProbe, status: u16, body: &[u8]) -> Sight {
    let fits = http.status.map_or((200..300).contains(&status), |wanted| wanted == status);
    if !fits {
        return Sight::Bad { why: format!("status {status}") };
    }
    match &http.contains {
        Some(text) if !String::from_utf8_lossy(body).contains(text.as_str()) => {
            Sight::Bad { why: format!("the answer does not contain `{text}`") }
        }
        _ => Sight::Good,
    }
}

async fn look_grpc(world: &World, grpc: &GrpcProbe, timeout: Duration) -> Sight {
    let request = GrpcRequest { call: grpc.call(), timeout, max_message: MAX_MESSAGE, fresh_connection: true };
    match world.grpc.call(&request).await {
        GrpcOutcome::Answered { status, message } => judge_call(grpc, &status, message.as_ref()),
        GrpcOutcome::Failed(failure) => failed(failure),
    }
}

fn judge_call(grpc: &GrpcProbe, status: &Status, message: Option<&Value>) -> Sight {
    if status.code != grpc.status {
        return Sight::Bad { why: format!("status {status}") };
    }
    let Some(message) = message else { return Sight::Good };
    let said = message.to_string();
    match &grpc.contains {
        Some(text) if !said.contains(text.as_str()) => {
            Sight::Bad { why: format!("the answer does not contain `{text}`") }
        }
        None if grpc.is_health_check() && !is_serving(message) => Sight::Bad { why: format!("health: {said}") },
        _ => Sight::Good,
    }
}

async fn look_tcp(world: &World, address: &str, timeout: Duration) -> Sight {
    match world.http.connect(address, timeout).await {
        Ok(()) => Sight::Good,
        Err(failure) => failed(failure),
    }
}

fn failed(failure: ExchangeFailure) -> Sight {
    if failure.class.is_ours() { Sight::Blind { why: failure.detail } } else { Sight::Bad { why: failure.detail } }
}
