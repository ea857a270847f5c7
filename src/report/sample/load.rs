//! A load alone: a ramp, users, a search, thresholds.

use std::collections::BTreeMap;

use super::{ms, name, rich, short};
use crate::model::{Delta, Offset, RunId};
use crate::result::latency::LatencyRow;
use crate::result::*;
use crate::scenario::phases::Phase;

/// A load alone with three streams: one with stages, one of users, one that searches.
pub(crate) fn load() -> RunResult {
    let base = rich();
    RunResult {
        run: RunInfo {
            id: RunId("20261103T042900Z-release-gate-5f2a".into()),
            host: "runner-1".into(),
            scenario: name("release-gate"),
            title: Some("The shop before a release".into()),
            owner: None,
            criticality: None,
            runbook: None,
            tags: vec![],
            file: "loadprofiles/release-gate.yaml".into(),
            took: Delta::from_millis(95_400),
            ..base.run
        },
        end: EndInfo {
            exit_code: 10,
            summary:
                "Breach: threshold peak p95 (browse) 252 ms of 9,800 observations, asked < 200ms: beyond the level."
                    .into(),
            ..base.end
        },
        verdict: Verdict { outcome: Outcome::Breach, parts: parts(), ..base.verdict },
        phases: vec![PhaseInfo { phase: Phase::Baseline, from: ms(200), to: ms(92_000) }],
        faults: vec![],
        outages: vec![],
        steps: vec![],
        streams: streams(),
        latency: LatencyTable { rows: rows() },
        windows: BTreeMap::from([(name("browse"), windows())]),
        ledger: None,
        restores: BTreeMap::new(),
        error_budget: Some(BudgetInfo {
            slo: 0.999,
            period: Delta::from_millis(30 * 86_400_000),
            expected_requests: 40_000_000,
            seen: 27_931,
            bad: 61,
            used: Some(0.001_525),
            burn: Some(2.183_953),
        }),
        load: Some(LoadInfo { profile: name("release-gate"), stages: stages(), searches: vec![search()] }),
        notes: vec![],
        ..base
    }
}

fn parts() -> Vec<Part> {
    let part = |objective, subject: &str, asked: &str, measured: &str, outcome, why: &str| Part {
        objective,
        subject: subject.into(),
        asked: asked.into(),
        measured: measured.into(),
        value: None,
        bounds: None,
        outcome,
        why: why.into(),
        evidence: vec![ms(1_000)],
    };
    let asked = "p95 < 200ms, error_rate < 1% in every step";
    let found = "it was confirmed; 500/s: `p95 < 200ms`: 412 ms of 5,000";
    let every = "every window was reported";
    vec![
        part(Objective::Load, "browse", ">= 95 % of the ramp is sent", "311.0/s for 90.0 s", Outcome::Pass, every),
        part(Objective::Load, "search of find", asked, "400/s held for 30.000 s", Outcome::Pass, found),
        part(
            Objective::Threshold,
            "total error_rate (browse)",
            "< 1%",
            "0.22 % of 27,931 observations",
            Outcome::Pass,
            "within the level",
        ),
        part(
            Objective::Threshold,
            "peak p95 (browse)",
            "< 200ms",
            "252 ms of 9,800 observations",
            Outcome::Breach,
            "beyond the level",
        ),
        part(
            Objective::Threshold,
            "total p99 (shoppers/create order, closed model)",
            "< 1s",
            "",
            Outcome::Inconclusive,
            "p99 needs 1,000 observations, and there were 412",
        ),
    ]
}

fn streams() -> Vec<StreamInfo> {
    let stream = |text: &str, kind, what: &str, asked_rate, rate| StreamInfo {
        name: name(text),
        kind,
        what: what.into(),
        in_signal: false,
        asked_rate,
        baseline_rate: None,
        rate: Some(rate),
        lost: None,
    };
    vec![
        stream("browse", StreamKind::Open, "a rate that follows stages, open model", None, 311.0),
        stream("find", StreamKind::Open, "a search for the highest rate, open model", None, 264.2),
        stream("shoppers", StreamKind::Closed, "users that wait for answers, closed model", None, 13.7),
    ]
}

