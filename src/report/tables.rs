//! The tables of a report, in words.

use crate::model::{Delta, Offset};
use crate::result::latency::LatencyRow;
use crate::result::verdict::Part;
use crate::result::{
    Bounds, FaultInfo, Latency, LedgerInfo, OutageInfo, Outcome, RunResult, SpanKind, StepInfo, StreamInfo,
};

use super::table::{Cell, Table, Tone};
use super::{load, words};

/// The objectives, each with what was asked, what was measured and why it came out so.
pub(crate) fn objectives(result: &RunResult) -> Table {
    let title = if result.load.is_some() { "Thresholds" } else { "Objectives" };
    let mut table = Table::new(title, &["outcome", "objective", "subject", "asked", "measured", "why"]);
    let mut parts: Vec<&Part> = result.verdict.parts.iter().collect();
    // The worst first: among thirty objectives, the one that was missed is the one to read.
    parts.sort_by_key(|part| std::cmp::Reverse(part.outcome));
    for part in parts {
        table.row([
            outcome(part.outcome),
            part.objective.as_str().into(),
            part.subject.as_str().into(),
            part.asked.as_str().into(),
            measured(part),
            part.why.as_str().into(),
        ]);
    }
    table
}

fn outcome(outcome: Outcome) -> Cell {
    Cell::toned(format!("{} {outcome}", words::sign(outcome)), outcome.into())
}

fn measured(part: &Part) -> Cell {
    if part.measured.is_empty() { Cell::toned("nothing", Tone::Faint) } else { Cell::new(part.measured.as_str()) }
}

/// Latency by span and stream; the rows of single request names only when `requests` is set. A load alone has one span
/// beside its stages.
pub(crate) fn latency(result: &RunResult, requests: bool) -> Table {
    let load = result.load.is_some();
    let title = if load { "Latency" } else { "Latency by phase and fault" };
    let seen = |l: &Latency| l.ok + l.err + l.dropped + l.not_sent + l.pending > 0;
    let spans = |row: &LatencyRow| row.kind != SpanKind::Stage && (!load || row.kind == SpanKind::Total);
    let shown = |row: &&LatencyRow| spans(row) && (requests || row.request.is_none()) && seen(&row.latency);
    let mut rows: Vec<&LatencyRow> = result.latency.rows.iter().filter(shown).collect();
    rows.sort_by_key(|row| place(result, &row.span));
    // Most spans end with a request or two under way, and most readers need not know.
    let censored = rows.iter().any(|row| row.latency.censored.is_some_and(|n| n > 0));
    let columns = ["span", "stream", "-#ok", "-#failed", "-#under way", "-#rate", "#errors", "#p50", "#p95", "#p99"];
    let columns: Vec<&'static str> = columns.into_iter().filter(|c| censored || *c != "-#under way").collect();
    let mut table = Table::new(title, &columns);
    for row in rows {
        let l = &row.latency;
        let under_way = censored.then(|| Cell::maybe(l.censored.map(words::count)));
        let first: [Cell; 4] = [
            row.span.as_str().into(),
            stream_name(result, row).into(),
            words::count(l.ok).into(),
            words::count(l.err + l.dropped).into(),
        ];
        let rest = [words::rate(l.rate).into(), load::errors(l)];
        table.rows.push(first.into_iter().chain(under_way).chain(rest).chain(quantiles(l)).collect());
    }
    table
}

/// Where a span stands: phases as they come, the faults after the phase that holds them, everything at the end.
fn place(result: &RunResult, span: &str) -> (usize, usize) {
    if let Some(n) = ["preflight", "warmup", "baseline", "fault"].iter().position(|phase| *phase == span) {
        return (n, 0);
    }
    if let Some(n) = result.faults.iter().position(|fault| fault.name.as_str() == span) {
        return (4, n);
    }
    let later = ["undo", "recovery", "after", "verify", "total"];
    (5 + later.iter().position(|phase| *phase == span).unwrap_or(later.len()), 0)
}

pub(crate) fn stream_name(result: &RunResult, row: &LatencyRow) -> String {
    let kind = result.streams.iter().find(|s| s.name == row.stream).map(|s| s.kind);
    let model = kind.map_or_else(String::new, |kind| format!(" ({})", words::model(kind)));
    match &row.request {
        Some(request) => format!("{}{model}: {request}", row.stream),
        None => format!("{}{model}", row.stream),
    }
}

