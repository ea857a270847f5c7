//! The tables of the orders service.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

/// How many customers a new database has; every order belongs to one of them.
pub(super) const CUSTOMERS: i64 = 100;

/// `note` has no index on purpose: damage there is invisible to `PRAGMA integrity_check` and only a fingerprint sees
/// it.
const TABLES: &str = "
    CREATE TABLE IF NOT EXISTS customers (
        id   INTEGER PRIMARY KEY,
        name TEXT NOT NULL
    );
    CREATE TABLE IF NOT EXISTS orders (
        id       TEXT PRIMARY KEY,
        n        INTEGER NOT NULL,
        note     TEXT NOT NULL,
        created  INTEGER NOT NULL,
        customer INTEGER NOT NULL REFERENCES customers(id)
    );
    CREATE INDEX IF NOT EXISTS orders_by_customer ON orders(customer);
";

/// Opens the database for writing and makes sure of its tables; leftovers of a killed process are recovered from the
/// WAL.
pub(super) fn open_writer(path: &Path) -> rusqlite::Result<Connection> {
    let mut db = Connection::open(path)?;
    prepare(&db)?;
    db.pragma_update(None, "journal_mode", "WAL")?;
    // NORMAL would leave the last commits in the page cache: an acknowledgement would then not survive a power cut.
    db.pragma_update(None, "synchronous", "FULL")?;
    let setup = db.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    setup.execute_batch(TABLES)?;
    for id in 1..=CUSTOMERS {
        setup.execute("INSERT OR IGNORE INTO customers (id, name) VALUES (?1, ?2)", (id, format!("customer {id}")))?;
    }
    setup.commit()?;
    Ok(db)
}

/// Opens the database for reading only.
pub(super) fn open_reader(path: &Path) -> rusqlite::Result<Connection> {
    let db = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    prepare(&db)?;
    Ok(db)
}

fn prepare(db: &Connection) -> rusqlite::Result<()> {
    // Covers a checkpoint or a backup's short lock; beyond that the caller is told instead of kept waiting.
    db.busy_timeout(Duration::from_secs(5))?;
    db.pragma_update(None, "foreign_keys", true)
}
