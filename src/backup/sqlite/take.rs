//! Taking a backup of a live database.
//!
//! With a write-ahead log, a read transaction held open through all steps pins one snapshot: writers go on, no step has
//! to start over, and the manifest is read from the source in that same snapshot, so that it can contradict the copy.
//! Without one, a lock held that long would stop the writers; there the steps start over when the database changes,
//! and the manifest is read from the finished copy.

use std::path::Path;
use std::time::Duration;

use rusqlite::Connection;
use rusqlite::backup::{Backup, StepResult};

use super::{Sqlite, read};
use crate::backup::manifest::{Facts, Manifest, VERSION};
use crate::backup::provider::Taken;
use crate::backup::{BackupError, Leash, files};
use crate::clock::Clock;
use crate::model::Offset;
use crate::timeline::ledger::Shape;

/// Pause before a step that met a lock is tried again.
const RETRY: Duration = Duration::from_millis(5);

/// What the copying gave.
struct Copied {
    consistent_at: (Offset, Offset),
    restarts: u32,
    facts: Facts,
    last_ledger: Option<u64>,
    from_source: bool,
}

pub(super) fn take(
    sqlite: &Sqlite,
    into: &Path,
    ledger: Option<&Shape>,
    clock: Clock,
    leash: &Leash,
) -> Result<Taken, BackupError> {
    let partial = files::beside(into, files::PARTIAL);
    let taken = take_into(sqlite, &partial, into, ledger, clock, leash);
    if taken.is_err() {
        // Half a backup must not be found by anybody. What cannot be removed does not have the backup's name.
        for path in [partial.clone(), files::sidecar(into), Manifest::path(into)] {
            let _ = std::fs::remove_file(path);
        }
    }
    for suffix in ["-wal", "-shm", "-journal"] {
        let _ = std::fs::remove_file(files::beside(&partial, suffix));
    }
    taken
}

fn take_into(
    sqlite: &Sqlite,
    partial: &Path,
    into: &Path,
    ledger: Option<&Shape>,
    clock: Clock,
    leash: &Leash,
) -> Result<Taken, BackupError> {
    let started = clock.now();
    let copied = copy(sqlite, partial, ledger, clock, leash)?;
    std::fs::File::open(partial).and_then(|file| file.sync_all()).map_err(BackupError::io("sync", partial))?;
    let digest = files::digest(partial, leash)?;
    let bytes = partial.metadata().map_err(BackupError::io("look at", partial))?.len();
    let wall = |at: Offset| {
        let since_start = jiff::SignedDuration::from_nanos(at.nanos());
        clock.started().checked_add(since_start).map_err(|e| BackupError::Bug(e.to_string()))
    };
    let manifest = Manifest {
        version: VERSION,
        provider: "sqlite".into(),
        engine: rusqlite::version().into(),
        database: sqlite.database.display().to_string(),
        consistent_from: wall(copied.consistent_at.0)?,
        consistent_until: wall(copied.consistent_at.1)?,
        from_source: copied.from_source,
        last_ledger: copied.last_ledger,
        facts: copied.facts,
    };
    manifest.write(into)?;
    files::write_sidecar(into, &digest)?;
    // The name comes last: whoever sees the file sees a whole backup with all that belongs to it.
    files::publish(partial, into)?;
    Ok(Taken {
        file: into.to_owned(),
        started,
        completed: clock.now(),
        consistent_at: copied.consistent_at,
        bytes,
        digest,
        restarts: copied.restarts,
    })
}

fn copy(
    sqlite: &Sqlite,
    partial: &Path,
    ledger: Option<&Shape>,
    clock: Clock,
    leash: &Leash,
) -> Result<Copied, BackupError> {
    let path = &sqlite.database;
    let source = read::open(path, leash)?;
    let mode: String = source.query_row("PRAGMA journal_mode", [], |row| row.get(0)).map_err(read::sql(path))?;
    let pinned = mode.eq_ignore_ascii_case("wal");
    let asked = clock.now();
    if pinned {
        source.execute_batch("BEGIN").map_err(read::sql(path))?;
        // BEGIN alone reads nothing; the first read takes the snapshot.
        read::count_objects(&source, path)?;
    }
    let snapshot = clock.now();
    let mut target = Connection::open(partial).map_err(read::sql(partial))?;
    let (last_pass, restarts) = steps(sqlite, &source, &mut target, clock, leash)?;
    drop(target);
    let consistent_at = if pinned { (asked, snapshot) } else { (last_pass, clock.now()) };
    let (db, of) = if pinned { (source, path.as_path()) } else { (read::open_untouched(partial, leash)?, partial) };
    let facts = read::facts(&db, of, leash)?;
    let last_ledger = match ledger.and_then(|shape| Some((shape, sqlite.ledger_table(shape)?))) {
        Some((shape, table)) if facts.tables.contains_key(table) => {
            let found = read::ledger(&db, of, table, shape, leash)?;
            found.present.bounds().map(|(_, last)| shape.number(last))
        }
        _ => None,
    };
    Ok(Copied { consistent_at, restarts, facts, last_ledger, from_source: pinned })
}

/// Copies step by step; when the last pass began, and how many passes came before it.
fn steps(
    sqlite: &Sqlite,
    source: &Connection,
    target: &mut Connection,
    clock: Clock,
    leash: &Leash,
) -> Result<(Offset, u32), BackupError> {
    let backup = Backup::new(source, target).map_err(read::sql(&sqlite.database))?;
    let mut pass = clock.now();
    let mut restarts = 0;
    let mut left = i32::MAX;
    loop {
        leash.check()?;
        let before = clock.now();
        match backup.step(sqlite.pages_per_step).map_err(read::sql(&sqlite.database))? {
            // If this last step started over unseen, its pass began later than `pass`: then less is demanded, never too
            // much.
            StepResult::Done => return Ok((pass, restarts)),
            StepResult::More => {
                let remaining = backup.progress().remaining;
                if remaining >= left {
                    restarts += 1;
                    pass = before;
                }
                left = remaining;
                std::thread::sleep(sqlite.pause);
            }
            _ => std::thread::sleep(RETRY),
        }
    }
}
