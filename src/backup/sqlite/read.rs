//! Reading a database with the engine: facts, integrity, ledger, and the first write.

use std::path::Path;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, ErrorCode, OpenFlags, Row};
use serde_json::{Map, Value};

use crate::backup::files;
use crate::backup::manifest::{Facts, Fingerprint, TableFacts};
use crate::backup::{BackupError, Leash};
use crate::timeline::ledger::{FinalRead, Place, ReadBuilder, Shape};

/// Rows read between two looks at the time limit.
const ROWS_AT_ONCE: u64 = 4096;

/// Problems that an integrity check may list.
const PROBLEMS: u32 = 20;

/// Tells an engine's error apart by what it says about the file.
pub(super) fn sql(path: &Path) -> impl Fn(rusqlite::Error) -> BackupError {
    let path = path.to_owned();
    move |error| {
        let (path, reason) = (path.clone(), error.to_string());
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => BackupError::Damaged { path, reason },
            Some(ErrorCode::OperationInterrupted) => BackupError::TimedOut,
            _ => BackupError::Sql { path, reason },
        }
    }
}

/// Opens for reading; statements that run long are ended by the leash.
pub(super) fn open(path: &Path, leash: &Leash) -> Result<Connection, BackupError> {
    connect(path, &path.to_string_lossy(), OpenFlags::SQLITE_OPEN_READ_ONLY, leash)
}

/// Opens for writing, never creating anything.
pub(super) fn open_for_writing(path: &Path, leash: &Leash) -> Result<Connection, BackupError> {
    connect(path, &path.to_string_lossy(), OpenFlags::SQLITE_OPEN_READ_WRITE, leash)
}

/// Opens for reading without touching the file or anything beside it: no locks, no log, no recovery.
pub(super) fn open_untouched(path: &Path, leash: &Leash) -> Result<Connection, BackupError> {
    let absolute = std::path::absolute(path).map_err(BackupError::io("find", path))?;
    let mut uri = String::from("file:");
    for byte in std::os::unix::ffi::OsStrExt::as_bytes(absolute.as_os_str()) {
        if byte.is_ascii_alphanumeric() || b"/-_.~".contains(byte) {
            uri.push(char::from(*byte));
        } else {
            uri.push('%');
            uri.push_str(&files::hex(&[*byte]));
        }
    }
    uri.push_str("?immutable=1");
    connect(path, &uri, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI, leash)
}

fn connect(path: &Path, name: &str, flags: OpenFlags, leash: &Leash) -> Result<Connection, BackupError> {
    leash.check()?;
    let db = Connection::open_with_flags(name, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX).map_err(sql(path))?;
    let handle = db.get_interrupt_handle();
    leash.interrupt_with(move || handle.interrupt());
    db.busy_timeout(std::time::Duration::from_secs(5)).map_err(sql(path))?;
    Ok(db)
}

/// A name as an SQL identifier.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// The lines of the engine's integrity check.
pub(super) fn integrity(db: &Connection, path: &Path) -> Result<Vec<String>, BackupError> {
    lines(db, path, &format!("PRAGMA integrity_check({PROBLEMS})"), |row| row.get(0))
}

/// Rows whose foreign key leads nowhere, at most [`PROBLEMS`] of them.
pub(super) fn foreign_keys(db: &Connection, path: &Path) -> Result<Vec<String>, BackupError> {
    let query = format!("SELECT \"table\", rowid, parent FROM pragma_foreign_key_check LIMIT {PROBLEMS}");
    lines(db, path, &query, |row| {
        let (table, rowid, parent): (String, Option<i64>, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
        Ok(match rowid {
            Some(rowid) => format!("row {rowid} of {table} points at no row of {parent}"),
            None => format!("a row of {table} points at no row of {parent}"),
        })
    })
}

fn lines(
    db: &Connection,
    path: &Path,
    query: &str,
    each: impl FnMut(&Row<'_>) -> rusqlite::Result<String>,
) -> Result<Vec<String>, BackupError> {
    let read = || db.prepare(query)?.query_map([], each)?.collect::<rusqlite::Result<_>>();
    read().map_err(sql(path))
}

/// How many objects the schema has.
pub(super) fn count_objects(db: &Connection, path: &Path) -> Result<i64, BackupError> {
    db.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0)).map_err(sql(path))
}

