//! Numbered writes, each started on schedule whatever became of the one before.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::{clickhouse, database, grpc, http};
use crate::model::Offset;
use crate::scenario::Ledger;
use crate::scenario::ledger::LedgerWrite;
use crate::scenario::plan::Plan;
use crate::timeline::event::{EventKind, Fate};
use crate::timeline::ledger::{Entry, JournalLine, SPAN, Shape};
use crate::world::World;

/// Writes under way at once at most, however long the timeout is.
const MAX_IN_FLIGHT: u64 = 4096;

/// How much longer than its timeout a write may take before its fate is put down as unknown without it.
const GRACE: Duration = Duration::from_secs(1);

/// The ledger's journal cannot be made.
#[derive(Debug, thiserror::Error)]
#[error("cannot create the ledger's journal {path}: {source}")]
pub struct LedgerError {
    path: PathBuf,
    source: io::Error,
}

/// Sends the ledger's writes.
pub struct LedgerWriter {
    journal: Journal,
    every: Duration,
    sender: Arc<Sender>,
}

impl LedgerWriter {
    /// Creates the journal `ledger.jsonl` in the run's folder; a simulated run has none.
    ///
    /// # Errors
    /// When it cannot be created.
    pub fn create(plan: &Plan, ledger: &Ledger) -> Result<LedgerWriter, LedgerError> {
        let out: Box<dyn Write + Send> = if plan.simulated {
            Box::new(io::sink())
        } else {
            let path = plan.dir.join("ledger.jsonl");
            let file = OpenOptions::new().write(true).create_new(true).open(&path);
            Box::new(file.map_err(|source| LedgerError { path, source })?)
        };
        Ok(LedgerWriter::new(ledger, Shape::of(ledger, &plan.run), out))
    }

    /// A writer with a journal of its own; each line is handed over in one piece.
    pub(super) fn new(ledger: &Ledger, shape: Shape, journal: Box<dyn Write + Send>) -> LedgerWriter {
        let sender = Sender { write: ledger.write.clone(), shape, timeout: ledger.timeout.get() };
        LedgerWriter {
            journal: Journal { out: journal, torn: false },
            every: ledger.every.get().max(Duration::from_millis(1)),
            sender: Arc::new(sender),
        }
    }

    /// Writes until told to stop, then waits for the writes under way, each of which has its timeout. Every number that
    /// was given out becomes exactly one event, in the order in which fates were known.
    pub async fn run(mut self, world: World, stop: CancellationToken, events: mpsc::Sender<EventKind>) {
        let start = world.clock.now();
        let slots = self.sender.timeout.as_nanos() / self.every.as_nanos() + 2;
        let slots = usize::try_from(slots.min(u128::from(MAX_IN_FLIGHT))).unwrap_or(usize::MAX);
        let mut under_way: JoinSet<Entry> = JoinSet::new();
        for n in 0..SPAN {
            let intended = start + self.every * u32::try_from(n).unwrap_or(u32::MAX);
            let due = tokio::time::sleep_until(world.clock.instant_of(intended));
            tokio::pin!(due);
            loop {
                tokio::select! {
                    biased;
                    () = stop.cancelled() => return self.drain(under_way, &events).await,
                    Some(done) = under_way.join_next() => self.tell(done, &events).await,
                    () = &mut due => break,
                }
            }
            let entry = |sent, why: String| Entry { n, intended, sent, fate: Fate::NotSent { why } };
            let sent = world.clock.now();
            if under_way.len() >= slots {
                let why = format!("{slots} writes are under way already, more than the timeout explains");
                self.tell(Ok(entry(sent, why)), &events).await;
                continue;
            }
            let intent = JournalLine::Intent { n, id: self.sender.shape.id(n), intended, sent };
            if let Err(error) = self.journal.write(&intent) {
                self.tell(Ok(entry(sent, format!("cannot be journaled: {error}"))), &events).await;
                continue;
            }
            let (sender, world) = (self.sender.clone(), world.clone());
            under_way.spawn(async move { sender.send(n, intended, &world).await });
        }
        self.drain(under_way, &events).await;
    }

    async fn drain(mut self, mut under_way: JoinSet<Entry>, events: &mpsc::Sender<EventKind>) {
        while let Some(done) = under_way.join_next().await {
            self.tell(done, events).await;
        }
    }

    async fn tell(&mut self, done: Result<Entry, tokio::task::JoinError>, events: &mpsc::Sender<EventKind>) {
        // A write whose task panicked has an intent without a fate in the journal; there is nobody left to ask.
        let Ok(entry) = done else { return };
        let Entry { n, intended, sent, fate } = entry;
        if !matches!(fate, Fate::NotSent { .. }) {
            // The event holds it too; the intent is what must not be missing.
            let _ = self.journal.write(&JournalLine::Fate { n, fate: fate.clone() });
        }
        let _ = events.send(EventKind::Ledger { n, intended, sent, fate }).await;
    }
}

/// The journal: handed to the operating system line by line, so that it outlives this process.
struct Journal {
    out: Box<dyn Write + Send>,
    torn: bool,
}

impl Journal {
    fn write(&mut self, line: &JournalLine) -> io::Result<()> {
        let mut text = if self.torn { "\n".to_owned() } else { String::new() };
        text.push_str(&serde_json::to_string(line)?);
        text.push('\n');
        let written = self.out.write_all(text.as_bytes());
        // Part of a line may be there: the next begins on a line of its own.
        self.torn = written.is_err();
        written
    }
}

/// Sends one write and judges its answer.
struct Sender {
    write: LedgerWrite,
    shape: Shape,
    timeout: Duration,
}

impl Sender {
    async fn send(&self, n: u64, intended: Offset, world: &World) -> Entry {
        let sent = world.clock.now();
        // The driver keeps the timeout; a driver that hangs must not hold a slot for good.
        let fate = match tokio::time::timeout(self.timeout + GRACE, self.ask(n, world)).await {
            Ok(fate) => fate,
            Err(_) => Fate::Unknown { why: "the driver did not come back within the timeout".into() },
        };
        Entry { n, intended, sent, fate }
    }

    async fn ask(&self, n: u64, world: &World) -> Fate {
        let (shape, timeout) = (&self.shape, self.timeout);
        match &self.write {
            LedgerWrite::Http(write) => {
                let outcome = world.http.exchange(&http::write(write, shape, n, timeout)).await;
                http::fate(outcome, world.clock.now())
            }
            LedgerWrite::Grpc(write) => {
                let outcome = world.grpc.call(&grpc::write(write, shape, n, timeout)).await;
                grpc::fate(outcome, world.clock.now())
            }
            LedgerWrite::ClickHouse(write) => {
                let outcome = world.http.exchange(&clickhouse::write(write, shape, n, timeout)).await;
                clickhouse::fate(outcome, world.clock.now())
            }
            LedgerWrite::Postgres(write) => {
                let outcome = world.databases.write(database::row(write, shape, n), timeout).await;
                database::fate(outcome, world.clock.now())
            }
            LedgerWrite::Redis(write) => {
                let outcome = world.databases.write(database::key(write, shape, n), timeout).await;
                database::fate(outcome, world.clock.now())
            }
        }
    }
}
