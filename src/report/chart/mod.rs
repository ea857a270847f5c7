//! The geometry of the charts: pure numbers, which the templates draw as SVG and HTML.
//!
//! Places along time are percent of the width, so one drawing fits a phone, a desktop and paper without scaling its
//! text; see `docs/decisions/0012-charts.md`.

mod buckets;
mod panel;
mod scale;
mod timeline;

use crate::result::{RunResult, StreamInfo, StreamKind, Window};
use crate::scenario::phases::Phase;

use super::table::{Cell, Table, Tone};
use super::words;

use buckets::{Buckets, Point};
pub(crate) use panel::{HEIGHT, Panel};
use scale::Time;
pub(crate) use timeline::Timeline;

/// The charts of a run.
pub(crate) struct Charts {
    pub timeline: Timeline,
    pub streams: Vec<StreamChart>,
    /// Seconds that one point stands for.
    pub seconds: f64,
}

/// The chart of one stream.
pub(crate) struct StreamChart {
    pub name: String,
    pub model: &'static str,
    pub what: String,
    pub panels: [Panel; 2],
    /// The same numbers as a table, at a coarser step.
    pub numbers: Table,
}

/// The charts; none where there is nothing to draw.
pub(crate) fn charts(result: &RunResult) -> Option<Charts> {
    let time = time(result)?;
    let buckets = Buckets::over(time, None);
    let mut streams: Vec<&StreamInfo> = result.streams.iter().collect();
    // The open model first: it alone shows what an outage did to clients who do not wait.
    streams.sort_by_key(|s| match s.kind {
        StreamKind::Open => 0,
        StreamKind::Probe => 1,
        StreamKind::Closed => 2,
    });
    let streams = streams
        .into_iter()
        .filter_map(|stream| Some(chart(stream, result.windows.get(&stream.name)?, &buckets)))
        .collect();
    Some(Charts { timeline: timeline::timeline(result, &buckets.time), streams, seconds: buckets.seconds })
}

/// From the first to the last window; without windows, from the warm-up to the end of the last phase under load.
fn time(result: &RunResult) -> Option<Time> {
    let windows = || result.windows.values().flatten();
    let loaded = || result.phases.iter().filter(|p| !matches!(p.phase, Phase::Preflight | Phase::Verify));
    let from = windows().map(|w| w.from).chain(loaded().map(|p| p.from)).min()?.seconds().floor();
    let ends = windows().map(|w| w.from.seconds() + 1.0).chain(loaded().map(|p| p.to.seconds()));
    let to = ends.fold(from, f64::max);
    (to > from).then_some(Time { from, to })
}

fn chart(stream: &StreamInfo, windows: &[Window], buckets: &Buckets) -> StreamChart {
    let points = buckets.points(windows);
    StreamChart {
        name: stream.name.to_string(),
        model: words::model(stream.kind),
        what: stream.what.clone(),
        panels: [panel::rates(stream, &points, buckets), panel::latencies(stream, &points, buckets)],
        numbers: numbers(windows, &buckets.time),
    }
}

/// The numbers behind a chart: at most 60 rows.
fn numbers(windows: &[Window], time: &Time) -> Table {
    let coarse = Buckets::over(*time, Some(60.0));
    let title = format!("The worst second of every {} s", coarse.seconds);
    let mut table = Table::new(title, &["#from", "#ok", "#failed", "#p50", "#p95", "#p99", "blind"]);
    for (i, point) in coarse.points(windows).iter().enumerate() {
        let Some(point) = point else { continue };
        let [p50, p95, p99] = quantiles(point);
        table.row([
            words::moment(coarse.start(i)).into(),
            Cell::maybe(point.rate.map(words::rate)),
            Cell::maybe(point.failed.map(words::rate)),
            p50,
            p95,
            p99,
            if point.blind { Cell::toned("blind", Tone::Inconclusive) } else { Cell::default() },
        ]);
    }
    table
}

fn quantiles(point: &Point) -> [Cell; 3] {
    [0u8, 1, 2].map(|q| match point.quantiles[usize::from(q)] {
        // `beyond` counts from p99 down.
        _ if point.beyond > 2 - q => Cell::toned("failures", Tone::Breach),
        Some(us) => words::micros(us as u64).into(),
        None => Cell::missing(),
    })
}
