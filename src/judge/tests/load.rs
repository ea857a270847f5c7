//! A load alone: thresholds, stages, rate, searches, error budget.

use super::*;
use crate::model::Name;
use crate::scenario::plan::LoadPlan;
use crate::scenario::profile::Profile;
use crate::timeline::event::{EndReason, EventKind, SearchMark};
use crate::timeline::gate::{StepLook, failing, step};
use Outcome::{Breach, Inconclusive, Pass};

const SHOP: &str = "{simulacro_profile: 1, name: shop, timeout: 1s, scenarios: {browse: {constant_arrival_rate: {rate: \
     100}, requests: [{name: list, path: /}, {name: show, path: /}]}, buy: {constant_vus: {vus: 2}, journeys: [{name: j, \
     steps: [{name: list, path: /}]}]}}}";

const RAMP: &str = "{simulacro_profile: 1, name: ramp, requests: [{name: list, path: /}], ramping_arrival_rate: {stages: \
     [{duration: 2s, target: 100}, {duration: 2s, target: 100, name: peak, thresholds: [\"availability >= 99%\", \
     \"list.p90 < 5ms\"]}]}}";

const SEARCH: &str = "{simulacro_profile: 1, name: find, requests: [{name: list, path: /}], breakpoint: {start_rate: \
     100, max_rate: 300, step: 100, hold: 2s, until: [\"p90 < 5ms\", \"list.error_rate < 1%\"]}}";

/// The plan of a load alone, with thresholds as YAML.
fn load_plan(profile: &str, thresholds: &str) -> Plan {
    let profile = Profile::from_yaml(profile).unwrap();
    let streams = profile.streams().into_iter().map(|(scenario, p)| (scenario.unwrap_or(profile.name.clone()), p));
    let streams: Vec<(Name, Profile)> = streams.collect();
    let load = streams.iter().map(|(name, _)| format!("{{name: {name}, profile: p, base_url: u}}"));
    let yaml = format!("{{name: load, load: [{}]}}", load.collect::<Vec<_>>().join(", "));
    let mut plan = plan(&yaml, &[]);
    plan.profiles = streams.into_iter().collect();
    plan.load = Some(LoadPlan {
        profile: profile.name,
        thresholds: serde_saphyr::from_str(thresholds).unwrap(),
        error_budget: None,
    });
    plan
}

/// Windows of one stream from `from` to `to`, each with several fares; then its end.
fn send(script: &mut Script, stream: &str, from: i64, to: i64, fares: impl Fn(i64) -> Vec<Fare>) {
    for window in from / 100..to / 100 {
        fares(window * 100).into_iter().for_each(|fare| _ = script.window(stream, window, fare));
    }
    script.at(to + 60, EventKind::LoadEnd { stream: name(stream) });
}

fn verdict(plan: &Plan, script: &Script) -> Vec<Part> {
    let result = crate::judge::conclude(plan, &script.timeline(plan));
    assert!(result.load.is_some());
    result.verdict.parts
}

fn outcome(parts: &[Part], objective: Objective, subject: &str) -> (Outcome, String) {
    let part = parts.iter().find(|p| p.objective == objective && p.subject == subject);
    let part = part.unwrap_or_else(|| panic!("no part on {subject}: {parts:#?}"));
    (part.outcome, part.why.clone())
}

/// Both streams of the shop for 4 s: `list` fast, `show` slow, users a little slower.
fn shop() -> Script {
    let mut script = Script::default();
    script.phase(0, Phase::Baseline);
    let show = Fare { ok: 2, latency_us: 50_000, request: "show", ..FINE };
    send(&mut script, "browse", 0, 4_000, |_| vec![Fare { ok: 8, ..FINE }, show]);
    send(&mut script, "buy", 0, 4_000, |_| vec![Fare { ok: 1, latency_us: 9_000, ..FINE }]);
    script.end(4_200);
    script
}

