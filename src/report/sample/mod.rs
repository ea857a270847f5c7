//! Results made by hand, for the tests of the reports.

mod load;
mod parts;
mod proof;
mod windows;

use std::collections::BTreeMap;

use crate::model::{Delta, Name, Offset, RunId};
use crate::result::latency::LatencyRow;
use crate::result::*;
use crate::scenario::fault::Impact;
use crate::scenario::phases::Phase;
use crate::timeline::event::EndReason;

pub(crate) use load::load;
pub(crate) use windows::hour;

pub(crate) fn name(text: &str) -> Name {
    text.parse().expect("a name")
}

pub(crate) const fn ms(millis: i64) -> Offset {
    Offset::from_millis(millis)
}

const fn d(millis: i64) -> Delta {
    Delta::from_millis(millis)
}

/// Six decimals: the reader of JSON is exact on fewer than 16 digits only.
fn short(x: f64) -> f64 {
    (x * 1e6).round() / 1e6
}

fn between<T>(lower: T, value: T, upper: T) -> Bounds<T> {
    Bounds { value, lower, upper: Some(upper) }
}

/// A run with a bit of everything: a pass, a breach, inconclusive objectives, a recovery that never came, missing
/// values, blind windows, a failed restore.
pub(crate) fn rich() -> RunResult {
    RunResult {
        version: VERSION,
        program: "0.1.0".into(),
        run: run_info(),
        end: EndInfo {
            reason: EndReason::Completed,
            remaining: vec![],
            exit_code: 11,
            summary:
                "3 of 9 objectives were missed and 2 could not be judged: the service did not come back within 60 s \
                      after its link was cut."
                    .into(),
        },
        verdict: Verdict {
            outcome: Outcome::Breach,
            parts: parts::parts(),
            objectives_digest: "9b1c".repeat(16),
            rejudged: false,
        },
        phases: phases(),
        faults: faults(),
        outages: outages(),
        steps: steps(),
        streams: streams(),
        latency: latency(),
        windows: windows::rich(),
        ledger: Some(ledger()),
        restores: proof::proofs(),
        error_budget: None,
        load: None,
        notes: vec![
            Note { at: ms(34_000), text: "load worker 0 of steady fell behind: 2 s are blind".into() },
            Note { at: ms(120_412), text: "the recovery deadline of 60 s passed while checkout was still bad".into() },
        ],
    }
}

/// A run that was refused before anything was touched.
pub(crate) fn refused() -> RunResult {
    let why = "port 18081 is in use by another process; stop it, or give the proxy another `listen` address".to_owned();
    RunResult {
        end: EndInfo {
            reason: EndReason::Refused { why: why.clone() },
            remaining: vec![],
            exit_code: 21,
            summary: format!("The drill was refused: {why}."),
        },
        verdict: Verdict { outcome: Outcome::Inconclusive, parts: vec![], ..rich().verdict },
        phases: vec![PhaseInfo { phase: Phase::Preflight, from: ms(0), to: ms(120) }],
        faults: vec![],
        outages: vec![],
        steps: vec![],
        streams: vec![],
        latency: LatencyTable::default(),
        windows: BTreeMap::new(),
        ledger: None,
        restores: BTreeMap::new(),
        notes: vec![],
        run: RunInfo { took: d(120), ..run_info() },
        ..rich()
    }
}

/// The rich run with texts that try to break out of whatever they are put into.
pub(crate) fn hostile() -> RunResult {
    let evil = "<script>alert('x')</script>\"'><img src=https://evil.example/x onerror=alert(1)>&|`](javascript:1)";
    let mut r = rich();
    r.run.title = Some(evil.into());
    r.run.owner = Some(evil.into());
    r.run.runbook = Some(evil.into());
    r.run.tags = vec![evil.into()];
    r.end.summary = evil.into();
    r.end.remaining = vec![evil.into()];
    for part in &mut r.verdict.parts {
        (part.subject, part.asked, part.measured, part.why) = (evil.into(), evil.into(), evil.into(), evil.into());
    }
    for fault in &mut r.faults {
        (fault.what, fault.kind, fault.targets) = (evil.into(), evil.into(), vec![evil.into()]);
        fault.problems = vec![evil.into()];
    }
    for row in &mut r.latency.rows {
        (row.span, row.request) = (evil.into(), row.request.as_ref().map(|_| evil.into()));
    }
    for proof in r.restores.values_mut() {
        (proof.why, proof.scratch, proof.source.identity) = (evil.into(), evil.into(), evil.into());
        proof.checks[0].observed = evil.into();
    }
    r.steps[0].answer = evil.into();
    r.notes[0].text = evil.into();
    r
}

