//! A live database with writers, a backup of it, and a proof of that backup.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use rusqlite::Connection;
use tempfile::TempDir;

use crate::backup::{BackupError, LedgerOrder, ProofOrder, Sqlite, Taken, prove, take};
use crate::clock::Clock;
use crate::model::Offset;
use crate::scenario::backup::{BackupCheck, SmokeQuery};
use crate::timeline::ledger::{Entry, Fate, Reference, Shape};
use crate::timeline::restore::{CheckOutcome, Layer, RestoreProof};

pub const ALL: [BackupCheck; 4] =
    [BackupCheck::Ledger, BackupCheck::Integrity, BackupCheck::RowCounts, BackupCheck::Content];

/// The first number of the ledger's entries.
const FIRST: u64 = 1_000;

const TABLES: &str = "
    CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT NOT NULL);
    CREATE TABLE orders (id TEXT PRIMARY KEY, n INTEGER NOT NULL, note TEXT, customer INTEGER REFERENCES customers(id));
    CREATE TABLE payments (id INTEGER PRIMARY KEY AUTOINCREMENT, amount REAL, receipt BLOB);
    CREATE INDEX orders_by_customer ON orders(customer);
    CREATE VIEW spenders AS SELECT customer, count(*) AS orders FROM orders GROUP BY customer;
    PRAGMA application_id = 4711;
";

/// A database in use.
pub struct Live {
    pub folder: TempDir,
    pub clock: Clock,
    pub provider: Sqlite,
    next: Arc<AtomicU64>,
    /// Held open, so that no close folds the log into the database.
    pub db: Connection,
}

impl Live {
    /// A database with `rows` ledger entries that were acknowledged one by one, and rows of others.
    pub fn new(journal: &str, rows: u64) -> (Live, Vec<Entry>) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("orders.db");
        let db = Connection::open(&path).unwrap();
        db.pragma_update(None, "journal_mode", journal).unwrap();
        // Nothing here is about power cuts, and each sync costs the test a millisecond.
        db.pragma_update(None, "synchronous", "OFF").unwrap();
        db.execute_batch(TABLES).unwrap();
        for id in 1..=20 {
            db.execute("INSERT INTO customers VALUES (?1, ?2)", (id, format!("customer {id}"))).unwrap();
        }
        db.execute("INSERT INTO orders VALUES ('shop-1', 5, 'of another writer', 3)", []).unwrap();
        db.execute("INSERT INTO payments (amount, receipt) VALUES (9.5, x'00ff'), (9.5, x'00ff'), (NULL, NULL)", [])
            .unwrap();
        let mut provider = Sqlite::new(path);
        // Many steps, so that writers come in between.
        provider.pages_per_step = 3;
        let live = Live { folder, clock: Clock::start(), provider, next: Arc::default(), db };
        let entries = (0..rows).map(|_| write(&live.db, &live.clock, &live.next)).collect();
        (live, entries)
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// `count` writers that insert about once a millisecond until told to stop.
    pub fn writers(&self, count: usize) -> Writers {
        let stop = Arc::new(AtomicBool::new(false));
        let thread = |_| {
            let (path, next, stop, clock) =
                (self.provider.database.clone(), self.next.clone(), stop.clone(), self.clock);
            std::thread::spawn(move || {
                let db = Connection::open(path).unwrap();
                db.busy_timeout(Duration::from_secs(30)).unwrap();
                db.pragma_update(None, "synchronous", "OFF").unwrap();
                let mut entries = Vec::new();
                while !stop.load(Ordering::Acquire) {
                    entries.push(write(&db, &clock, &next));
                    // Writers without pause would keep a reader out of a database without a log for good.
                    std::thread::sleep(Duration::from_millis(1));
                }
                entries
            })
        };
        Writers { stop: stop.clone(), threads: (0..count).map(thread).collect(), next: self.next.clone() }
    }

    pub async fn take(&self, name: &str) -> Result<Taken, BackupError> {
        take(Arc::new(self.provider.clone()), self.path(name), Some(shape()), self.clock, Duration::from_secs(60)).await
    }

    /// An order for a proof of everything.
    pub fn order(&self, file: PathBuf, taken: Option<Taken>, entries: &[Entry]) -> ProofOrder {
        let disaster = Reference::exact(self.clock.now());
        ProofOrder {
            file,
            taken,
            target: self.path("scratch/copy.db"),
            checks: ALL.to_vec(),
            smoke: Some(SmokeQuery {
                query: "SELECT name FROM customers WHERE id = 7".into(),
                expect: "customer 7".into(),
            }),
            max_age: None,
            ledger: Some(LedgerOrder { shape: shape(), entries: entries.to_vec(), disaster }),
            within: Duration::from_secs(60),
            keep: false,
        }
    }

    pub async fn prove(&self, order: ProofOrder) -> RestoreProof {
        prove(Arc::new(self.provider.clone()), order, self.clock).await
    }
}

pub struct Writers {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<Vec<Entry>>>,
    next: Arc<AtomicU64>,
}

impl Writers {
    /// Waits until `count` more writes were begun.
    pub async fn progress(&self, count: u64) {
        let from = self.next.load(Ordering::Acquire);
        while self.next.load(Ordering::Acquire) < from + count {
            tokio::task::yield_now().await;
        }
    }

    pub fn stop(self) -> Vec<Entry> {
        self.stop.store(true, Ordering::Release);
        self.threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    }
}

pub fn shape() -> Shape {
    Shape::new("http://service/orders/ledger-${id}", Some(r#"{"n": ${id}}"#), FIRST)
}

fn write(db: &Connection, clock: &Clock, next: &AtomicU64) -> Entry {
    let n = next.fetch_add(1, Ordering::AcqRel);
    let number = FIRST + n;
    let sent = clock.now();
    let row = (format!("ledger-{number}"), number as i64, format!("marker of note {number}"), number as i64 % 20 + 1);
    db.execute("INSERT INTO orders VALUES (?1, ?2, ?3, ?4)", row).unwrap();
    Entry { n, intended: sent, sent, fate: Fate::Acked { when: clock.now() } }
}

/// When an entry was acknowledged.
pub fn acked(entry: &Entry) -> Offset {
    let Fate::Acked { when } = entry.fate else { panic!("{entry:?} was not acknowledged") };
    when
}

/// The outermost layer that found damage.
pub fn caught_by(proof: &RestoreProof) -> Option<(Layer, &str)> {
    let failed = proof.checks.iter().find(|check| check.outcome == CheckOutcome::Fail)?;
    Some((failed.layer, &failed.name))
}

/// The finding of a check by its name.
pub fn finding(proof: &RestoreProof, name: &str) -> CheckOutcome {
    proof.checks.iter().find(|check| check.name == name).unwrap_or_else(|| panic!("no check {name}")).outcome
}

/// Makes the digest beside `file` right again, so that a deeper layer has to find the damage.
pub fn reseal(file: &Path) {
    let digest = crate::backup::files::digest(file, &crate::backup::Leash::default()).unwrap();
    crate::backup::files::write_sidecar(file, &digest).unwrap();
}
