//! The writer and the final read on the paused clock, against an application that does as the test says.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::read::parse;
use super::{LedgerWriter, read_back};
use crate::clock::Clock;
use crate::model::{Delta, Offset, RunId};
use crate::scenario::plan::Plan;
use crate::scenario::{Ledger, Scenario};
use crate::timeline::event::{EventKind, Fate, LedgerReading};
use crate::timeline::ledger::{Entry, FinalRead, Reference, SPAN, Shape, account, replay};
use crate::world::World;
use crate::world::http::{ExchangeFailure, FailureClass, Http, HttpOutcome, HttpRequest};
use crate::world::sim::Sim;

/// The journal's file, as bytes; fails while it is told to.
#[derive(Clone, Default)]
struct Paper(Arc<Mutex<(Vec<u8>, bool)>>);

impl Paper {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().0.clone()).unwrap()
    }

    fn full(&self, is: bool) {
        self.0.lock().unwrap().1 = is;
    }
}

impl Write for Paper {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut paper = self.0.lock().unwrap();
        if paper.1 {
            // Part of the line gets through, as on a disk that runs full.
            let torn = bytes.len().min(7);
            paper.0.extend_from_slice(&bytes[..torn]);
            return Err(io::Error::other("no space left"));
        }
        paper.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

type Answer = dyn Fn(&HttpRequest) -> (Duration, HttpOutcome) + Send + Sync;

/// An application whose answer to each request, and the time it takes, the test decides.
struct App(Box<Answer>);

#[async_trait]
impl Http for App {
    async fn exchange(&self, request: &HttpRequest) -> HttpOutcome {
        let (takes, outcome) = (self.0)(request);
        tokio::time::sleep(takes).await;
        outcome
    }

