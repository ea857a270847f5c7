//! Writes and reads by ClickHouse's HTTP interface.

use std::time::Duration;

use crate::model::Offset;
use crate::scenario::ledger::{ClickHouseRead, ClickHouseWrite};
use crate::timeline::event::Fate;
use crate::timeline::ledger::Shape;
use crate::world::http::{HttpOutcome, HttpRequest};

/// Set by the server when a query failed, whatever the status says.
const EXCEPTION: &str = "x-clickhouse-exception-code";

/// Longest part of the server's words that is passed on, in characters.
const WORDS: usize = 300;

/// The request that writes entry `n`.
pub(super) fn write(write: &ClickHouseWrite, shape: &Shape, n: u64, timeout: Duration) -> HttpRequest {
    HttpRequest {
        method: "POST".into(),
        url: write.address(),
        headers: write.headers(),
        body: Some(shape.fill(&write.row(), n)),
        timeout,
        max_body: super::MAX_ACKNOWLEDGEMENT,
        fresh_connection: false,
    }
}

/// What an outcome says of a write: acknowledged by status 200 with nothing else; refused by 400 to 499, which say
/// that the query was wrong, but for 408, which says that it was given up; unknown otherwise. An insert answers with
/// an empty body: whatever stands there is an exception that came after the status had been sent.
pub(super) fn fate(outcome: HttpOutcome, now: Offset) -> Fate {
    match outcome {
        HttpOutcome::Answered { status: 200, headers, body } => match exception(&headers, &body) {
            None if body.trim_ascii().is_empty() => Fate::Acked { when: now },
            None => Fate::Unknown { why: format!("an insert that answers: {}", words(&body)) },
            Some(why) => Fate::Unknown { why },
        },
        HttpOutcome::Answered { status: status @ (400..=407 | 409..=499), body, .. } => {
            Fate::Refused { why: format!("status {status}: {}", words(&body)) }
        }
        HttpOutcome::Answered { status, body, .. } => {
            Fate::Unknown { why: format!("status {status}: {}", words(&body)) }
        }
        HttpOutcome::Failed(failure) => super::http::failed(failure),
    }
}

/// The request that lists all entries.
pub(super) fn read(read: &ClickHouseRead, timeout: Duration) -> HttpRequest {
    HttpRequest {
        method: "GET".into(),
        url: read.address(),
        headers: read.headers(),
        body: None,
        timeout,
        max_body: super::MAX_LIST,
        fresh_connection: true,
    }
}

/// The body of the list: one JSON object after the other.
pub(super) fn listed(read: &ClickHouseRead, outcome: HttpOutcome) -> Result<Vec<u8>, String> {
    match outcome {
        HttpOutcome::Answered { status: 200, headers, body } => match exception(&headers, &body) {
            None => Ok(body),
            Some(why) => Err(format!("{}: {why}", read.url)),
        },
        HttpOutcome::Answered { status, body, .. } => {
            Err(format!("{} answered with status {status}: {}", read.url, words(&body)))
        }
        HttpOutcome::Failed(failure) => Err(failure.detail),
    }
}

/// The exception that an answer carries in spite of its status: in a header, or behind its rows.
fn exception(headers: &[(String, String)], body: &[u8]) -> Option<String> {
    let code = headers.iter().find(|(name, _)| name == EXCEPTION).map(|(_, code)| code);
    // Rows are objects; an exception stands behind them, on a line of its own.
    let mut lines = body.split(|byte| *byte == b'\n').filter(|line| !line.starts_with(b"{"));
    let said = lines.find_map(|line| Some(words(line)).filter(|words| words.contains("DB::Exception")));
    match (code, said) {
        (None, None) => None,
        (_, Some(said)) => Some(said),
        (Some(code), None) => Some(format!("exception {code}: {}", words(body))),
    }
}

/// The server's words, on one line and cut to a length that can be read.
fn words(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let line: Vec<&str> = text.split_whitespace().collect();
    line.join(" ").chars().take(WORDS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::http::{ExchangeFailure, FailureClass};

    fn answered(status: u16, headers: &[(&str, &str)], body: &str) -> HttpOutcome {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        HttpOutcome::Answered { status, headers, body: body.into() }
    }

    #[test]
    fn only_a_plain_200_acknowledges() {
        let late = "Code: 252. DB::Exception: Too many parts. (TOO_MANY_PARTS)";
        let reset = ExchangeFailure { class: FailureClass::Reset, detail: "reset".into(), sent: true };
        for (outcome, expected) in [
            (answered(200, &[("content-type", "text/plain")], ""), "acked"),
            (answered(200, &[], "\n"), "acked"),
            (answered(200, &[(EXCEPTION, "252")], ""), "unknown"),
            (answered(200, &[], late), "unknown"),
            (answered(200, &[], "Ok."), "unknown"),
            (answered(204, &[], ""), "unknown"),
            (answered(404, &[(EXCEPTION, "60")], "Code: 60. DB::Exception: no such table"), "refused"),
            (answered(401, &[], ""), "refused"),
            (answered(408, &[], "Code: 159. DB::Exception: Timeout exceeded"), "unknown"),
            (answered(500, &[], late), "unknown"),
            (answered(503, &[], ""), "unknown"),
            (HttpOutcome::Failed(reset), "unknown"),
        ] {
            let fate = serde_json::to_value(fate(outcome.clone(), Offset::ZERO)).unwrap();
            assert_eq!(fate["fate"], expected, "{outcome:?}");
        }
    }

    #[test]
    fn an_exception_behind_the_rows_is_seen_and_one_within_a_row_is_content() {
        let listed = |body: &str| {
            let read = serde_json::from_str(r#"{"url": "http://a:8123", "table": "t"}"#).unwrap();
            listed(&read, answered(200, &[], body))
        };
        let content = "{\"id\":1,\"note\":\"DB::Exception\"}\n{\"id\":2}\n";
        assert_eq!(listed(content), Ok(content.as_bytes().to_vec()));
        assert_eq!(listed(""), Ok(Vec::new()));
        let old = "{\"id\":1}\nCode: 241. DB::Exception: Memory limit\n";
        let new =
            "{\"id\":1}\n__exception__\r\ntag\r\nCode: 241. DB::Exception: Memory limit\n34 tag\r\n__exception__\r\n";
        for body in [old, new] {
            let why = listed(body).unwrap_err();
            assert!(why.contains("Memory limit"), "{why}");
        }
    }
}