#[test]
fn thresholds_are_judged_on_each_stream_and_request_name_alone() {
    let thresholds = "['p50 < 5ms', 'browse.p90 < 5ms', 'browse/list.p90 < 5ms', 'list.max < 5ms', \
                      'browse.apdex(10ms) >= 0.9', 'rate > 90', 'show.error_rate < 1%']";
    let parts = verdict(&load_plan(SHOP, thresholds), &shop());
    let threshold = |subject: &str| outcome(&parts, Objective::Threshold, subject).0;
    assert_eq!(threshold("total p50 (browse)"), Pass);
    assert_eq!(threshold("total p50 (buy, closed model)"), Breach, "closed users are judged, and named");
    assert_eq!(threshold("total p90 (browse)"), Breach);
    assert_eq!(threshold("total p90 (browse/list)"), Pass);
    assert_eq!(threshold("total max (browse/list)"), Pass);
    assert_eq!(threshold("total max (buy/list, closed model)"), Breach);
    assert_eq!(threshold("total apdex(10ms) (browse)"), Breach, "0.8 satisfied, 0.2 beyond 4 T");
    assert_eq!(threshold("total rate (browse)"), Pass);
    assert_eq!(threshold("total rate (buy, closed model)"), Breach);
    assert_eq!(threshold("total error_rate (browse/show)"), Pass);
    assert_eq!(outcome(&parts, Objective::Load, "browse").0, Pass);
}

#[test]
fn a_threshold_that_looked_at_nothing_does_not_pass() {
    let plan = load_plan(SHOP, "['nobody.p95 < 1s', 'browse/buy.p95 < 1s', 'show.p99.9 < 1s']");
    let parts = verdict(&plan, &shop());
    let thresholds: Vec<_> = parts.iter().filter(|p| p.objective == Objective::Threshold).collect();
    assert_eq!(thresholds.len(), 3);
    assert!(thresholds.iter().all(|p| p.outcome == Inconclusive), "{thresholds:#?}");
    assert!(thresholds[2].why.contains("p99.9 needs 10,000"), "{}", thresholds[2].why);
}

#[test]
fn stages_are_judged_on_their_own_time() {
    let mut script = Script::default();
    script.phase(0, Phase::Baseline);
    // The ramp begins at 0.5 s, so that the peak is from 2.5 s to 4.5 s.
    let hello = crate::timeline::load_line::Hello {
        protocol: 2,
        worker: 0,
        pid: 1,
        model: crate::timeline::load_line::LoadModel::Open,
        executor: "ramping_arrival_rate".into(),
        asked_rate: None,
        start: 7,
    };
    script.at(0, EventKind::LoadReady { stream: name("ramp"), hello, from: Some(ms(500)) });
    send(&mut script, "ramp", 500, 4_500, |t| vec![if t < 2_500 { REFUSED } else { FINE }]);
    script.end(4_800);
    let plan = load_plan(RAMP, "['error_rate < 10%']");
    let parts = verdict(&plan, &script);
    assert_eq!(outcome(&parts, Objective::Threshold, "total error_rate (ramp)").0, Breach);
    assert_eq!(outcome(&parts, Objective::Threshold, "peak availability (ramp)").0, Pass);
    assert_eq!(outcome(&parts, Objective::Threshold, "peak p90 (ramp/list)").0, Pass);
    let result = crate::judge::conclude(&plan, &script.timeline(&plan));
    let stages: Vec<_> = result.latency.rows.iter().filter(|r| r.span == "peak" || r.span == "stage 1").collect();
    assert_eq!(stages.iter().map(|r| r.latency.ok + r.latency.err).collect::<Vec<_>>(), [200, 200, 200, 200]);
    assert_eq!(result.load.unwrap().stages[1].from, ms(2_500));
    assert_eq!(result.end.exit_code, 10);
}

#[test]
fn a_rate_that_our_side_did_not_send_is_inconclusive_and_dropped_requests_are_failures() {
    let run = |fare: Fare| {
        let mut script = Script::default();
        script.phase(0, Phase::Baseline);
        send(&mut script, "find", 0, 4_000, |_| vec![fare]);
        script.end(4_200);
        verdict(&load_plan(&OPEN.replace("steady", "find"), "['error_rate < 50%']"), &script)
    };
    let parts = run(Fare { ok: 8, not_sent: 2, ..FINE });
    let (rate, why) = outcome(&parts, Objective::Load, "find");
    assert_eq!(rate, Inconclusive);
    assert!(why.contains("sent 80.0/s of the 100.0/s asked"), "{why}");
    let parts = run(Fare { ok: 8, dropped: 2, ..FINE });
    assert_eq!(outcome(&parts, Objective::Load, "find").0, Pass, "the target held every sender");
    assert_eq!(outcome(&parts, Objective::Threshold, "total error_rate (find)").0, Pass);
    // A worker that says nothing of what it should have sent.
    let parts = run(Fare { ok: 8, ..FINE });
    assert_eq!(outcome(&parts, Objective::Load, "find").0, Inconclusive);
}