fn run_info() -> RunInfo {
    RunInfo {
        id: RunId("20261103T042900Z-orders-database-outage-5f2a".into()),
        scenario: name("orders-database-outage"),
        title: Some("The orders service dies and its link crawls".into()),
        owner: Some("platform team".into()),
        criticality: Some("tier-1".into()),
        runbook: Some("docs/runbooks/database-outage.md".into()),
        tags: vec!["nightly".into(), "database".into()],
        file: "scenarios/orders-database-outage.yaml".into(),
        digest: "4c7e".repeat(16),
        objectives_digest: "9b1c".repeat(16),
        started: "2026-11-03T04:29:00Z".into(),
        took: d(131_230),
        seed: 8_121_977,
        simulated: false,
        environment: "local".into(),
        host: "drill-runner-1".into(),
        retry_of: None,
        machine: None,
    }
}

fn phases() -> Vec<PhaseInfo> {
    use Phase::*;
    [
        (Preflight, 0, 800),
        (Warmup, 800, 5_000),
        (Baseline, 5_000, 25_000),
        (Fault, 25_000, 60_000),
        (Undo, 60_000, 60_412),
        (Recovery, 60_412, 120_412),
        (After, 120_412, 125_000),
        (Verify, 125_000, 131_230),
    ]
    .map(|(phase, from, to)| PhaseInfo { phase, from: ms(from), to: ms(to) })
    .into()
}

fn faults() -> Vec<FaultInfo> {
    let fault = |fault: &str, kind: &str, what: &str, target: &str, impact, marks: [Option<i64>; 5]| {
        let [t_arm, t_act, t_inject, t_lost, t_undo] = marks.map(|mark| mark.map(ms));
        FaultInfo {
            name: name(fault),
            kind: kind.into(),
            what: what.into(),
            targets: vec![target.into()],
            impact,
            t_arm,
            t_act,
            t_inject,
            t_lost,
            t_undo,
            touched: t_act.map(|_| 1),
            problems: vec![],
        }
    };
    let marks = [Some(24_995), Some(25_000), Some(25_004), None, Some(25_310)];
    let crash = fault("crash", "process-kill", "process-kill app (SIGKILL)", "process 4711", Impact::Expected, marks);
    let marks = [Some(29_990), Some(30_000), Some(30_003), Some(40_100), Some(42_010)];
    let what = "proxy-latency front (250ms ± 50ms)";
    let mut crawl = fault("crawl", "proxy-latency", what, "link front", Impact::Tolerated, marks);
    crawl.problems = vec!["its effect was found gone 1.91 s before the undo: the link was restarted".into()];
    crawl.touched = Some(14_312);
    let marks = [Some(47_990), Some(48_000), Some(48_001), None, Some(60_412)];
    let cut = fault("cut", "proxy-down", "proxy-down front", "link front", Impact::Expected, marks);
    let mut freeze = fault("freeze", "process-pause", "process-pause app", "process 4711", Impact::Expected, [None; 5]);
    freeze.problems = vec!["it never began: it waits for cut to be recovered, and that never was".into()];
    vec![crash, crawl, cut, freeze]
}

fn outages() -> Vec<OutageInfo> {
    vec![
        OutageInfo {
            fault: name("crash"),
            impact: between(ms(25_001), ms(25_010), ms(25_020)),
            recovery: Some(between(ms(25_511), ms(25_522), ms(25_541))),
            rta: between(d(491), d(512), d(540)),
            rta_from_act: Some(between(d(511), d(522), d(541))),
            rta_after_undo: Some(between(d(201), d(212), d(231))),
            bad_time: d(400),
            stretches: 2,
            blind_time: d(0),
            recovered_by: Some(RecoveredBy::System),
        },
        OutageInfo {
            fault: name("cut"),
            impact: between(ms(48_000), ms(48_004), ms(48_020)),
            recovery: None,
            rta: Bounds { value: d(60_000), lower: d(60_000), upper: None },
            rta_from_act: None,
            rta_after_undo: None,
            bad_time: d(72_400),
            stretches: 1,
            blind_time: d(2_000),
            recovered_by: None,
        },
    ]
}

