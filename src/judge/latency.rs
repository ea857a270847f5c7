//! Counts and quantiles by span, stream and request name, and by second.

use crate::model::{Delta, Offset};
use crate::result::latency::{LatencyRow, LatencyTable, SpanKind};
use crate::result::{Latency, Window};
use crate::timeline::Timeline;
use crate::timeline::latency::Hist;
use crate::timeline::load::{Counts, LoadTrack, Span, SpanRange, Sums, WINDOW};
use crate::timeline::sample::needed;

const SECOND: Delta = Delta::from_millis(1_000);

/// One row for each span, stream and request name, and one for all names of a stream.
pub(super) fn table(timeline: &Timeline) -> LatencyTable {
    let mut rows = Vec::new();
    for range in timeline.spans() {
        let (span, kind) = match range.span {
            Span::Phase(phase) => (phase.as_str().to_owned(), SpanKind::Phase),
            Span::Fault(n) => (timeline.faults[n].name.to_string(), SpanKind::Fault),
            Span::Total => ("total".to_owned(), SpanKind::Total),
            Span::Stage(_) | Span::Step(_) => continue,
        };
        for (stream, load) in &timeline.loads {
            rows.extend(of_stream(&span, kind, stream, load, &range, timeline.now()));
        }
    }
    for (stream, load) in &timeline.loads {
        for (stage, range) in load.own_spans() {
            rows.extend(of_stream(stage, SpanKind::Stage, stream, load, &range, timeline.now()));
        }
    }
    LatencyTable { rows }
}

fn of_stream(
    span: &str,
    kind: SpanKind,
    stream: &crate::model::Name,
    load: &LoadTrack,
    range: &SpanRange,
    now: Offset,
) -> Vec<LatencyRow> {
    let by_name = load.sums(range.span);
    if by_name.is_empty() {
        return Vec::new();
    }
    let row = |request: Option<&str>, sums: &Sums| LatencyRow {
        span: span.to_owned(),
        kind,
        stream: stream.clone(),
        request: request.map(str::to_owned),
        latency: span_latency(load, range, sums, now),
        ok_histogram: sums.ok.encode(),
        err_histogram: sums.err.encode(),
    };
    let mut rows = vec![row(None, &load.sum(range.span, None))];
    rows.extend(by_name.into_iter().map(|(name, sums)| row(Some(name), sums)));
    rows
}

/// Counts and quantiles of a span of a stream, of one request name or of all.
pub(super) fn of_span(load: &LoadTrack, range: &SpanRange, request: Option<u16>, now: Offset) -> Latency {
    span_latency(load, range, &load.so_far(range, request), now)
}

/// Cut to what was measured, so that a result read back from its text is the same.
pub(super) fn rounded(value: f64, per_unit: f64) -> f64 {
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

fn span_latency(load: &LoadTrack, range: &SpanRange, sums: &Sums, now: Offset) -> Latency {
    let failed = sums.counts.bad() + sums.counts.pending;
    let at = |hist: &Hist, failed: u64, q: f64| {
        let enough = hist.total() + failed >= needed(q);
        enough.then(|| quantile(hist, failed, q)).flatten()
    };
    Latency {
        p50_us: at(&sums.ok, failed, 0.5),
        p95_us: at(&sums.ok, failed, 0.95),
        p99_us: at(&sums.ok, failed, 0.99),
        mean_us: sums.ok.mean(),
        max_us: sums.ok.max(),
        censored: load.censored(range, sums),
        late: sums.late,
        service_p50_us: at(&sums.service, 0, 0.5),
        service_p95_us: at(&sums.service, 0, 0.95),
        service_p99_us: at(&sums.service, 0, 0.99),
        ..counted(&sums.counts, load.length(range, now).seconds())
    }
}

/// One row a second, from the first request on. Rows older than an hour, when the run ended, show the latencies of the
/// minute around them.
pub(super) fn windows(load: &LoadTrack) -> Vec<Window> {
    let Some(begin) = load.begin() else { return Vec::new() };
    let first = begin.nanos().div_euclid(SECOND.nanos());
    let last = (load.end().nanos() - 1).div_euclid(SECOND.nanos());
    // Asked for at once: what is more than an hour old has to be unpacked.
    let cells = load.cells(Offset::ZERO, load.end());
    let windows = |from: Offset, to: Offset| {
        let place = |at: Offset| usize::try_from(at.nanos() / WINDOW.nanos()).unwrap_or(0).min(cells.len());
        &cells[place(from)..place(to)]
    };
    let row = |n: i64| {
        let from = Offset(n * SECOND.nanos());
        let to = from + SECOND;
        let counts = Counts::of(windows(from, to));
        let mut ok = Hist::default();
        let mut failed = counts.bad() + counts.pending;
        if let Some((hist, kept)) = usize::try_from(n).ok().and_then(|n| load.second(n)) {
            ok.merge_sparse(&hist);
            if kept.len() > 1 {
                // More than an hour ago: latencies are those of a minute, and so must be the failures among them.
                let at = |n: usize| Offset(n as i64 * SECOND.nanos());
                let all = Counts::of(windows(at(kept.start), at(kept.end)));
                failed = all.bad() + all.pending;
            }
        }
        let seen = from.max(begin);
        let untold = windows(seen, to).iter().any(|cell| !cell.told);
        let seconds = to.min(load.end()).since(seen).seconds();
        Window {
            from,
            latency: Latency {
                p50_us: quantile(&ok, failed, 0.5),
                p95_us: quantile(&ok, failed, 0.95),
                p99_us: quantile(&ok, failed, 0.99),
                mean_us: ok.mean(),
                max_us: ok.max(),
                ..counted(&counts, seconds)
            },
            asked: (seconds > 0.0).then(|| rounded(counts.intended as f64 / seconds, 1e3)),
            blind: untold || counts.not_sent > 0 || load.missing_between(from, to).is_some(),
        }
    };
    (first..=last).map(row).collect()
}
