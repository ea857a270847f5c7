//! SQLite: taken with the online backup API under load, restored as a file, read with the engine itself.
//!
//! What the engine does not see is why there are more checks than its own: `integrity_check` says ok to an empty file,
//! to a changed byte in a column without an index, and to a copy made without its write-ahead log.

mod header;
mod read;
mod take;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::Connection;

use super::checks::{self, Finding};
use super::manifest::Manifest;
use super::provider::{Inspected, Located, Provider, Taken, Wanted};
use super::record::Recorder;
use super::{BackupError, Leash, files};
use crate::clock::Clock;
use crate::scenario::backup::BackupCheck;
use crate::timeline::ledger::{FinalRead, Shape};
use crate::timeline::restore::{CheckOutcome, Layer, ProofSource};

/// The smallest database that SQLite writes: one page of 512 bytes.
const SMALLEST: u64 = 512;

/// An SQLite database and how its backups are taken.
#[derive(Debug, Clone)]
pub struct Sqlite {
    /// The live database.
    pub database: PathBuf,
    /// Table of the ledger's entries, with a column `id`; when absent, the one named like the ledger's collection.
    pub ledger_table: Option<String>,
    /// Pages copied at once. The source is locked against checkpoints (or, without WAL, against writers) meanwhile.
    pub pages_per_step: i32,
    /// Pause between two steps, for the source's own work.
    pub pause: Duration,
}

impl Sqlite {
    /// The database at `database`, with 256 pages a step and 1 ms between steps.
    pub fn new(database: impl Into<PathBuf>) -> Sqlite {
        Sqlite { database: database.into(), ledger_table: None, pages_per_step: 256, pause: Duration::from_millis(1) }
    }

    fn ledger_table<'a>(&'a self, shape: &'a Shape) -> Option<&'a str> {
        self.ledger_table.as_deref().or_else(|| shape.collection())
    }
}

impl Provider for Sqlite {
    fn source(&self) -> ProofSource {
        ProofSource {
            provider: "sqlite".into(),
            identity: self.database.display().to_string(),
            version: rusqlite::version().into(),
        }
    }

    fn method(&self) -> (&'static str, &'static str) {
        ("physical", "full")
    }

    fn preflight(&self, into: &Path) -> Result<(), BackupError> {
        let size = self.database.metadata().map_err(BackupError::io("find the database", &self.database))?.len();
        // The log may hold pages that the database file does not have yet.
        let log = files::beside(&self.database, "-wal").metadata().map_or(0, |log| log.len());
        files::fresh(into, &[&self.database], size.saturating_add(log))
    }

    fn take(&self, into: &Path, ledger: Option<&Shape>, clock: Clock, leash: &Leash) -> Result<Taken, BackupError> {
        take::take(self, into, ledger, clock, leash)
    }

    fn locate(&self, file: &Path) -> Result<Located, BackupError> {
        let found = match file.metadata() {
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Err(BackupError::Missing(file.to_owned())),
            other => other.map_err(BackupError::io("look at", file))?,
        };
        if !found.is_file() {
            return Err(BackupError::Damaged { path: file.to_owned(), reason: "it is not a file".into() });
        }
        let manifest = Manifest::read(file)
            .and_then(|manifest| manifest.ok_or_else(|| format!("there is no {}", Manifest::path(file).display())));
        Ok(Located { file: file.to_owned(), bytes: found.len(), manifest })
    }

    fn inspect(&self, located: &Located, taken: Option<&Taken>, record: &mut Recorder<'_>) -> Inspected {
        let file = &located.file;
        if record.check(Layer::Presence, "size", |_| checks::size(located.bytes, SMALLEST)) == CheckOutcome::Fail {
            return Inspected::default();
        }
        record.check(Layer::Presence, "one file", |_| header::alone(file));
        let mut digest = None;
        let look = |leash: &Leash| match files::digest(file, leash) {
            Err(error) => Finding::error("a readable file", &error),
            Ok(found) => {
                let kept = files::read_sidecar(file);
                let finding = checks::digest(kept.as_ref().map(Option::as_deref).map_err(String::as_str), &found);
                digest = Some(found);
                finding
            }
        };
        // A foreign backup without a digest can still be proven by its content; one of ours has lost something.
        if taken.is_some() || located.manifest.is_ok() {
            record.check(Layer::Digest, "digest", look);
        } else {
            record.extra(Layer::Digest, "digest", look);
        }
        let magic = record.check(Layer::Digest, "magic", |_| header::magic(file));
        if magic == CheckOutcome::Fail {
            return Inspected { usable: false, digest };
        }
        record.check(Layer::Structure, "pages", |_| header::pages(file, located.bytes));
        record.check(Layer::Structure, "structure", |leash| {
            let looked = read::open_untouched(file, leash).and_then(|db| read::integrity(&db, file));
            looked.map_or_else(|error| Finding::error("ok", &error), |lines| checks::integrity(&lines))
        });
        Inspected { usable: true, digest }
    }

