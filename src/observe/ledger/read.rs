//! The final read: all entries, read again until two reads agree.

use std::fmt;
use std::time::Duration;

use serde::de::{DeserializeSeed, SeqAccess, Visitor};
use serde_json::Value;
use tokio::time::Instant;

use crate::scenario::Ledger;
use crate::scenario::ledger::{HttpRead, LedgerRead};
use crate::scenario::plan::Plan;
use crate::timeline::event::{EventKind, LedgerReading};
use crate::timeline::ledger::{Content, FinalRead, Place, ReadBuilder, Shape};
use crate::world::World;
use crate::world::http::{Http, HttpOutcome, HttpRequest};

/// Largest list of entries that is read, in bytes: about two million.
const MAX_BODY: usize = 64 << 20;

/// Pause between two reads: long enough for a write that is still on its way to show.
const PAUSE: Duration = Duration::from_millis(200);

/// Longest time for one read, so that one that hangs leaves time for another.
const ONE_READ: Duration = Duration::from_secs(10);

/// Reads the ledger back until two reads in a row agree, for as long as the scenario allows. What comes of it is one
/// event; a ledger that could not be read is never taken for an empty one.
pub async fn read_back(plan: &Plan, ledger: &Ledger, world: &World) -> EventKind {
    let LedgerRead::Http(read) = &ledger.read;
    let reader = Reader { read, shape: Shape::of(ledger, &plan.run), node: node(&read.url) };
    let outcome = reader.until_two_agree(&*world.http, ledger.read_within.get()).await;
    EventKind::LedgerRead { node: reader.node, outcome }
}

/// Host and port of an address.
fn node(url: &str) -> String {
    let after = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = after.split(['/', '?', '#']).next().unwrap_or(after);
    // A password in an address is not part of the node's name.
    authority.rsplit('@').next().unwrap_or(authority).to_owned()
}

struct Reader<'a> {
    read: &'a HttpRead,
    shape: Shape,
    node: String,
}

impl Reader<'_> {
    async fn until_two_agree(&self, http: &dyn Http, within: Duration) -> LedgerReading {
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
            match self.once(http, left.min(ONE_READ)).await {
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

    async fn once(&self, http: &dyn Http, timeout: Duration) -> Result<FinalRead, String> {
        let request = HttpRequest {
            method: "GET".into(),
            url: self.read.url.clone(),
            headers: super::headers(&self.read.headers),
            body: None,
            timeout,
            max_body: MAX_BODY,
            fresh_connection: true,
        };
        match http.exchange(&request).await {
            HttpOutcome::Answered { status: 200..=299, body } => parse(&self.shape, &self.node, &body),
            HttpOutcome::Answered { status, .. } => Err(format!("{} answered with status {status}", self.read.url)),
            HttpOutcome::Failed(failure) => Err(failure.detail),
        }
    }
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
            let id = match row.get("id").unwrap_or(&row) {
                Value::String(text) => text.clone(),
                Value::Number(number) => number.to_string(),
                _ => return Err(serde::de::Error::custom(format!("row {index} is no id and has no `id`"))),
            };
            match (self.shape.place(&id), row.as_object()) {
                (Place::Ours(n), Some(fields)) => self.builder.row(n, self.shape.compare(n, fields)),
                (Place::Ours(n), None) => self.builder.row(n, Content::NotRead),
                (Place::Unexpected, _) => self.builder.unexpected(id),
                (Place::Foreign, _) => self.builder.foreign(),
            }
            index += 1;
        }
        Ok(())
    }
}