fn rows() -> Vec<LatencyRow> {
    let row = |span: &str, kind, stream: &str, request: Option<&str>, counts: [u64; 3], q: [u64; 3], service: u64| {
        let [ok, err, censored] = counts;
        LatencyRow {
            span: span.into(),
            kind,
            stream: name(stream),
            request: request.map(Into::into),
            latency: Latency {
                ok,
                err,
                rate: short(ok as f64 / 30.0),
                error_rate: short(err as f64 / (ok + err) as f64),
                p50_us: Some(q[0]),
                p95_us: Some(q[1]),
                p99_us: Some(q[2]),
                censored: Some(censored),
                late: if service < q[2] { 204 } else { 0 },
                service_p50_us: (service > 0).then_some(q[0]),
                service_p95_us: (service > 0).then_some(q[1].min(service)),
                service_p99_us: (service > 0).then_some(service),
                ..Latency::default()
            },
            ok_histogram: String::new(),
            err_histogram: String::new(),
        }
    };
    use SpanKind::{Phase, Stage, Total};
    vec![
        row("total", Total, "browse", None, [27_870, 61, 12], [2_140, 88_300, 312_000], 41_000),
        row("total", Total, "browse", Some("list"), [20_000, 40, 9], [1_900, 81_000, 290_000], 39_000),
        row("total", Total, "browse", Some("create order"), [7_870, 21, 3], [3_100, 96_000, 340_000], 44_000),
        row("total", Total, "shoppers", None, [1_228, 0, 0], [3_070, 8_950, 17_220], 0),
        row("total", Total, "shoppers", Some("create order"), [412, 0, 0], [4_070, 9_950, 19_220], 0),
        row("baseline", Phase, "browse", None, [27_870, 61, 12], [2_140, 88_300, 312_000], 41_000),
        row("stage 1", Stage, "browse", None, [8_000, 0, 1], [1_840, 5_300, 9_000], 9_000),
        row("stage 1", Stage, "browse", Some("list"), [6_000, 0, 1], [1_840, 5_300, 9_000], 9_000),
        row("peak", Stage, "browse", None, [9_739, 61, 40], [3_140, 252_000, 391_000], 44_000),
        row("peak", Stage, "browse", Some("list"), [7_000, 40, 30], [3_140, 244_000, 381_000], 43_000),
        row("stage 3", Stage, "browse", None, [10_131, 0, 0], [2_040, 6_100, 12_000], 12_000),
    ]
}

fn stages() -> Vec<StageInfo> {
    let stage =
        |text: &str, from, to| StageInfo { stream: name("browse"), name: text.into(), from: ms(from), to: ms(to) };
    vec![stage("stage 1", 1_000, 31_000), stage("peak", 31_000, 61_000), stage("stage 3", 61_000, 91_000)]
}

fn search() -> Search {
    let step = |rate, from: i64, seconds: i64, held, why: &str, p95_us| SearchStep {
        rate,
        from: ms(from),
        to: ms(from) + Delta::from_millis(seconds * 1_000),
        confirm: seconds > 10,
        held,
        why: why.into(),
        achieved: f64::from(rate),
        error_rate: 0.0,
        p50_us: Some(2_100),
        p95_us,
        p99_us: None,
    };
    Search {
        stream: name("find"),
        until: vec!["p95 < 200ms".into(), "error_rate < 1%".into()],
        steps: vec![
            step(300, 1_000, 10, Some(true), "`p95 < 200ms`: 6.1 ms of 3,000", Some(6_100)),
            step(400, 11_000, 10, Some(true), "`p95 < 200ms`: 11 ms of 4,000", Some(11_000)),
            step(500, 21_000, 10, Some(false), "`p95 < 200ms`: 412 ms of 5,000", Some(412_000)),
            step(400, 32_000, 30, Some(true), "`p95 < 200ms`: 12 ms of 12,000", Some(12_000)),
        ],
        highest_held: Some(400),
        confirmed: Some(true),
        over: "500/s broke".into(),
        latency: Some(Latency { ok: 12_000, p95_us: Some(12_000), p99_us: Some(31_000), ..Latency::default() }),
    }
}

/// A ramp up, a peak that the service does not keep up with, and a ramp down.
fn windows() -> Vec<Window> {
    let window = |second: i64| {
        let asked = match second {
            1..=30 => 100.0 + 10.0 * second as f64,
            31..=60 => 400.0,
            _ => 400.0 - 10.0 * (second - 60) as f64,
        };
        let slow = (40..55).contains(&second);
        let p50 = if slow { 90_000 } else { 2_000 + second as u64 * 10 };
        let ok = if slow { asked * 0.9 } else { asked };
        let latency = Latency {
            ok: ok as u64,
            err: (asked - ok) as u64,
            rate: short(ok),
            error_rate: short((asked - ok) / asked),
            p50_us: Some(p50),
            p95_us: (!slow).then_some(p50 * 2),
            p99_us: (!slow).then_some(p50 * 4),
            ..Latency::default()
        };
        Window { from: Offset::from_millis(second * 1_000), latency, asked: Some(short(asked)), blind: second == 70 }
    };
    (1..=90).map(window).collect()
}