/// Reads the first row of every table; how many tables there are.
pub(super) fn first_rows(db: &Connection, path: &Path) -> Result<usize, BackupError> {
    let tables = tables(db).map_err(sql(path))?;
    for table in &tables {
        let first = || db.prepare(&format!("SELECT * FROM {} LIMIT 1", quoted(table)))?.query([])?.next().map(drop);
        first().map_err(sql(path))?;
    }
    Ok(tables.len())
}

/// Tables with content of their own: no virtual ones, and of the engine's own only the sequence, which is data.
fn tables(db: &Connection) -> rusqlite::Result<Vec<String>> {
    let query = "SELECT name FROM sqlite_schema WHERE type = 'table' AND sql NOT LIKE 'CREATE VIRTUAL%'
                 AND (name NOT LIKE 'sqlite\\_%' ESCAPE '\\' OR name = 'sqlite_sequence') ORDER BY name";
    db.prepare(query)?.query_map([], |row| row.get(0))?.collect()
}

/// Everything that a manifest says of a database, from one read transaction: the caller's, or one of its own.
pub(super) fn facts(db: &Connection, path: &Path, leash: &Leash) -> Result<Facts, BackupError> {
    let own = db.is_autocommit();
    if own {
        db.execute_batch("BEGIN").map_err(sql(path))?;
    }
    let mut facts = Facts::default();
    for setting in ["application_id", "user_version"] {
        let value = db.query_row(&format!("PRAGMA {setting}"), [], |row| row.get(0)).map_err(sql(path))?;
        facts.settings.insert(setting.into(), value);
    }
    facts.objects = objects(db).map_err(sql(path))?;
    for table in tables(db).map_err(sql(path))? {
        let found = table_facts(db, path, &table, leash)?;
        facts.tables.insert(table, found);
    }
    if own {
        db.execute_batch("COMMIT").map_err(sql(path))?;
    }
    Ok(facts)
}

fn objects(db: &Connection) -> rusqlite::Result<std::collections::BTreeMap<String, String>> {
    // The engine's own objects have no definition (automatic indexes) or come and go (statistics).
    let query =
        "SELECT type, name, sql FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'";
    let object = |row: &Row<'_>| {
        let (kind, name, definition): (String, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let digest = <sha2::Sha256 as sha2::Digest>::digest(definition.as_bytes());
        Ok((format!("{kind} {name}"), files::hex(&digest)))
    };
    db.prepare(query)?.query_map([], object)?.collect()
}

fn table_facts(db: &Connection, path: &Path, table: &str, leash: &Leash) -> Result<TableFacts, BackupError> {
    let mut fingerprint = Fingerprint::default();
    each_row(db, path, table, leash, |row, columns| {
        for column in 0..columns.len() {
            match row.get_ref(column)? {
                ValueRef::Null => fingerprint.value(b'n', &[]),
                ValueRef::Integer(value) => fingerprint.value(b'i', &value.to_le_bytes()),
                ValueRef::Real(value) => fingerprint.value(b'r', &value.to_bits().to_le_bytes()),
                ValueRef::Text(bytes) => fingerprint.value(b't', bytes),
                ValueRef::Blob(bytes) => fingerprint.value(b'b', bytes),
            }
        }
        fingerprint.end_row();
        Ok(())
    })?;
    Ok(fingerprint.finish())
}