fn steps() -> Vec<StepInfo> {
    vec![
        StepInfo {
            name: name("tell the team"),
            began: Some(ms(25_010)),
            ended: Some(ms(25_190)),
            ok: Some(true),
            answer: "204 No Content".into(),
        },
        StepInfo {
            name: name("drain the pool"),
            began: Some(ms(61_000)),
            ended: Some(ms(71_000)),
            ok: Some(false),
            answer: "no answer within 10 s".into(),
        },
        StepInfo { name: name("call the provider"), began: None, ended: None, ok: None, answer: "not needed".into() },
    ]
}

fn streams() -> Vec<StreamInfo> {
    let stream = |text: &str, kind, what: &str, asked_rate, baseline_rate| StreamInfo {
        name: name(text),
        kind,
        what: what.into(),
        in_signal: kind != StreamKind::Closed,
        asked_rate,
        baseline_rate,
        rate: None,
        lost: None,
    };
    let mut steady = stream("steady", StreamKind::Open, "500 requests/s, open model", Some(500.0), Some(499.8));
    steady.lost = Some("2 s are blind: the worker fell behind".into());
    vec![
        stream("checkout", StreamKind::Probe, "GET http://127.0.0.1:18081/ready every 20ms", Some(50.0), Some(50.0)),
        stream("shoppers", StreamKind::Closed, "20 users, goose journeys, closed model", None, Some(61.4)),
        steady,
    ]
}

fn latency() -> LatencyTable {
    let row = |span: &str, stream: &str, request: Option<&str>, counts: [u64; 3], seconds: f64, q: [Option<u64>; 3]| {
        let [ok, err, dropped] = counts;
        let all = (ok + err + dropped).max(1) as f64;
        LatencyRow {
            span: span.into(),
            kind: SpanKind::Phase,
            stream: name(stream),
            request: request.map(Into::into),
            latency: Latency {
                ok,
                err,
                dropped,
                rate: short(ok as f64 / seconds),
                error_rate: short((err + dropped) as f64 / all),
                p50_us: q[0],
                p95_us: q[1],
                p99_us: q[2],
                ..Latency::default()
            },
            ok_histogram: String::new(),
            err_histogram: String::new(),
        }
    };
    let q = |p50, p95, p99| [Some(p50), Some(p95), Some(p99)];
    LatencyTable {
        rows: vec![
            row("baseline", "steady", None, [9_996, 0, 0], 20.0, q(2_140, 6_310, 11_480)),
            row("baseline", "steady", Some("GET /orders/{id}"), [6_000, 0, 0], 20.0, q(1_920, 5_800, 10_200)),
            row("baseline", "steady", Some("POST /orders"), [3_996, 0, 0], 20.0, q(2_610, 7_020, 12_900)),
            row("baseline", "shoppers", None, [1_228, 0, 0], 20.0, q(3_070, 8_950, 17_220)),
            row("baseline", "checkout", None, [1_000, 0, 0], 20.0, q(1_020, 2_310, 4_050)),
            row("fault", "steady", None, [9_874, 5_120, 1_502], 35.0, [Some(214_300), None, None]),
            row("fault", "shoppers", None, [911, 204, 0], 35.0, [Some(291_800), None, None]),
            row("crawl", "steady", None, [5_998, 2, 0], 12.0, q(252_100, 301_400, 322_900)),
            row("crawl", "shoppers", None, [312, 0, 0], 12.0, [Some(297_000), Some(351_000), None]),
            row("recovery", "steady", None, [0, 24_001, 5_998], 60.0, [None; 3]),
            row("recovery", "shoppers", None, [0, 612, 0], 60.0, [None; 3]),
            row("after", "checkout", None, [0, 4, 0], 4.6, [None; 3]),
        ],
    }
}

fn ledger() -> LedgerInfo {
    LedgerInfo {
        sent: 5_604,
        acked: 2_341,
        refused: 0,
        unknown: 3_263,
        not_sent: 3,
        lost: Some(7),
        lost_between: Some((ms(24_861), ms(24_998))),
        late_losses: Some(0),
        survived: Some(2),
        duplicates: Some(0),
        unexpected: Some(0),
        altered: Some(0),
        node: "http://127.0.0.1:18080".into(),
        reads: 2,
        failed: None,
        rpa: BTreeMap::from([(name("crash"), between(d(139), d(139), d(160)))]),
    }
}