/// The three quantiles as cells. A missing one says why: failures rank slowest and reach into it, or samples are few.
pub(crate) fn quantiles(l: &Latency) -> [Cell; 3] {
    [(0.5, l.p50_us), (0.95, l.p95_us), (0.99, l.p99_us)].map(|(q, value)| match value {
        Some(us) => words::micros(us).into(),
        None => {
            let (n, bad) = (l.ok + l.err + l.dropped, l.err + l.dropped);
            // A quantile q of n samples needs n >= 10 / (1 - q), and is a failure once failures are more than 1 - q of
            // them.
            if n == 0 || (n as f64) < 10.0 / (1.0 - q) - 1e-6 {
                Cell::toned(if n == 0 { "–" } else { "too few" }, Tone::Faint)
            } else if bad as f64 >= (1.0 - q) * n as f64 {
                Cell::toned("failures", Tone::Breach)
            } else {
                Cell::missing()
            }
        }
    })
}

/// The faults with their marks.
pub(crate) fn faults(result: &RunResult) -> Table {
    let mut table = Table::new(
        "Faults",
        &["fault", "what", "impact", "#armed", "#act", "#in effect", "#lost", "#undone", "#touched", "remarks"],
    );
    for f in &result.faults {
        let lost_tone = if f.t_lost.is_some() { Tone::Inconclusive } else { Tone::Faint };
        table.row([
            f.name.as_str().into(),
            aimed(f).into(),
            words::impact(f.impact).into(),
            at(f.t_arm),
            at(f.t_act),
            at(f.t_inject),
            Cell { tone: lost_tone, ..at(f.t_lost) },
            at(f.t_undo),
            Cell::maybe(f.touched.map(words::count)),
            if f.problems.is_empty() { "".into() } else { Cell::toned(f.problems.join("; "), Tone::Inconclusive) },
        ]);
    }
    table
}

fn aimed(f: &FaultInfo) -> String {
    if f.targets.is_empty() { f.what.clone() } else { format!("{} → {}", f.what, f.targets.join(", ")) }
}

fn at(offset: Option<Offset>) -> Cell {
    Cell::maybe(offset.map(words::mark))
}

/// The outages as clients saw them.
pub(crate) fn outages(result: &RunResult) -> Table {
    let mut table = Table::new(
        "Outages",
        &["fault", "#impact", "#RTA", "#from act", "#after undo", "#bad time", "#blind", "recovered by"],
    );
    for o in &result.outages {
        table.row([
            o.fault.as_str().into(),
            words::mark(o.impact.value).into(),
            rta(o),
            Cell::maybe(o.rta_from_act.as_ref().map(Bounds::<Delta>::display)),
            Cell::maybe(o.rta_after_undo.as_ref().map(Bounds::<Delta>::display)),
            bad_time(o).into(),
            if o.blind_time == Delta::ZERO { Cell::missing() } else { o.blind_time.to_string().into() },
            recovered_by(o),
        ]);
    }
    table
}

fn rta(o: &OutageInfo) -> Cell {
    Cell::toned(o.rta.display(), if o.recovery.is_none() { Tone::Breach } else { Tone::Plain })
}

fn bad_time(o: &OutageInfo) -> String {
    match o.stretches {
        0 | 1 => o.bad_time.to_string(),
        n => format!("{} in {n} stretches", o.bad_time),
    }
}

fn recovered_by(o: &OutageInfo) -> Cell {
    let tone = if o.recovered_by.is_none() { Tone::Breach } else { Tone::Plain };
    Cell::toned(words::recovered_by(o.recovered_by), tone)
}

/// The playbook steps.
pub(crate) fn steps(steps: &[StepInfo]) -> Table {
    let mut table = Table::new("Playbook", &["step", "#began", "#took", "outcome", "answer"]);
    for s in steps {
        let (word, tone) = match s.ok {
            Some(true) => ("✓ done", Tone::Pass),
            Some(false) => ("✗ failed", Tone::Breach),
            None => ("– not begun", Tone::Faint),
        };
        let took = s.began.zip(s.ended).map(|(began, ended)| ended.since(began));
        table.row([
            s.name.as_str().into(),
            at(s.began),
            Cell::maybe(took),
            Cell::toned(word, tone),
            s.answer.as_str().into(),
        ]);
    }
    table
}