#[test]
fn a_threshold_that_stopped_the_load_is_missed() {
    let mut script = shop();
    script.events.retain(|(_, what)| !matches!(what, EventKind::End { .. }));
    let why = "91 ms of 40 (browse)".to_owned();
    script.at(4_100, EventKind::Guard { condition: "browse.p50 < 5ms".into(), why });
    script.at(4_200, EventKind::End { reason: EndReason::Guard, remaining: Vec::new() });
    let plan = load_plan(SHOP, "[{threshold: 'browse.p50 < 5ms', abort_on_fail: true}]");
    let (outcome, why) = outcome(&verdict(&plan, &script), Objective::Threshold, "total p50 (browse)");
    assert_eq!(outcome, Breach, "although the last answers made it good again");
    assert!(why.contains("stopped the load at +4.100 s: 91 ms of 40"), "{why}");
    let end = crate::judge::conclude(&plan, &script.timeline(&plan)).end;
    assert_eq!((end.exit_code, end.summary.starts_with("Stopped by a threshold. ")), (10, true), "{}", end.summary);
}

/// The timeline of the script up to a moment, as the engine sees it.
fn live(plan: &Plan, script: &Script, until: i64) -> Timeline {
    let mut timeline = Timeline::new(plan);
    script.sorted().iter().filter(|e| e.at <= ms(until)).for_each(|e| timeline.push(e));
    timeline
}

#[test]
fn a_load_is_stopped_only_by_what_is_sure() {
    let thresholds = "[{threshold: 'list.p90 < 5ms', abort_on_fail: true, delay_abort_eval: 2s}, 'p50 < 1ms']";
    let plan = load_plan(&OPEN.replace("steady", "find"), thresholds);
    let trips = |fare: Fare, until: i64| {
        let mut script = Script::default();
        script.phase(0, Phase::Baseline);
        send(&mut script, "find", 0, 4_000, |_| vec![fare]);
        failing(plan.load.as_ref().unwrap(), &live(&plan, &script, until), ms(until))
    };
    let slow = Fare { latency_us: 9_000, ..FINE };
    assert_eq!(trips(slow, 1_900), None, "it is delayed");
    let trip = trips(slow, 2_500).unwrap();
    assert_eq!((trip.threshold.as_str(), trip.measured.as_str()), ("list.p90 < 5ms", "9 ms of 240 (find/list)"));
    assert_eq!(trips(FINE, 3_900), None);
    // Half is not answered yet: it may have been fast.
    assert_eq!(trips(Fare { ok: 1, pending: 99, ..slow }, 2_500), None);
    assert!(trips(Fare { ok: 10, pending: 1, ..slow }, 2_500).is_some());
}

/// A search with three steps of 2 s, of which the last is like `last`.
fn searched(last: Fare, held: Option<bool>) -> (Plan, Script) {
    let mut script = Script::default();
    script.phase(0, Phase::Baseline);
    for (nth, rate) in [100, 200, 100].into_iter().enumerate() {
        let (from, to) = (ms(nth as i64 * 2_000), ms(nth as i64 * 2_000 + 2_000));
        let mark = SearchMark::Step { per_second: rate, from, to, confirm: nth == 2 };
        script.at(nth as i64 * 2_000 - 1, EventKind::Search { stream: name("find"), mark });
        let held = if nth == 2 { held } else { Some(nth == 0) };
        let mark = SearchMark::Judged { from, held, why: format!("looked at {rate}") };
        script.at(nth as i64 * 2_000 + 1_999, EventKind::Search { stream: name("find"), mark });
    }
    send(&mut script, "find", 0, 6_000, |t| match t {
        0..2_000 => vec![FINE],
        2_000..4_000 => vec![Fare { ok: 20, latency_us: 9_000, ..FINE }],
        _ => vec![last],
    });
    script.at(6_100, EventKind::Search { stream: name("find"), mark: SearchMark::Over { why: "200/s broke".into() } });
    script.end(6_200);
    (load_plan(SEARCH, "[]"), script)
}

