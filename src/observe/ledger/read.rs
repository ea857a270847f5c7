//! The final read: all entries, read again until two reads agree.

use std::fmt;
use std::time::Duration;

use serde::de::{DeserializeSeed, SeqAccess, Visitor};
use serde_json::{Map, Value};
use tokio::time::Instant;

use super::{clickhouse, grpc, http};
use crate::scenario::Ledger;
use crate::scenario::ledger::LedgerRead;
use crate::scenario::plan::Plan;
use crate::timeline::event::{EventKind, LedgerReading};
use crate::timeline::ledger::{Content, FinalRead, Place, ReadBuilder, Shape};
use crate::world::World;
use crate::world::database::DatabaseRead;

/// Pause between two reads: long enough for a write that is still on its way to show.
const PAUSE: Duration = Duration::from_millis(200);

/// Longest time for one read, so that one that hangs leaves time for another.
const ONE_READ: Duration = Duration::from_secs(10);

/// Reads the ledger back until two reads in a row agree, for as long as the scenario allows. What comes of it is one
/// event; a ledger that could not be read is never taken for an empty one.
pub async fn read_back(plan: &Plan, ledger: &Ledger, world: &World) -> EventKind {
    let reader = Reader { read: &ledger.read, shape: Shape::of(ledger, &plan.run), node: node(&ledger.read) };
    let outcome = reader.until_two_agree(world, ledger.read_within.get()).await;
    EventKind::LedgerRead { node: reader.node, outcome }
}

/// Host and port of what is read.
fn node(read: &LedgerRead) -> String {
    let url = read.url();
    if matches!(read, LedgerRead::Postgres(_) | LedgerRead::Redis(_)) {
        return crate::scenario::database::node(url).to_owned();
    }
    let after = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = after.split(['/', '?', '#']).next().unwrap_or(after);
    // A password in an address is not part of the node's name.
    authority.rsplit('@').next().unwrap_or(authority).to_owned()
}

struct Reader<'a> {
    read: &'a LedgerRead,
    shape: Shape,
    node: String,
}

impl Reader<'_> {
    async fn until_two_agree(&self, world: &World, within: Duration) -> LedgerReading {
        let deadline = Instant::now() + within;
        let mut last: Option<FinalRead> = None;
        let mut why = "there was no time for a read".to_owned();
        let mut reads = 0;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                let limit = within.as_secs_f64();
                return LedgerReading::Failed {
                    why: format!("no two of {reads} reads agreed within {limit} s: {why}"),
                };
            }
            reads += 1;
            match self.once(world, left.min(ONE_READ)).await {
                Ok(found) if last.as_ref() == Some(&found) => return found.reading(reads),
                Ok(found) => {
                    why = match &last {
                        Some(last) => format!("{} entries became {}", last.present.len(), found.present.len()),
                        None => "only one read was whole".into(),
                    };
                    last = Some(found);
                }
                Err(error) => {
                    why = error;
                    last = None;
                }
            }
            tokio::time::sleep_until(deadline.min(Instant::now() + PAUSE)).await;
        }
    }

    async fn once(&self, world: &World, timeout: Duration) -> Result<FinalRead, String> {
        match self.read {
            LedgerRead::Http(read) => {
                let outcome = world.http.exchange(&http::read(read, timeout)).await;
                parse(&self.shape, &self.node, &http::listed(read, outcome)?)
            }
            LedgerRead::Grpc(read) => {
                let outcome = world.grpc.call(&grpc::read(read, timeout)).await;
                self.messages(grpc::listed(read, outcome)?)
            }
            LedgerRead::ClickHouse(read) => {
                let outcome = world.http.exchange(&clickhouse::read(read, timeout)).await;
                self.lines(&clickhouse::listed(read, outcome)?)
            }
            LedgerRead::Postgres(read) => {
                self.messages(world.databases.read(DatabaseRead::Postgres(read), timeout).await?)
            }
            LedgerRead::Redis(read) => self.messages(world.databases.read(DatabaseRead::Redis(read), timeout).await?),
        }
    }

    /// Ids, or the messages or rows that hold them.
    fn messages(&self, found: Vec<(Value, Option<Value>)>) -> Result<FinalRead, String> {
        let mut builder = ReadBuilder::default();
        for (index, (id, row)) in found.iter().enumerate() {
            take(&self.shape, &mut builder, id, row.as_ref().and_then(Value::as_object))
                .ok_or_else(|| format!("{}: the id of row {index} is neither text nor number", self.node))?;
        }
        Ok(builder.finish(self.node.clone()))
    }

    /// One JSON object after the other, each with its id under the name that the scenario gives it.
    fn lines(&self, body: &[u8]) -> Result<FinalRead, String> {
        let mut builder = ReadBuilder::default();
        let wrong = |why: String| format!("{} did not answer with rows: {why}", self.node);
        for row in serde_json::Deserializer::from_slice(body).into_iter::<Map<String, Value>>() {
            let row = row.map_err(|e| wrong(e.to_string()))?;
            let name = self.read.id_name();
            let id = row.get(name).ok_or_else(|| wrong(format!("one has no `{name}`")))?;
            take(&self.shape, &mut builder, id, Some(&row))
                .ok_or_else(|| wrong(format!("`{name}` is neither text nor number")))?;
        }
        Ok(builder.finish(self.node.clone()))
    }
}

/// Puts a row where it belongs; none when its id is no id.
fn take(shape: &Shape, builder: &mut ReadBuilder, id: &Value, row: Option<&Map<String, Value>>) -> Option<()> {
    let id = match id {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => return None,
    };
    match shape.place(&id) {
        Place::Ours(n) => builder.row(n, row.map_or(Content::NotRead, |fields| shape.compare(n, fields))),
        Place::Unexpected => builder.unexpected(id),
        Place::Foreign => builder.foreign(),
    }
    Some(())
}

/// Reads a JSON list of ids, or of objects with `id` and, optionally, the content that was sent.
pub(super) fn parse(shape: &Shape, node: &str, body: &[u8]) -> Result<FinalRead, String> {
    let mut builder = ReadBuilder::default();
    let mut json = serde_json::Deserializer::from_slice(body);
    Rows { shape, builder: &mut builder }
        .deserialize(&mut json)
        .and_then(|()| json.end())
        .map_err(|e| format!("{node} did not answer with a list of the ledger's entries: {e}"))?;
    Ok(builder.finish(node.to_owned()))
}

/// Takes the list row by row: as a whole it would take many times the memory of its text.
struct Rows<'a> {
    shape: &'a Shape,
    builder: &'a mut ReadBuilder,
}

impl<'de> DeserializeSeed<'de> for Rows<'_> {
    type Value = ();
    fn deserialize<D: serde::Deserializer<'de>>(self, d: D) -> Result<(), D::Error> {
        d.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Rows<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of ids, or of objects with `id`")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut rows: A) -> Result<(), A::Error> {
        let mut index = 0;
        while let Some(row) = rows.next_element::<Value>()? {
            take(self.shape, self.builder, row.get("id").unwrap_or(&row), row.as_object())
                .ok_or_else(|| serde::de::Error::custom(format!("row {index} is no id and has no `id`")))?;
            index += 1;
        }
        Ok(())
    }
}
