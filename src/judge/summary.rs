//! The result of a run: everything that reports need, out of the timeline.

use super::latency::{self, rounded};
use super::outages::{BlindAs, Outage, outages};
use super::{budget, drill, exit, ledger};
use crate::model::{Delta, Name, Offset};
use crate::result::{
    Bounds, EndInfo, FaultInfo, LoadInfo, Note, OutageInfo, PhaseInfo, RunInfo, RunResult, Search, SearchStep,
    StageInfo, StepInfo, StreamInfo, StreamKind, VERSION, Verdict,
};
use crate::scenario::fault::FaultSpec;
use crate::scenario::guard::Environment;
use crate::scenario::phases::Phase;
use crate::scenario::plan::Plan;
use crate::scenario::probe::Look;
use crate::scenario::profile::Executor;
use crate::timeline::Timeline;
use crate::timeline::event::EndReason;
use crate::timeline::gate::TOTAL;
use crate::timeline::load::{LoadTrack, Span, SpanRange};
use crate::timeline::load_line::LoadModel;

/// The result that a verdict belongs to.
pub(super) fn result(verdict: Verdict, plan: &Plan, timeline: &Timeline) -> RunResult {
    let (reason, remaining) = match &timeline.end {
        Some((reason, remaining)) => (Some(reason), remaining.as_slice()),
        None => (None, [].as_slice()),
    };
    let cut_off = EndReason::Failed { why: "the record ends before the run's last event".into() };
    let end = EndInfo {
        reason: reason.cloned().unwrap_or(cut_off),
        remaining: remaining.to_vec(),
        exit_code: exit::code(&verdict, reason, remaining),
        summary: exit::sentence(&verdict, reason, remaining, plan.load.is_some()),
    };
    RunResult {
        version: VERSION,
        program: env!("CARGO_PKG_VERSION").into(),
        run: run_info(plan, timeline),
        end,
        verdict,
        phases: phases(timeline),
        faults: faults(plan, timeline),
        outages: outage_infos(plan, timeline),
        steps: steps(timeline),
        streams: streams(plan, timeline),
        latency: latency::table(timeline),
        windows: timeline.loads.iter().map(|(name, load)| (name.clone(), latency::windows(load))).collect(),
        ledger: ledger::info(plan, timeline),
        restores: timeline.restores.clone(),
        error_budget: budget::used(plan, timeline),
        load: plan.load.as_ref().map(|load| LoadInfo {
            profile: load.profile.clone(),
            stages: timeline.loads.iter().flat_map(|(name, load)| stages(name, load, timeline.now())).collect(),
            searches: timeline.loads.iter().filter_map(|(name, load)| search(name, load, plan)).collect(),
        }),
        notes: notes(timeline),
    }
}

fn run_info(plan: &Plan, timeline: &Timeline) -> RunInfo {
    let scenario = &plan.scenario;
    RunInfo {
        id: plan.run.clone(),
        scenario: scenario.name.clone(),
        title: scenario.title.clone(),
        owner: scenario.owner.clone(),
        criticality: scenario.criticality.clone(),
        runbook: scenario.runbook.clone(),
        tags: scenario.tags.clone(),
        file: plan.file.display().to_string(),
        digest: plan.digest.clone(),
        objectives_digest: plan.objectives_digest.clone(),
        started: timeline.started.as_ref().map_or(String::new(), |started| started.utc.clone()),
        took: timeline.now().since(Offset::ZERO),
        seed: plan.seed,
        simulated: plan.simulated,
        environment: match scenario.guard.environment {
            Environment::Local => "local",
            Environment::Staging => "staging",
            Environment::Production => "production",
        }
        .into(),
        host: plan.host.clone(),
        machine: plan.machine.clone(),
        retry_of: plan.retry_of.clone(),
    }
}

fn phases(timeline: &Timeline) -> Vec<PhaseInfo> {
    let info =
        |p: &crate::timeline::PhaseSpan| PhaseInfo { phase: p.phase, from: p.from, to: p.to.unwrap_or(timeline.now()) };
    timeline.phases.iter().map(info).collect()
}