#[test]
fn a_search_names_the_highest_rate_that_held_and_was_confirmed() {
    let (plan, script) = searched(FINE, Some(true));
    let result = crate::judge::conclude(&plan, &script.timeline(&plan));
    let part = outcome(&result.verdict.parts, Objective::Load, "search of find");
    assert_eq!(part, (Pass, "it was confirmed; 200/s: looked at 200".into()));
    let search = &result.load.unwrap().searches[0];
    assert_eq!((search.highest_held, search.confirmed, search.over.as_str()), (Some(100), Some(true), "200/s broke"));
    assert_eq!(search.steps.iter().map(|s| s.achieved).collect::<Vec<_>>(), [100.0, 200.0, 100.0]);
    assert_eq!((search.steps[1].p50_us, search.latency.as_ref().unwrap().ok), (Some(9_007), 200));
    assert_eq!(result.end.exit_code, 0);
    let (plan, script) = searched(FINE, Some(false));
    let part = outcome(&verdict(&plan, &script), Objective::Load, "search of find");
    assert_eq!(part, (Breach, "the first rate, 100/s, breaks already: looked at 100".into()));
}

#[test]
fn a_step_holds_breaks_or_cannot_be_told() {
    let looked = |last: Fare| {
        let (plan, script) = searched(last, None);
        let conditions: Vec<_> =
            ["p90 < 5ms", "list.error_rate < 1%"].iter().map(|text| text.parse().unwrap()).collect();
        let timeline = live(&plan, &script, 6_060);
        let broke = step(&conditions, &name("find"), &timeline, ms(2_000), ms(4_000));
        assert_eq!(broke, StepLook::Broke { why: "`p90 < 5ms`: 9 ms of 400".into() });
        step(&conditions, &name("find"), &timeline, ms(4_000), ms(6_000))
    };
    assert!(matches!(looked(FINE), StepLook::Held { .. }));
    assert!(matches!(looked(Fare { ok: 8, err: 2, ..FINE }), StepLook::Broke { .. }));
    let unclear = |fare: Fare, word: &str| match looked(fare) {
        StepLook::Unclear { why, .. } => assert!(why.contains(word), "{why}"),
        other => panic!("{other:?}"),
    };
    unclear(Fare { ok: 8, pending: 2, ..FINE }, "not answered");
    unclear(Fare { ok: 8, not_sent: 2, ..FINE }, "80.0/s of the 100.0/s asked");
    unclear(Fare { ok: 8, ..FINE }, "80.0/s of the 100.0/s asked");
}

#[test]
fn an_error_budget_says_how_much_of_it_was_used() {
    let mut script = Script::default();
    script.phase(0, Phase::Baseline);
    send(&mut script, "find", 0, 10_000, |t| {
        vec![if t == 500 { Fare { ok: 8, err: 1, dropped: 1, ..FINE } } else { FINE }]
    });
    script.end(10_200);
    let mut plan = load_plan(&OPEN.replace("steady", "find"), "[]");
    let used = |plan: &Plan| crate::judge::conclude(plan, &script.timeline(plan)).error_budget;
    assert_eq!(used(&plan), None);
    let budget = |yaml: &str| serde_saphyr::from_str(yaml).ok();
    plan.load.as_mut().unwrap().error_budget = budget("{slo: 99%, expected_requests: 100000}");
    let info = used(&plan).unwrap();
    // 2 of 1,000 failed: a fifth of what 99 % allows at this pace, and a five-hundredth of the period's 1,000.
    assert_eq!((info.seen, info.bad, info.used, info.burn), (1_000, 2, Some(0.002), Some(0.2)));
    plan.load.as_mut().unwrap().error_budget = budget("{slo: 99%}");
    assert_eq!(used(&plan).unwrap().used, Some(0.2), "without a number, the load stands for the period");
}