/// The load streams and probes.
pub(crate) fn streams(streams: &[StreamInfo]) -> Table {
    let mut table =
        Table::new("Streams", &["stream", "model", "what", "#asked", "#in the baseline", "recovery signal", "remarks"]);
    for s in streams {
        table.row([
            s.name.as_str().into(),
            words::model(s.kind).into(),
            s.what.as_str().into(),
            Cell::maybe(s.asked_rate.map(words::rate)),
            Cell::maybe(s.baseline_rate.map(words::rate)),
            if s.in_signal { "yes" } else { "no" }.into(),
            s.lost.as_deref().map_or_else(|| "".into(), |why| Cell::toned(why, Tone::Inconclusive)),
        ]);
    }
    table
}

/// The ledger's account in one sentence.
pub(crate) fn ledger_line(l: &LedgerInfo) -> (String, Tone) {
    let n = words::count;
    let fates = format!(
        "{} writes: {} acknowledged, {} refused, {} of unknown fate",
        n(l.sent),
        n(l.acked),
        n(l.refused),
        n(l.unknown)
    );
    let Some(lost) = l.lost else {
        let why = l.failed.as_deref().unwrap_or("it was not read");
        return (format!("{fates}; what survived is not known: {why}"), Tone::Inconclusive);
    };
    let foreign = [l.unexpected.unwrap_or(0), l.altered.unwrap_or(0)];
    let tone = if lost > 0 || foreign != [0, 0] { Tone::Breach } else { Tone::Pass };
    let late =
        l.late_losses.filter(|n| *n > 0).map_or_else(String::new, |late| format!(" ({} after the act)", n(late)));
    let text = format!(
        "{fates}; {} lost{late}, {} unexpected, {} altered, {} duplicated; read {} from {}",
        n(lost),
        n(foreign[0]),
        n(foreign[1]),
        n(l.duplicates.unwrap_or(0)),
        match l.reads {
            1 => "once".to_owned(),
            times => format!("{times} times"),
        },
        l.node,
    );
    (text, tone)
}

/// The ledger's account, number by number.
pub(crate) fn ledger(l: &LedgerInfo) -> Table {
    let mut table = Table::new("The ledger's account", &["fate", "#writes", "meaning"]);
    let bad = |n: Option<u64>| if n.unwrap_or(0) > 0 { Tone::Breach } else { Tone::Plain };
    let mut row = |fate: &str, n: Option<u64>, tone: Tone, meaning: String| {
        let number =
            n.map_or_else(|| Cell::toned("unknown", Tone::Inconclusive), |n| Cell::toned(words::count(n), tone));
        table.row([fate.into(), number, meaning.into()]);
    };
    let between = l.lost_between.map(|(a, b)| format!(", between {} and {}", words::moment(a), words::moment(b)));
    let late = l.late_losses.filter(|n| *n > 0).map(|n| format!("; {} of them after the act", words::count(n)));
    let lost =
        format!("acknowledged, and not there at the end{}{}", between.unwrap_or_default(), late.unwrap_or_default());
    row("sent", Some(l.sent), Tone::Plain, "journaled, then sent".into());
    row("acknowledged", Some(l.acked), Tone::Plain, "the service said that it is safe".into());
    row("refused", Some(l.refused), Tone::Plain, "the service said no".into());
    row("unknown", Some(l.unknown), Tone::Plain, "no answer: there or not, both are fine".into());
    row("not sent", Some(l.not_sent), Tone::Plain, "for reasons on our side".into());
    row("lost", l.lost, bad(l.lost), lost);
    row("survived", l.survived, Tone::Plain, "of unknown fate, and there".into());
    row("duplicated", l.duplicates, Tone::Plain, "there more than once".into());
    row("unexpected", l.unexpected, bad(l.unexpected), "there, and never sent".into());
    row("altered", l.altered, bad(l.altered), "there, with other content than was sent".into());
    table
}

/// Data loss as time, by reference fault.
pub(crate) fn rpa(l: &LedgerInfo) -> Table {
    let mut table = Table::new("Data loss as time", &["fault", "#RPA"]);
    for (fault, bounds) in &l.rpa {
        table.row([fault.as_str().into(), bounds.display().into()]);
    }
    table
}
