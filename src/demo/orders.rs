//! What an order is, and its statements.

use rusqlite::{Connection, OptionalExtension, Row};
use serde::{Deserialize, Serialize};

use super::schema::CUSTOMERS;

/// An order as a client sends it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewOrder {
    /// The content that is compared when the same id comes again.
    pub n: i64,
    /// Free text; made up when absent.
    #[serde(default)]
    pub note: Option<String>,
}

/// An order as it is stored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Order {
    pub id: String,
    pub n: i64,
    pub note: String,
    /// Milliseconds since the Unix epoch, for people; nothing is decided by it.
    pub created: i64,
    pub customer: i64,
}

/// What a write did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Put {
    /// The id was new.
    Created,
    /// The same content was there already: a repeated write.
    Same,
    /// Another content was there, and stays.
    Conflict,
}

/// Whether `id` may be the id of an order: 1 to 128 letters, digits, `-`, `_` and `.`.
pub(super) fn is_id(id: &str) -> bool {
    (1..=128).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
}

pub(super) fn put(db: &Connection, id: &str, new: &NewOrder) -> rusqlite::Result<Put> {
    let stored: Option<i64> =
        db.prepare_cached("SELECT n FROM orders WHERE id = ?1")?.query_row([id], |row| row.get(0)).optional()?;
    match stored {
        Some(n) if n == new.n => Ok(Put::Same),
        Some(_) => Ok(Put::Conflict),
        None => {
            let note = new.note.clone().unwrap_or_else(|| format!("order {id} of {} pieces", new.n));
            let customer = new.n.rem_euclid(CUSTOMERS) + 1;
            let created = jiff::Timestamp::now().as_millisecond();
            db.prepare_cached("INSERT INTO orders (id, n, note, created, customer) VALUES (?1, ?2, ?3, ?4, ?5)")?
                .execute((id, new.n, note, created, customer))?;
            Ok(Put::Created)
        }
    }
}

pub(super) fn get(db: &Connection, id: &str) -> rusqlite::Result<Option<Order>> {
    db.prepare_cached("SELECT id, n, note, created, customer FROM orders WHERE id = ?1")?
        .query_row([id], order)
        .optional()
}

/// The newest orders first.
pub(super) fn latest(db: &Connection, limit: u32) -> rusqlite::Result<Vec<Order>> {
    db.prepare_cached("SELECT id, n, note, created, customer FROM orders ORDER BY rowid DESC LIMIT ?1")?
        .query_map([limit], order)?
        .collect()
}

pub(super) fn count(db: &Connection) -> rusqlite::Result<i64> {
    db.prepare_cached("SELECT count(*) FROM orders")?.query_row([], |row| row.get(0))
}

fn order(row: &Row<'_>) -> rusqlite::Result<Order> {
    Ok(Order { id: row.get(0)?, n: row.get(1)?, note: row.get(2)?, created: row.get(3)?, customer: row.get(4)? })
}

/// Writes all orders whose id begins with `prefix` as a JSON array of `{"id", "n"}`, in pieces of about `piece` bytes.
///
/// One statement is one read transaction, so the array is a single moment of the database. `emit` returns false when
/// nobody reads any more.
pub(super) fn export(
    db: &Connection,
    prefix: &str,
    piece: usize,
    mut emit: impl FnMut(Vec<u8>) -> bool,
) -> rusqlite::Result<()> {
    #[derive(Serialize)]
    struct Line<'a> {
        id: &'a str,
        n: i64,
    }
    let mut statement = db.prepare_cached("SELECT id, n FROM orders WHERE substr(id, 1, length(?1)) = ?1")?;
    let mut rows = statement.query([prefix])?;
    let mut out = vec![b'['];
    let mut first = true;
    while let Some(row) = rows.next()? {
        if !first {
            out.extend_from_slice(b",\n");
        }
        first = false;
        let line = Line { id: row.get_ref(0)?.as_str()?, n: row.get(1)? };
        serde_json::to_writer(&mut out, &line).map_err(|e| rusqlite::Error::ToSqlConversionFailure(Box::new(e)))?;
        if out.len() >= piece && !emit(std::mem::take(&mut out)) {
            return Ok(());
        }
    }
    out.extend_from_slice(b"]\n");
    emit(out);
    Ok(())
}