fn faults(plan: &Plan, timeline: &Timeline) -> Vec<FaultInfo> {
    let info = |(fault, track): (&crate::scenario::Fault, &crate::timeline::FaultTrack)| FaultInfo {
        name: fault.name.clone(),
        kind: fault.spec.kind().into(),
        what: what(&fault.spec),
        targets: track.targets.clone(),
        impact: fault.impact,
        t_arm: track.arm,
        t_act: track.act,
        t_inject: track.inject,
        t_lost: track.lost.as_ref().map(|(at, _)| *at),
        t_undo: track.undone,
        touched: track.touched,
        problems: [
            track.skipped.as_ref().map(|why| format!("never began: {why}")),
            track.failed.as_ref().map(|why| format!("the call that harms failed: {why}")),
            track.lost.as_ref().map(|(_, why)| format!("effect lost: {why}")),
            track.undo_failed.as_ref().map(|why| format!("not undone: {why}")),
        ]
        .into_iter()
        .flatten()
        .collect(),
    };
    plan.scenario.faults.iter().zip(&timeline.faults).map(info).collect()
}

/// A fault in words.
fn what(spec: &FaultSpec) -> String {
    let names: Vec<&str> = spec.uses().iter().map(|used| used.name().as_str()).collect();
    if names.is_empty() {
        return spec.touches().iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    }
    let detail = Some(spec.detail()).filter(|d| !d.is_empty()).map(|d| format!(" ({d})")).unwrap_or_default();
    format!("{} {}{detail}", spec.kind(), names.join(", "))
}

fn outage_infos(plan: &Plan, timeline: &Timeline) -> Vec<OutageInfo> {
    let deadline = Delta::from(plan.scenario.phases.recovery.deadline);
    let info = |outage: Outage| {
        let track = &timeline.faults[outage.fault];
        let bounds = |edge: crate::timeline::signal::Edge| Bounds {
            value: edge.value,
            lower: edge.lower,
            upper: Some(edge.upper),
        };
        OutageInfo {
            fault: track.name.clone(),
            impact: bounds(outage.impact),
            recovery: outage.recovery.filter(|_| !outage.censored).map(bounds),
            rta: outage.rta(deadline),
            rta_from_act: track.act.map(|act| outage.since_moment(act, deadline)),
            rta_after_undo: track.undone.map(|undone| outage.since_moment(undone, deadline)),
            bad_time: outage.bad_time,
            stretches: outage.stretches,
            blind_time: outage.blind_time,
            recovered_by: outage.recovered_by,
        }
    };
    outages(plan, timeline, BlindAs::Good).unwrap_or_default().into_iter().map(info).collect()
}

fn steps(timeline: &Timeline) -> Vec<StepInfo> {
    let info = |step: &crate::timeline::StepTrack| StepInfo {
        name: step.name.clone(),
        began: step.began,
        ended: step.ended,
        ok: step.ok,
        answer: step.answer.clone(),
    };
    timeline.steps.iter().map(info).collect()
}

fn streams(plan: &Plan, timeline: &Timeline) -> Vec<StreamInfo> {
    let listens = |name: &Name| plan.scenario.recovery_signal.as_ref().is_some_and(|s| s.streams.contains(name));
    let baseline = timeline.phase_span(Phase::Baseline).map(|b| (b.from, b.to.unwrap_or(timeline.now())));
    let probes = plan.scenario.probes.iter().map(|probe| {
        let looks = timeline.probes.get(&probe.name);
        let made = baseline.zip(looks).map(|((from, to), looks)| {
            looks.between(from, to).len() as f64 / to.since(from).seconds().max(f64::EPSILON)
        });
        let way = match probe.look() {
            Ok(Look::Http(http)) => format!("{} {}", http.method, http.url),
            Ok(Look::Grpc(grpc)) => format!("grpc {} of {}", grpc.call().method, grpc.url),
            Ok(Look::Tcp(tcp)) => format!("tcp {}", tcp.address),
            Ok(Look::Command(command)) => command.argv.join(" "),
            Err(_) => "nothing".into(),
        };
        StreamInfo {
            name: probe.name.clone(),
            kind: StreamKind::Probe,
            what: format!("{way} every {}", probe.every),
            in_signal: listens(&probe.name),
            asked_rate: Some(1.0 / Delta::from(probe.every).seconds().max(1e-9)),
            baseline_rate: made,
            rate: None,
            lost: None,
        }
    });
    let load = timeline.loads.iter().map(|(name, load)| {
        let rate =
            load.asked_rate.map_or("users that wait for answers".to_owned(), |rate| format!("{rate} requests/s"));
        let closed = load.model == LoadModel::Closed;
        StreamInfo {
            name: name.clone(),
            kind: if closed { StreamKind::Closed } else { StreamKind::Open },
            what: format!("{rate}, {} model", if closed { "closed" } else { "open" }),
            in_signal: listens(name),
            asked_rate: load.asked_rate,
            baseline_rate: baseline.and_then(|(from, to)| drill::rate(load, from, to)),
            rate: achieved(load, timeline.now()),
            lost: load.missing.first().map(|m| format!("from {} on: {}", m.from, m.why)),
        }
    });
    load.chain(probes).collect()
}

