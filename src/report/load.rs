//! The tables of a load: stages, searches, service time, the error budget.

use crate::result::latency::LatencyRow;
use crate::result::{BudgetInfo, Latency, RunResult, Search, SpanKind, StreamInfo, StreamKind};

use super::table::{Cell, Table, Tone};
use super::tables::{quantiles, stream_name};
use super::words;

/// Latency by the stages of ramps; the rows of single request names only when `requests` is set.
pub(crate) fn stages(result: &RunResult, requests: bool) -> Table {
    let mut table = Table::new(
        "Latency by stage",
        &["stage", "stream", "-#from", "-#ok", "-#failed", "#rate", "#errors", "#p50", "#p95", "#p99"],
    );
    let stages = result.load.iter().flat_map(|load| &load.stages);
    let from = |row: &LatencyRow| stages.clone().find(|s| s.stream == row.stream && s.name == row.span).map(|s| s.from);
    let shown = |row: &&LatencyRow| row.kind == SpanKind::Stage && (requests || row.request.is_none());
    for row in result.latency.rows.iter().filter(shown) {
        let l = &row.latency;
        let [p50, p95, p99] = quantiles(l);
        table.row([
            row.span.as_str().into(),
            stream_name(result, row).into(),
            Cell::maybe(from(row).map(words::moment)),
            words::count(l.ok).into(),
            words::count(l.err + l.dropped).into(),
            words::rate(l.rate).into(),
            errors(l),
            p50,
            p95,
            p99,
        ]);
    }
    table
}

/// The share of failures.
pub(crate) fn errors(l: &Latency) -> Cell {
    let tone = if l.err + l.dropped > 0 { Tone::Breach } else { Tone::Plain };
    Cell::toned(words::percent(l.error_rate), tone)
}

/// The steps of a search for the highest rate.
pub(crate) fn search(search: &Search) -> Table {
    let title = format!("Search of {} for the highest rate with {}", search.stream, search.until.join(", "));
    let columns = &["#asked", "-#from", "-#sent", "outcome", "#errors", "-#p50", "#p95", "#p99", "measured"];
    let mut table = Table::new(title, columns);
    for step in &search.steps {
        let (word, tone) = match step.held {
            Some(true) if step.confirm => ("✓ confirmed", Tone::Pass),
            Some(true) => ("✓ held", Tone::Pass),
            Some(false) => ("✗ broke", Tone::Breach),
            None => ("? unclear", Tone::Inconclusive),
        };
        let us = |us: Option<u64>| Cell::maybe(us.map(words::micros));
        let failed = if step.error_rate > 0.0 { Tone::Breach } else { Tone::Plain };
        table.row([
            words::rate(f64::from(step.rate)).into(),
            words::moment(step.from).into(),
            words::rate(step.achieved).into(),
            Cell::toned(word, tone),
            Cell::toned(words::percent(step.error_rate), failed),
            us(step.p50_us),
            us(step.p95_us),
            us(step.p99_us),
            step.why.as_str().into(),
        ]);
    }
    table
}

/// What a search found, in a sentence.
pub(crate) fn found(search: &Search) -> (String, Tone) {
    let over = if search.over.is_empty() { String::new() } else { format!("; {}", search.over) };
    match (search.highest_held, search.confirmed) {
        (Some(rate), Some(true)) => {
            let l = search.latency.as_ref();
            let p99 = l.and_then(|l| l.p99_us.map(|us| ("p99", us)).or(l.p95_us.map(|us| ("p95", us))));
            let p99 = p99.map_or_else(String::new, |(q, us)| format!(" with a {q} of {}", words::micros(us)));
            let rate = words::rate(f64::from(rate));
            (format!("{} held{p99}, and held again when it was confirmed{over}", rate), Tone::Pass)
        }
        (Some(rate), confirmed) => {
            let again = if confirmed.is_some() { "and did not hold again" } else { "and was not confirmed" };
            (format!("{} held once, {again}{over}", words::rate(f64::from(rate))), Tone::Inconclusive)
        }
        (None, _) => (format!("no rate was seen to hold{over}"), Tone::Inconclusive),
    }
}

/// Whether a service time is so much shorter than the latency that the difference means something: a tenth and 1 ms.
fn differs(latency: Option<u64>, service: Option<u64>) -> bool {
    latency.zip(service).is_some_and(|(latency, service)| {
        let waited = latency.saturating_sub(service);
        waited > 1_000 && waited * 10 > latency
    })
}

/// Latency beside service time, where they differ: requests waited for a free sender, or our side was late.
pub(crate) fn service(result: &RunResult) -> Table {
    let mut table = Table::new(
        "Latency and service time, where requests waited to be sent",
        &["span", "stream", "#late starts", "#p50", "#service p50", "#p95", "#service p95", "#p99", "#service p99"],
    );
    let spans = |row: &&LatencyRow| result.load.is_none() || row.kind != SpanKind::Phase;
    for row in result.latency.rows.iter().filter(spans).filter(|row| row.request.is_none()) {
        let l = &row.latency;
        let pairs = [(l.p50_us, l.service_p50_us), (l.p95_us, l.service_p95_us), (l.p99_us, l.service_p99_us)];
        if !pairs.iter().any(|(latency, service)| differs(*latency, *service)) {
            continue;
        }
        let us = |us: Option<u64>| Cell::maybe(us.map(words::micros));
        let [p50, p95, p99] = quantiles(l);
        table.row([
            row.span.as_str().into(),
            row.stream.as_str().into(),
            words::count(l.late).into(),
            p50,
            us(l.service_p50_us),
            p95,
            us(l.service_p95_us),
            p99,
            us(l.service_p99_us),
        ]);
    }
    table
}

/// The error budget.
pub(crate) fn budget(budget: Option<&BudgetInfo>) -> Table {
    let columns = &["#level", "#period", "#requests in it", "#failures allowed", "#failures seen", "#used", "#burn"];
    let mut table = Table::new("Error budget", columns);
    if let Some(b) = budget {
        let allowed = b.expected_requests as f64 * (1.0 - b.slo);
        let over = |share: f64| if share >= 1.0 { Tone::Breach } else { Tone::Plain };
        let share = |share: Option<f64>| share.map(|s| Cell::toned(words::percent(s), over(s)));
        table.row([
            crate::model::Ratio(b.slo).to_string().into(),
            words::long(b.period).into(),
            words::count(b.expected_requests).into(),
            words::count(allowed.round() as u64).into(),
            format!("{} of {}", words::count(b.bad), words::count(b.seen)).into(),
            share(b.used).unwrap_or_else(Cell::missing),
            b.burn.map_or_else(Cell::missing, |burn| Cell::toned(format!("{burn:.2} ×"), over(burn))),
        ]);
    }
    table
}

/// The load streams of a load alone.
pub(crate) fn streams(streams: &[StreamInfo]) -> Table {
    let mut table = Table::new("Streams", &["stream", "model", "what", "#asked", "#sent", "remarks"]);
    for s in streams.iter().filter(|s| s.kind != StreamKind::Probe) {
        table.row([
            s.name.as_str().into(),
            words::model(s.kind).into(),
            s.what.as_str().into(),
            Cell::maybe(s.asked_rate.map(words::rate)),
            Cell::maybe(s.rate.map(words::rate)),
            s.lost.as_deref().map_or_else(|| "".into(), |why| Cell::toned(why, Tone::Inconclusive)),
        ]);
    }
    table
}
