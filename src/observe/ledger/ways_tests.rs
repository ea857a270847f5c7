//! The ledger by gRPC and in ClickHouse: on the paused clock, and whole drills in the simulated world.

use serde_json::{Value, json};

use super::grpc;
use crate::judge::conclude;
use crate::model::Offset;
use crate::model::grpc::{Code, Status};
use crate::result::Outcome;
use crate::scenario::Scenario;
use crate::scenario::ledger::GrpcRead;
use crate::scenario::plan::Plan;
use crate::world::grpc::GrpcOutcome;
use crate::world::http::{ExchangeFailure, FailureClass};

fn status(code: Code) -> GrpcOutcome {
    GrpcOutcome::Answered { status: Status { code, message: "said".into() }, message: None }
}

fn failed(class: FailureClass, sent: bool) -> GrpcOutcome {
    GrpcOutcome::Failed(ExchangeFailure { class, detail: "failed".into(), sent })
}

#[test]
fn each_status_has_its_fate() {
    let fate = |outcome| serde_json::to_value(grpc::fate(outcome, Offset::ZERO)).unwrap()["fate"].clone();
    for number in 0..17 {
        let code = Code::of(number).unwrap();
        let expected = match number {
            0 => "acked",
            3 | 5 | 6 | 7 | 9 | 11 | 12 | 16 => "refused",
            _ => "unknown",
        };
        assert_eq!(fate(status(code)), expected, "{code}");
    }
    assert_eq!(fate(failed(FailureClass::Refused, false)), "refused");
    assert_eq!(fate(failed(FailureClass::Timeout, true)), "unknown");
    assert_eq!(fate(failed(FailureClass::Local, false)), "not_sent");
}

#[test]
fn a_list_without_ids_is_no_empty_ledger() {
    let read: GrpcRead = serde_json::from_value(
        json!({ "url": "http://a:1", "descriptors": "a.pb", "method": "a.B/C", "ids": "items.id" }),
    )
    .unwrap();
    let listed = |message: Value| {
        let outcome =
            GrpcOutcome::Answered { status: Status { code: Code::Ok, message: String::new() }, message: Some(message) };
        grpc::listed(&read, outcome).map(|rows| rows.len())
    };
    assert_eq!(listed(json!({ "items": [{ "id": 1 }, { "id": 2 }] })), Ok(2));
    assert_eq!(listed(json!({ "items": [] })), Ok(0));
    assert!(listed(json!({ "rows": [] })).unwrap_err().contains("`items`"));
    let down = grpc::listed(&read, status(Code::Unavailable)).unwrap_err();
    assert!(down.contains("a.B/C answered with UNAVAILABLE: said"), "{down}");
}

/// A drill that kills the service behind probe and ledger, simulated.
fn simulated(probe: Value, ledger: Value) -> (Outcome, String) {
    let scenario: Scenario = serde_json::from_value(json!({
        "name": "ways",
        "services": { "app": { "command": ["app", "127.0.0.1:1"], "restart": { "after": "300ms" } } },
        "targets": { "app": { "process": "app" } },
        "probes": [probe],
        "recovery_signal": { "streams": ["look"] },
        "steady_state": ["look.ok"],
        "ledger": ledger,
        "phases": { "warmup": "200ms", "baseline": "2s", "recovery": { "deadline": "10s", "hold": "500ms" } },
        "faults": [{ "name": "crash", "process-kill": { "target": "app" } }],
        "objectives": { "rto": { "max": "5s", "fault": "crash" }, "rpo": { "max": "0s", "fault": "crash" } },
    }))
    .unwrap();
    let plan = std::sync::Arc::new(Plan { scenario, ..super::tests::plan() });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    let keep = Box::new(crate::engine::recorder::Nowhere);
    let finished = runtime.block_on(crate::engine::simulate::simulate(plan.clone(), keep));
    let result = conclude(&plan, &finished.timeline);
    let ledger = result.ledger.map(|ledger| format!("{ledger:?}")).unwrap_or_default();
    (result.verdict.outcome, format!("{:?} {ledger}", result.verdict))
}

#[test]
fn drills_with_every_way_are_simulated() {
    let by_grpc = json!({
        "every": "50ms",
        "write": { "grpc": { "url": "http://127.0.0.1:1", "descriptors": "no.pb", "method": "a.B/Put",
                             "message": "{\"order\": {\"id\": \"ledger-${id}\", \"n\": ${id}}}" } },
        "read": { "grpc": { "url": "http://127.0.0.1:1", "descriptors": "no.pb", "method": "a.B/List",
                            "ids": "page.items.id" } },
    });
    let in_clickhouse = json!({
        "every": "50ms",
        "write": { "clickhouse": { "url": "http://127.0.0.1:1", "table": "t", "columns": { "id": "${id}", "n": "${id}" } } },
        "read": { "clickhouse": { "url": "http://127.0.0.1:1", "table": "t", "columns": ["n"] } },
    });
    let health = json!({ "url": "http://127.0.0.1:1", "service": "db" });
    let method =
        json!({ "url": "http://127.0.0.1:1", "descriptors": "no.pb", "method": "a.B/Get", "contains": "paid" });
    let missing =
        json!({ "url": "http://127.0.0.1:1", "descriptors": "no.pb", "method": "a.B/Get", "status": "NOT_FOUND" });
    for (grpc, ledger) in [(health, &by_grpc), (method, &in_clickhouse), (missing, &by_grpc)] {
        let probe = json!({ "name": "look", "every": "20ms", "grpc": grpc });
        let (outcome, said) = simulated(probe, ledger.clone());
        assert_eq!(outcome, Outcome::Pass, "{said}");
    }
}
