//! The database: one writer thread that commits in groups, and readers beside it.
//!
//! A commit with `synchronous=FULL` costs one fsync, about a millisecond; answering each write from its own commit
//! would cap the service near 500 writes/s. All writes that wait share the next commit instead, and each is answered
//! only after that commit has returned.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use rusqlite::{Connection, TransactionBehavior};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot};

use super::orders::{self, NewOrder, Put};
use super::schema;

/// Writes that may wait for the writer; beyond that a request is turned away at once rather than kept.
const QUEUE: usize = 4096;

/// Writes in one transaction at most, so that the first of a burst does not wait for all of it.
const BATCH: usize = 512;

/// Why the database did not do what it was asked.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// The database file cannot be opened or prepared.
    #[error("cannot use the database {path}: {reason}")]
    Open {
        /// The file.
        path: PathBuf,
        /// What SQLite said.
        reason: String,
    },
    /// A statement failed.
    #[error("the database failed: {0}")]
    Sql(String),
    /// An address of PostgreSQL or Redis is none.
    #[error("{what} is no address: {reason}")]
    Address {
        /// The option.
        what: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// The database cannot be reached.
    #[error("the database cannot be reached: {0}")]
    Unreachable(String),
    /// The database did not answer in time.
    #[error("the database did not answer within {0:?}")]
    Late(Duration),
    /// Every connection is in use.
    #[error("all {limit} connections to the database are in use")]
    Exhausted {
        /// How many there may be.
        limit: usize,
    },
    /// Too many writes wait already.
    #[error("{QUEUE} writes are waiting: the database does not keep up")]
    Overloaded,
    /// The writer has ended.
    #[error("the database is closed")]
    Closed,
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        StoreError::Sql(error.to_string())
    }
}

struct Job {
    id: String,
    new: NewOrder,
    reply: oneshot::Sender<Result<Put, StoreError>>,
}

/// The orders, on disk.
pub(super) struct Store {
    path: PathBuf,
    reader: Mutex<Option<Connection>>,
    jobs: Mutex<Option<mpsc::Sender<Job>>>,
    writer: Mutex<Option<JoinHandle<()>>>,
    commits: Arc<AtomicU64>,
    early_ack: bool,
}

impl Store {
    /// Opens or creates the database and starts its writer. With `early_ack`, writes are answered before they are
    /// stored, and each commit is held back that long.
    pub(super) fn open(path: &Path, early_ack: Option<Duration>) -> Result<Store, StoreError> {
        let failed = |reason: String| StoreError::Open { path: path.to_owned(), reason };
        let db = schema::open_writer(path).map_err(|e| failed(e.to_string()))?;
        let reader = schema::open_reader(path).map_err(|e| failed(e.to_string()))?;
        let (jobs, queue) = mpsc::channel(QUEUE);
        let commits = Arc::new(AtomicU64::new(0));
        let counter = commits.clone();
        let delay = early_ack.unwrap_or_default();
        let writer = std::thread::Builder::new()
            .name("orders-writer".into())
            .spawn(move || write_all(db, queue, delay, &counter))
            .map_err(|e| failed(e.to_string()))?;
        Ok(Store {
            path: path.to_owned(),
            reader: Mutex::new(Some(reader)),
            jobs: Mutex::new(Some(jobs)),
            writer: Mutex::new(Some(writer)),
            commits,
            early_ack: early_ack.is_some(),
        })
    }

    /// Stores an order; returns once it is durable (or at once, if the store was opened to acknowledge early).
    pub(super) async fn put(&self, id: String, new: NewOrder) -> Result<Put, StoreError> {
        let (reply, answer) = oneshot::channel();
        {
            let jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner);
            let jobs = jobs.as_ref().ok_or(StoreError::Closed)?;
            jobs.try_send(Job { id, new, reply }).map_err(|e| match e {
                TrySendError::Full(_) => StoreError::Overloaded,
                TrySendError::Closed(_) => StoreError::Closed,
            })?;
        }
        if self.early_ack {
            // The bug on purpose: nothing is stored yet, and a kill now loses the order.
            return Ok(Put::Created);
        }
        answer.await.unwrap_or(Err(StoreError::Closed))
    }

    /// Runs a short query on the shared reading connection. Blocks: call it from a blocking task.
    pub(super) fn read<T>(&self, query: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, StoreError> {
        let reader = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(query(reader.as_ref().ok_or(StoreError::Closed)?)?)
    }

    /// A reading connection of its own, for a query that takes long.
    pub(super) fn reader(&self) -> Result<Connection, StoreError> {
        Ok(schema::open_reader(&self.path)?)
    }

    /// Whether writes are still taken.
    pub(super) fn is_open(&self) -> bool {
        let jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner);
        jobs.as_ref().is_some_and(|jobs| !jobs.is_closed())
    }

    /// Transactions committed since the start.
    pub(super) fn commits(&self) -> u64 {
        self.commits.load(Ordering::Relaxed)
    }

    /// Takes no more writes, commits those that wait, and closes the database.
    pub(super) fn close(&self) {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner).take();
        // Only the last connection to close folds the WAL back into the database, and a read-only one cannot.
        self.reader.lock().unwrap_or_else(PoisonError::into_inner).take();
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take();
        if writer.is_some_and(|writer| writer.join().is_err()) {
            eprintln!("demo-service: the writer thread had panicked");
        }
    }
}

fn write_all(mut db: Connection, mut queue: mpsc::Receiver<Job>, delay: Duration, commits: &AtomicU64) {
    while let Some(first) = queue.blocking_recv() {
        let mut batch = vec![first];
        while batch.len() < BATCH {
            match queue.try_recv() {
                Ok(job) => batch.push(job),
                Err(_) => break,
            }
        }
        match commit(&mut db, &batch, delay) {
            Ok(done) => {
                commits.fetch_add(1, Ordering::Relaxed);
                batch.into_iter().zip(done).for_each(|(job, put)| drop(job.reply.send(Ok(put))));
            }
            Err(error) => {
                let error = StoreError::from(error);
                eprintln!("demo-service: {} writes failed: {error}", batch.len());
                batch.into_iter().for_each(|job| drop(job.reply.send(Err(error.clone()))));
            }
        }
    }
}

fn commit(db: &mut Connection, batch: &[Job], delay: Duration) -> rusqlite::Result<Vec<Put>> {
    let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let done = batch.iter().map(|job| orders::put(&transaction, &job.id, &job.new)).collect::<Result<_, _>>()?;
    std::thread::sleep(delay);
    transaction.commit()?;
    Ok(done)
}