    fn provision(&self, located: &Located, target: &Path) -> Result<(), BackupError> {
        files::fresh(target, &[&self.database, &located.file], located.bytes)
    }

    fn restore(&self, located: &Located, target: &Path, record: &mut Recorder<'_>) -> Result<(), BackupError> {
        record.step("restore", |leash| {
            let partial = files::beside(target, files::PARTIAL);
            files::copy(&located.file, &partial, leash)?;
            files::publish(&partial, target)?;
            Ok(((), format!("{} bytes copied", located.bytes)))
        })?;
        record.step("ready", |leash| {
            let db = read::open_for_writing(target, leash)?;
            let objects = read::count_objects(&db, target)?;
            Ok(((), format!("opened: {objects} objects in the schema")))
        })?;
        record.step("first read", |leash| {
            let db = read::open(target, leash)?;
            let tables = read::first_rows(&db, target)?;
            Ok(((), format!("the first row of each of {tables} tables")))
        })
    }

    fn verify(&self, target: &Path, located: &Located, wanted: Wanted<'_>, record: &mut Recorder<'_>) {
        let on_copy = |leash: &Leash, look: &dyn Fn(&Connection) -> Result<Finding, BackupError>| {
            read::open(target, leash)
                .and_then(|db| look(&db))
                .unwrap_or_else(|error| Finding::error("a readable copy", &error))
        };
        if wanted.checks.contains(&BackupCheck::Integrity) {
            record.check(Layer::Integrity, "integrity", |leash| {
                on_copy(leash, &|db| Ok(checks::integrity(&read::integrity(db, target)?)))
            });
            record.check(Layer::Integrity, "foreign-keys", |leash| {
                on_copy(leash, &|db| Ok(checks::foreign_keys(&read::foreign_keys(db, target)?)))
            });
        }
        let compared: Vec<_> =
            [BackupCheck::RowCounts, BackupCheck::Content].into_iter().filter(|c| wanted.checks.contains(c)).collect();
        if !compared.is_empty() {
            compare(target, located, &compared, record);
        }
        if let Some(smoke) = wanted.smoke {
            record.check(Layer::Use, "smoke", |leash| {
                let answer = read::open(target, leash).and_then(|db| read::scalar(&db, target, &smoke.query));
                checks::smoke(&smoke.query, &smoke.expect, answer.as_deref())
            });
        }
    }

    fn ledger(&self, target: &Path, shape: &Shape, leash: &Leash) -> Result<FinalRead, BackupError> {
        let table = self.ledger_table(shape).ok_or_else(|| BackupError::Sql {
            path: target.to_owned(),
            reason: "the ledger's table is not known: name it in `ledger_table`".into(),
        })?;
        let db = read::open(target, leash)?;
        read::ledger(&db, target, table, shape, leash)
    }

    fn first_write(&self, target: &Path, leash: &Leash) -> Result<(), BackupError> {
        let db = read::open_for_writing(target, leash)?;
        read::write(&db, target)
    }

    fn cleanup(&self, target: &Path) -> Vec<String> {
        let remove = |suffix: &str| {
            let path = files::beside(target, suffix);
            match std::fs::remove_file(&path) {
                Err(e) if e.kind() != std::io::ErrorKind::NotFound => Some(format!("{}: {e}", path.display())),
                _ => None,
            }
        };
        files::COMPANIONS.into_iter().filter_map(remove).collect()
    }
}

/// Reads the whole copy once and holds it against the manifest.
fn compare(target: &Path, located: &Located, wanted: &[BackupCheck], record: &mut Recorder<'_>) {
    let mut found = None;
    record.check(Layer::Content, "readable", |leash| {
        match read::open(target, leash).and_then(|db| read::facts(&db, target, leash)) {
            Ok(facts) => {
                let rows: u64 = facts.tables.values().map(|table| table.rows).sum();
                let finding =
                    Finding::pass("every row readable", format!("{rows} rows in {} tables", facts.tables.len()));
                found = Some(facts);
                finding
            }
            Err(error) => Finding::error("every row readable", &error),
        }
    });
    let against = |judge: fn(&super::Facts, &super::Facts) -> Finding| match (&located.manifest, &found) {
        (Err(why), _) => Finding::unclear("as in the manifest", why.clone()),
        (_, None) => Finding::unclear("as in the manifest", "the copy could not be read"),
        (Ok(manifest), Some(found)) => judge(&manifest.facts, found),
    };
    record.check(Layer::Content, "schema", |_| against(checks::schema));
    for check in wanted {
        match check {
            BackupCheck::RowCounts => record.check(Layer::Content, "row-counts", |_| against(checks::row_counts)),
            _ => record.check(Layer::Content, "content", |_| against(checks::content)),
        };
    }
}