/// Requests started a second from the first to the last.
fn achieved(load: &LoadTrack, now: Offset) -> Option<f64> {
    let seconds = load.length(&TOTAL, now).seconds();
    (seconds > 0.0).then(|| rounded(load.so_far(&TOTAL, None).counts.started as f64 / seconds, 1e3))
}

/// The stages of a stream's ramp, those that began.
fn stages(stream: &Name, load: &LoadTrack, now: Offset) -> Vec<StageInfo> {
    let info = |(name, range): (&str, SpanRange)| {
        let (name, stream) = (name.to_owned(), stream.clone());
        StageInfo { stream, name, from: range.from, to: range.to.unwrap_or(now) }
    };
    load.own_spans().into_iter().filter(|(_, range)| range.from < now).map(info).collect()
}

/// A search for the highest rate; none: the stream made none.
fn search(name: &Name, load: &LoadTrack, plan: &Plan) -> Option<Search> {
    let track = load.search.as_ref()?;
    let until = match plan.profiles.get(name).and_then(|profile| profile.executor()) {
        Some(Executor::Breakpoint(search)) => search.until.clone(),
        _ => Vec::new(),
    };
    let seen = |nth: usize, from: Offset, to: Offset| {
        let range = SpanRange { span: Span::Step(nth), from, to: Some(to) };
        latency::of_span(load, &range, None, to)
    };
    // One that was never judged was cut short by the end of the search.
    let judged = track.steps.iter().enumerate().filter(|(_, step)| !step.why.is_empty());
    let steps = judged.map(|(nth, step)| {
        let latency = seen(nth, step.from, step.to);
        let started = load.counts(step.from, step.to).started;
        SearchStep {
            rate: step.per_second,
            from: step.from,
            to: step.to,
            confirm: step.confirm,
            held: step.held,
            why: step.why.clone(),
            achieved: rounded(started as f64 / step.to.since(step.from).seconds().max(f64::EPSILON), 1e3),
            error_rate: latency.error_rate,
            p50_us: latency.p50_us,
            p95_us: latency.p95_us,
            p99_us: latency.p99_us,
        }
    });
    let found = track.found();
    Some(Search {
        stream: name.clone(),
        until,
        steps: steps.collect(),
        highest_held: found.map(|(_, step)| step.per_second),
        confirmed: track.confirmed(),
        over: track.over.clone().unwrap_or_else(|| "the search was cut short".into()),
        latency: found.map(|(nth, step)| seen(nth, step.from, step.to)),
    })
}

fn notes(timeline: &Timeline) -> Vec<Note> {
    let note = |at: &Offset, text: String| Note { at: *at, text };
    let mut notes: Vec<Note> = timeline.notes.iter().map(|(at, text)| note(at, text.clone())).collect();
    notes.extend(
        timeline.guards.iter().map(|(at, condition, why)| note(at, format!("guard `{condition}` tripped: {why}"))),
    );
    notes.extend(
        timeline
            .cancels
            .iter()
            .map(|(at, by, level)| note(at, format!("{by} asked to stop{}", if *level > 1 { " at once" } else { "" }))),
    );
    notes.extend(timeline.loads.iter().flat_map(|(name, load)| {
        load.missing.iter().map(move |m| Note { at: m.from, text: format!("load {name}: {}", m.why) })
    }));
    notes.sort_by_key(|note| note.at);
    notes
}
