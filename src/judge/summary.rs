//! The result of a run: everything that reports need, out of the timeline.

use super::outages::{BlindAs, Outage, outages};
use super::{drill, exit, ledger};
use crate::model::{Delta, Name, Offset};
use crate::result::latency::{LatencyRow, LatencyTable};
use crate::result::{
    Bounds, EndInfo, FaultInfo, Latency, Note, OutageInfo, PhaseInfo, RunInfo, RunResult, StepInfo, StreamInfo,
    StreamKind, VERSION, Verdict, Window,
};
use crate::scenario::fault::FaultSpec;
use crate::scenario::guard::Environment;
use crate::scenario::phases::Phase;
use crate::scenario::plan::Plan;
use crate::scenario::probe::Look;
use crate::timeline::Timeline;
use crate::timeline::event::EndReason;
use crate::timeline::latency::Hist;
use crate::timeline::load::{Counts, LoadTrack, Span, Sums};
use crate::timeline::load_line::LoadModel;
use crate::timeline::query::needed;

const SECOND: Delta = Delta::from_millis(1_000);

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
        summary: exit::sentence(&verdict, reason, remaining),
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
        latency: latency(timeline),
        windows: timeline.loads.iter().map(|(name, load)| (name.clone(), windows(load))).collect(),
        ledger: ledger::info(plan, timeline),
        restores: timeline.restores.clone(),
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
    let kind = spec.kind();
    match spec {
        FaultSpec::ProcessKill(f) => format!("{kind} {} ({})", f.target, f.signal),
        FaultSpec::ProcessPause(f) => format!("{kind} {}", f.target),
        FaultSpec::ProxyLatency(f) if f.jitter.get().is_zero() => format!("{kind} {} ({})", f.proxy, f.latency),
        FaultSpec::ProxyLatency(f) => format!("{kind} {} ({} ± {})", f.proxy, f.latency, f.jitter),
        FaultSpec::ProxyDown(f) => format!("{kind} {}", f.proxy),
        FaultSpec::ProxyTimeout(f) => format!("{kind} {}", f.proxy),
        FaultSpec::CommandFault(_) => {
            let touched: Vec<String> = spec.touches().iter().map(ToString::to_string).collect();
            touched.join(", ")
        }
    }
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
            lost: load.missing.first().map(|m| format!("from {} on: {}", m.from, m.why)),
        }
    });
    load.chain(probes).collect()
}

fn latency(timeline: &Timeline) -> LatencyTable {
    let mut rows = Vec::new();
    for range in timeline.spans() {
        let span = match range.span {
            Span::Phase(phase) => phase.as_str().to_owned(),
            Span::Fault(n) => timeline.faults[n].name.to_string(),
            Span::Total => "total".to_owned(),
        };
        let to = range.to.unwrap_or(timeline.now());
        for (stream, load) in &timeline.loads {
            let seconds = match range.span {
                Span::Total => load.end().since(load.begin().unwrap_or(load.end())).seconds(),
                _ => load.cells(range.from, to).len() as f64 * crate::timeline::load::WINDOW.seconds(),
            };
            let by_name = load.sums(range.span);
            if by_name.is_empty() {
                continue;
            }
            let row = |request: Option<&str>, sums: &Sums| LatencyRow {
                span: span.clone(),
                stream: stream.clone(),
                request: request.map(str::to_owned),
                latency: span_latency(sums, seconds),
                ok_histogram: sums.ok.encode(),
                err_histogram: sums.err.encode(),
            };
            rows.push(row(None, &load.sum(range.span)));
            rows.extend(by_name.into_iter().map(|(name, sums)| row(Some(name), sums)));
        }
    }
    LatencyTable { rows }
}

/// Cut to what was measured, so that a result read back from its text is the same.
fn rounded(value: f64, per_unit: f64) -> f64 {
    (value * per_unit).round() / per_unit
}

fn counted(counts: &Counts, seconds: f64) -> Latency {
    Latency {
        ok: counts.ok,
        err: counts.err,
        dropped: counts.dropped,
        not_sent: counts.not_sent,
        pending: counts.pending,
        rate: if seconds > 0.0 { rounded(counts.ok as f64 / seconds, 1e3) } else { 0.0 },
        error_rate: rounded(counts.error_rate(), 1e9),
        ..Latency::default()
    }
}

/// The rank of a quantile among all, failures the slowest; none: failures reach into it.
fn quantile(ok: &Hist, failed: u64, q: f64) -> Option<u64> {
    let total = ok.total() + failed;
    let rank = (q * total as f64 - 1e-6).ceil().max(1.0) as u64;
    (total > 0).then(|| ok.at_rank(rank)).flatten()
}

fn span_latency(sums: &Sums, seconds: f64) -> Latency {
    let failed = sums.counts.bad() + sums.counts.pending;
    let enough = |q: f64| sums.ok.total() + failed >= needed(q);
    let at = |q: f64| enough(q).then(|| quantile(&sums.ok, failed, q)).flatten();
    Latency {
        p50_us: at(0.5),
        p95_us: at(0.95),
        p99_us: at(0.99),
        mean_us: sums.ok.mean(),
        max_us: sums.ok.max(),
        ..counted(&sums.counts, seconds)
    }
}

/// One row a second, from the first request on.
fn windows(load: &LoadTrack) -> Vec<Window> {
    let Some(begin) = load.begin() else { return Vec::new() };
    let first = begin.nanos().div_euclid(SECOND.nanos());
    let last = (load.end().nanos() - 1).div_euclid(SECOND.nanos());
    let row = |n: i64| {
        let from = Offset(n * SECOND.nanos());
        let to = from + SECOND;
        let counts = load.counts(from, to);
        let mut ok = Hist::default();
        if let Some(second) = usize::try_from(n).ok().and_then(|n| load.second(n)) {
            ok.merge_sparse(second);
        }
        let failed = counts.bad() + counts.pending;
        let seen = from.max(begin);
        let untold = load.cells(seen, to.min(load.end())).iter().any(|cell| !cell.told);
        Window {
            from,
            latency: Latency {
                p50_us: quantile(&ok, failed, 0.5),
                p95_us: quantile(&ok, failed, 0.95),
                p99_us: quantile(&ok, failed, 0.99),
                mean_us: ok.mean(),
                max_us: ok.max(),
                ..counted(&counts, to.min(load.end()).since(seen).seconds())
            },
            blind: untold || counts.not_sent > 0 || load.missing_between(from, to).is_some(),
        }
    };
    (first..=last).map(row).collect()
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