    async fn connect(&self, _: &str, _: Duration) -> Result<(), ExchangeFailure> {
        Ok(())
    }
}

fn status(status: u16) -> HttpOutcome {
    HttpOutcome::Answered { status, headers: Vec::new(), body: Vec::new() }
}

fn rows(rows: Value) -> HttpOutcome {
    HttpOutcome::Answered { status: 200, headers: Vec::new(), body: rows.to_string().into_bytes() }
}

fn failed(class: FailureClass, sent: bool) -> HttpOutcome {
    HttpOutcome::Failed(ExchangeFailure { class, detail: format!("{class:?}"), sent })
}

fn ledger() -> Ledger {
    serde_json::from_value(json!({
        "every": "20ms",
        "timeout": "500ms",
        "write": { "http": { "url": "http://app:80/orders/ledger-${id}", "body": "{\"n\": ${id}}" } },
        "read": { "http": { "url": "http://user:word@app:80/orders/ids" } },
        "read_within": "5s",
    }))
    .unwrap()
}

pub(super) fn plan() -> Plan {
    let scenario: Scenario =
        serde_json::from_value(json!({ "name": "ledger", "ledger": serde_json::to_value(ledger()).unwrap() })).unwrap();
    Plan {
        version: 1,
        run: RunId("run".into()),
        file: "ledger.yaml".into(),
        digest: String::new(),
        objectives_digest: String::new(),
        seed: 1,
        scenario,
        profiles: BTreeMap::new(),
        dir: "nowhere".into(),
        simulated: true,
        allow_commands: false,
        host: "host".into(),
        load: None,
        retry_of: None,
        consent: Default::default(),
        machine: None,
    }
}

fn shape() -> Shape {
    Shape::of(&ledger(), &plan().run)
}

fn world(answer: impl Fn(&HttpRequest) -> (Duration, HttpOutcome) + Send + Sync + 'static) -> World {
    World { http: Arc::new(App(Box::new(answer))), ..Sim::new(&plan().scenario).world(Clock::start()) }
}

/// Writes for `time` of the paused clock; the entries in the order of their events.
async fn write(world: &World, paper: &Paper, time: Duration) -> Vec<Entry> {
    let stop = CancellationToken::new();
    let (events, mut received) = mpsc::channel(4096);
    let writer = LedgerWriter::new(&ledger(), shape(), Box::new(paper.clone()));
    let running = tokio::spawn(writer.run(world.clone(), stop.clone(), events));
    tokio::time::sleep(time).await;
    stop.cancel();
    running.await.unwrap();
    let mut entries = Vec::new();
    while let Some(event) = received.recv().await {
        let EventKind::Ledger { n, intended, sent, fate } = event else { panic!("{event:?}") };
        entries.push(Entry { n, intended, sent, fate });
    }
    let numbers: BTreeSet<u64> = entries.iter().map(|entry| entry.n).collect();
    assert_eq!(numbers.len(), entries.len(), "a number became two events");
    assert_eq!(numbers, (0..entries.len() as u64).collect(), "a number became no event");
    entries
}

#[tokio::test(start_paused = true)]
async fn every_write_is_journaled_before_it_is_sent() {
    let paper = Paper::default();
    let journal = paper.clone();
    let world = world(move |request| {
        let id = request.url.rsplit('/').next().unwrap().to_owned();
        assert!(journal.text().contains(&format!("\"id\":\"{id}\"")), "{id} was sent before it was journaled");
        assert_eq!(request.body.as_deref(), Some(format!("{{\"n\": {}}}", &id["ledger-".len()..]).as_str()));
        (Duration::from_millis(3), status(201))
    });
    let entries = write(&world, &paper, Duration::from_millis(190)).await;
    assert_eq!(entries.len(), 10);
    assert_eq!(replay(&paper.text()), entries, "the journal tells the same as the events");
    let acked: Vec<_> = entries.iter().map(|e| e.fate.clone()).collect();
    let expected: Vec<_> = entries.iter().map(|e| Fate::Acked { when: e.sent + Delta::from_millis(3) }).collect();
    assert_eq!(acked, expected);
}

#[tokio::test(start_paused = true)]
async fn writes_start_on_schedule_whatever_became_of_the_one_before() {
    let world = world(|_| (Duration::from_millis(400), failed(FailureClass::Timeout, true)));
    let entries = write(&world, &Paper::default(), Duration::from_millis(190)).await;
    let first = entries[0].intended;
    for entry in &entries {
        assert_eq!(entry.intended.since(first), Delta::from_millis(20 * entry.n as i64));
        assert_eq!(entry.sent, entry.intended);
        assert_eq!(entry.fate, Fate::Unknown { why: "Timeout".into() });
    }
    assert_eq!(entries.len(), 10);
}

#[tokio::test(start_paused = true)]
async fn each_outcome_has_its_fate() {
    let outcomes = [
        (status(200), "acked"),
        (status(204), "acked"),
        (status(302), "unknown"),
        (status(409), "refused"),
        (status(503), "unknown"),
        (failed(FailureClass::Refused, false), "refused"),
        (failed(FailureClass::Reset, true), "unknown"),
        (failed(FailureClass::Timeout, true), "unknown"),
        (failed(FailureClass::Local, false), "not_sent"),
        (failed(FailureClass::Unresolvable, false), "not_sent"),
    ];
    for (outcome, expected) in outcomes {
        let world = world(move |_| (Duration::ZERO, outcome.clone()));
        let entries = write(&world, &Paper::default(), Duration::from_millis(5)).await;
        assert_eq!(serde_json::to_value(&entries[0].fate).unwrap()["fate"], expected);
    }
}

#[tokio::test(start_paused = true)]
async fn a_driver_that_forgets_its_timeout_leaves_writes_not_sent_and_does_not_hold_the_end() {
    let world = world(|_| (Duration::from_secs(3600), status(200)));
    let entries = write(&world, &Paper::default(), Duration::from_secs(1)).await;
    let count = |wanted: fn(&Fate) -> bool| entries.iter().filter(|e| wanted(&e.fate)).count();
    // 500 ms / 20 ms, and two.
    assert_eq!(count(|fate| matches!(fate, Fate::Unknown { .. })), 27);
    assert_eq!(count(|fate| matches!(fate, Fate::NotSent { .. })), entries.len() - 27);
    assert!(entries.len() > 27);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_journaled_is_not_sent() {
    let paper = Paper::default();
    let sent = Arc::new(Mutex::new(0));
    let (counter, switch) = (sent.clone(), paper.clone());
    let world = world(move |_| {
        let mut sent = counter.lock().unwrap();
        *sent += 1;
        // Full after the third write was sent, until somebody makes room.
        switch.full(*sent == 3);
        (Duration::ZERO, status(200))
    });
    let room = paper.clone();
    let clean_up = tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(110)).await;
        room.full(false);
    });
    let entries = write(&world, &paper, Duration::from_millis(190)).await;
    clean_up.await.unwrap();
    let acked: Vec<_> = entries.iter().filter(|e| matches!(e.fate, Fate::Acked { .. })).map(|e| e.n).collect();
    assert_eq!(acked, [0, 1, 2, 6, 7, 8, 9]);
    assert_eq!(*sent.lock().unwrap(), 7);
    let later: Vec<_> = replay(&paper.text()).into_iter().map(|e| e.n).filter(|n| *n >= 6).collect();
    assert_eq!(later, [6, 7, 8, 9], "a torn line swallowed the next one");
}

