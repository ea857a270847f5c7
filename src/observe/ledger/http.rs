//! Writes and reads by HTTP.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::model::Offset;
use crate::scenario::ledger::{HttpRead, HttpWrite};
use crate::timeline::event::Fate;
use crate::timeline::ledger::Shape;
use crate::world::http::{ExchangeFailure, HttpOutcome, HttpRequest};

/// The request that writes entry `n`.
pub(super) fn write(write: &HttpWrite, shape: &Shape, n: u64, timeout: Duration) -> HttpRequest {
    HttpRequest {
        method: write.method.clone(),
        url: shape.fill(&write.url, n),
        headers: headers(&write.headers),
        body: write.body.as_deref().map(|body| shape.fill(body, n)),
        timeout,
        max_body: super::MAX_ACKNOWLEDGEMENT,
        fresh_connection: false,
    }
}

/// What an outcome says of a write: acknowledged by 200 to 299, refused by 400 to 499 or when no byte can have reached
/// the other side, not sent when that was our own doing, and unknown otherwise.
pub(super) fn fate(outcome: HttpOutcome, now: Offset) -> Fate {
    match outcome {
        HttpOutcome::Answered { status: 200..=299, .. } => Fate::Acked { when: now },
        HttpOutcome::Answered { status: status @ 400..=499, .. } => Fate::Refused { why: format!("status {status}") },
        HttpOutcome::Answered { status, .. } => Fate::Unknown { why: format!("status {status}") },
        HttpOutcome::Failed(failure) => failed(failure),
    }
}

/// What a failed exchange says of a write.
pub(super) fn failed(failure: ExchangeFailure) -> Fate {
    match (failure.sent, failure.class.is_ours()) {
        (true, _) => Fate::Unknown { why: failure.detail },
        (false, true) => Fate::NotSent { why: failure.detail },
        (false, false) => Fate::Refused { why: failure.detail },
    }
}

/// The request that lists all entries.
pub(super) fn read(read: &HttpRead, timeout: Duration) -> HttpRequest {
    HttpRequest {
        method: "GET".into(),
        url: read.url.clone(),
        headers: headers(&read.headers),
        body: None,
        timeout,
        max_body: super::MAX_LIST,
        fresh_connection: true,
    }
}

/// The body of the list.
pub(super) fn listed(read: &HttpRead, outcome: HttpOutcome) -> Result<Vec<u8>, String> {
    match outcome {
        HttpOutcome::Answered { status: 200..=299, body, .. } => Ok(body),
        HttpOutcome::Answered { status, .. } => Err(format!("{} answered with status {status}", read.url)),
        HttpOutcome::Failed(failure) => Err(failure.detail),
    }
}

fn headers(given: &BTreeMap<String, String>) -> Vec<(String, String)> {
    given.iter().map(|(name, value)| (name.clone(), value.clone())).collect()
}