fn each_row(
    db: &Connection,
    path: &Path,
    table: &str,
    leash: &Leash,
    mut each: impl FnMut(&Row<'_>, &[String]) -> rusqlite::Result<()>,
) -> Result<(), BackupError> {
    let failed = sql(path);
    let mut statement = db.prepare(&format!("SELECT * FROM {}", quoted(table))).map_err(&failed)?;
    let columns: Vec<String> = statement.column_names().into_iter().map(str::to_owned).collect();
    let mut rows = statement.query([]).map_err(&failed)?;
    let mut count: u64 = 0;
    while let Some(row) = rows.next().map_err(&failed)? {
        each(row, &columns).map_err(&failed)?;
        count += 1;
        if count.is_multiple_of(ROWS_AT_ONCE) {
            leash.check()?;
        }
    }
    Ok(())
}

/// The ledger's entries in `table`, by its column `id`.
pub(super) fn ledger(
    db: &Connection,
    path: &Path,
    table: &str,
    shape: &Shape,
    leash: &Leash,
) -> Result<FinalRead, BackupError> {
    let mut builder = ReadBuilder::default();
    let mut seen = false;
    each_row(db, path, table, leash, |row, columns| {
        let Some(at) = columns.iter().position(|name| name.eq_ignore_ascii_case("id")) else { return Ok(()) };
        seen = true;
        let id = match row.get_ref(at)? {
            ValueRef::Text(bytes) => String::from_utf8_lossy(bytes).into_owned(),
            ValueRef::Integer(number) => number.to_string(),
            _ => String::new(),
        };
        match shape.place(&id) {
            Place::Foreign => builder.foreign(),
            Place::Unexpected => builder.unexpected(id),
            Place::Ours(n) => builder.row(n, shape.compare(n, &fields(row, columns)?)),
        }
        Ok(())
    })?;
    if !seen && !has_id(db, table).map_err(sql(path))? {
        let reason = format!("the ledger's table {table} has no column `id`");
        return Err(BackupError::Sql { path: path.to_owned(), reason });
    }
    Ok(builder.finish(path.display().to_string()))
}

fn has_id(db: &Connection, table: &str) -> rusqlite::Result<bool> {
    let statement = db.prepare(&format!("SELECT * FROM {}", quoted(table)))?;
    Ok(statement.column_names().iter().any(|name| name.eq_ignore_ascii_case("id")))
}

fn fields(row: &Row<'_>, columns: &[String]) -> rusqlite::Result<Map<String, Value>> {
    let value = |column: usize| -> rusqlite::Result<Value> {
        Ok(match row.get_ref(column)? {
            ValueRef::Integer(number) => number.into(),
            ValueRef::Real(number) => number.into(),
            ValueRef::Text(bytes) => String::from_utf8_lossy(bytes).into_owned().into(),
            ValueRef::Null | ValueRef::Blob(_) => Value::Null,
        })
    };
    columns.iter().enumerate().map(|(column, name)| Ok((name.clone(), value(column)?))).collect()
}

/// The one value that a query gives, as text.
pub(super) fn scalar(db: &Connection, path: &Path, query: &str) -> Result<String, BackupError> {
    let text = |row: &Row<'_>| {
        Ok(match row.get_ref(0)? {
            ValueRef::Null => "NULL".to_owned(),
            ValueRef::Integer(number) => number.to_string(),
            ValueRef::Real(number) => number.to_string(),
            ValueRef::Text(bytes) => String::from_utf8_lossy(bytes).into_owned(),
            ValueRef::Blob(bytes) => files::hex(bytes),
        })
    };
    db.query_row(query, [], text).map_err(sql(path))
}

/// Commits a write to a table of its own, reads it back, and removes it.
pub(super) fn write(db: &Connection, path: &Path) -> Result<(), BackupError> {
    let write = || -> rusqlite::Result<i64> {
        db.execute_batch(
            "BEGIN IMMEDIATE; CREATE TABLE simulacro_write (n INTEGER); INSERT INTO simulacro_write VALUES (7); COMMIT",
        )?;
        let read = db.query_row("SELECT n FROM simulacro_write", [], |row| row.get(0))?;
        db.execute_batch("DROP TABLE simulacro_write")?;
        Ok(read)
    };
    match write().map_err(sql(path))? {
        7 => Ok(()),
        other => {
            Err(BackupError::Damaged { path: path.to_owned(), reason: format!("a 7 that was written reads {other}") })
        }
    }
}