/// Reads back from an application that answers the `n`-th read, from 0, as told.
async fn read(answer: impl Fn(u32) -> HttpOutcome + Send + Sync + 'static) -> (String, LedgerReading) {
    let count = Mutex::new(0);
    let world = world(move |request| {
        assert_eq!((request.method.as_str(), request.fresh_connection), ("GET", true));
        let mut n = count.lock().unwrap();
        *n += 1;
        (Duration::from_millis(10), answer(*n - 1))
    });
    match read_back(&plan(), &ledger(), &world).await {
        EventKind::LedgerRead { node, outcome } => (node, outcome),
        other => panic!("{other:?}"),
    }
}

fn row(n: u64) -> Value {
    json!({ "id": shape().id(n), "n": shape().number(n) })
}

#[tokio::test(start_paused = true)]
async fn the_read_is_repeated_until_two_agree_and_names_its_node() {
    let (node, outcome) = read(|n| rows(if n == 0 { json!([row(0)]) } else { json!([row(1), row(0)]) })).await;
    assert_eq!(node, "app:80");
    let expected = LedgerReading::Read { present: vec![0, 1], unexpected: vec![], altered: vec![], reads: 3 };
    assert_eq!(outcome, expected);
}

#[tokio::test(start_paused = true)]
async fn a_failed_read_between_two_equal_ones_breaks_the_agreement() {
    let (_, outcome) = read(|n| if n == 1 { status(503) } else { rows(json!([row(0)])) }).await;
    assert!(matches!(outcome, LedgerReading::Read { reads: 4, .. }), "{outcome:?}");
}

#[tokio::test(start_paused = true)]
async fn a_ledger_that_keeps_changing_or_cannot_be_read_fails_with_the_reason() {
    let why = |outcome| match outcome {
        LedgerReading::Failed { why } => why,
        read => panic!("{read:?}"),
    };
    let moving = why(read(|n| rows((0..u64::from(n)).map(row).collect())).await.1);
    assert!(moving.contains("no two of") && moving.contains("entries became"), "{moving}");
    let down = why(read(|_| status(500)).await.1);
    assert!(down.contains("status 500"), "{down}");
    let cut =
        why(read(|_| HttpOutcome::Answered { status: 200, headers: Vec::new(), body: b"[{\"id\": \"1\"}".to_vec() })
            .await
            .1);
    assert!(cut.contains("did not answer with a list"), "{cut}");
}

#[test]
fn rows_may_be_ids_or_objects_and_others_rows_are_left_alone() {
    let shape = Shape::new("http://app/orders/ledger-${id}", Some("{\"n\": ${id}}"), SPAN);
    let n = |n: u64| SPAN + n;
    let body = json!([
        { "id": format!("ledger-{}", n(0)), "n": n(0), "created": 5 },
        { "id": format!("ledger-{}", n(1)), "n": 7 },
        format!("ledger-{}", n(2)),
        format!("ledger-{}", n(2)),
        { "id": "shop-5", "n": 5 },
        "ledger-5",
        17,
        "ledger-5x",
    ]);
    let found = parse(&shape, "node", body.to_string().as_bytes()).unwrap();
    let expected = FinalRead {
        node: "node".into(),
        present: [0, 1, 2].into_iter().collect(),
        duplicates: vec![2],
        altered: vec![1],
        unexpected: vec!["ledger-5x".into()],
        foreign: 3,
    };
    assert_eq!(found, expected);
    for wrong in ["{}", "[true]", "[{\"n\": 5}]", "[1] tail", ""] {
        assert!(parse(&shape, "node", wrong.as_bytes()).is_err(), "{wrong}");
    }
    assert_eq!(parse(&shape, "node", b"[]").unwrap().present.len(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_loss_is_found_between_writing_and_reading_back() {
    // The application acknowledges everything and forgets what came after the fifth write.
    let stored = Arc::new(Mutex::new(Vec::new()));
    let world = world(move |request| {
        let mut stored = stored.lock().unwrap();
        if request.method == "GET" {
            return (Duration::ZERO, rows(stored.iter().map(|id| json!(id)).collect()));
        }
        if stored.len() < 5 {
            stored.push(request.url.rsplit('/').next().unwrap().to_owned());
        }
        (Duration::from_millis(1), status(201))
    });
    let entries = write(&world, &Paper::default(), Duration::from_millis(190)).await;
    let EventKind::LedgerRead { node, outcome } = read_back(&plan(), &ledger(), &world).await else { panic!() };
    let found = FinalRead::from_reading(&node, &outcome).unwrap();
    let start = entries[0].intended;
    let account = account(&entries, &found, Reference::exact(start + Delta::from_millis(190)));
    assert_eq!((account.acked, account.survived, account.lost.ranges()), (10, 5, [(5, 9)].as_slice()));
    assert_eq!(account.rpa.value, Delta::from_millis(190 - 101));
    assert_eq!(account.rpa.upper, Some(Delta::from_millis(190 - 81)));
    assert!(start >= Offset::ZERO);
}
