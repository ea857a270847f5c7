//! One panel of a chart: lines in a box, as an SVG path in units of buckets and tenths of a pixel.

use std::fmt::Write as _;

use crate::report::words;
use crate::result::{StreamInfo, StreamKind};

use super::buckets::{Buckets, Point, runs};
use super::scale::{Tick, Values};

/// The height of a panel in pixels.
pub(crate) const HEIGHT: f64 = 150.0;

/// A line, or the area under one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Path {
    pub class: &'static str,
    pub d: String,
}

/// A stretch of time, in percent of the width.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Stretch {
    pub class: &'static str,
    pub left: f64,
    pub width: f64,
}

/// One panel.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Panel {
    pub title: &'static str,
    /// What it shows, for those who cannot see it.
    pub described: String,
    /// Width of the path's coordinates.
    pub units: usize,
    /// Labelled values, in pixels from the top.
    pub grid: Vec<Tick>,
    pub paths: Vec<Path>,
    /// Blind stretches.
    pub blind: Vec<Stretch>,
    /// Stretches where failures reach into a quantile.
    pub beyond: Vec<Stretch>,
}

/// Successes and failures per second.
pub(crate) fn rates(stream: &StreamInfo, points: &[Option<Point>], buckets: &Buckets) -> Panel {
    let seen = || points.iter().flatten();
    // A rate that never changes is one line; a ramp is drawn as it was asked, second by second.
    let ramp = stream.asked_rate.is_none() && stream.kind == StreamKind::Open;
    let asked_at = |p: &Point| p.asked.filter(|_| ramp);
    let all = seen().flat_map(|p| [p.rate, p.failed, asked_at(p)]).flatten().chain(stream.asked_rate);
    let axis = Values::linear(all);
    let mut paths = vec![
        Path { class: "area ok", d: area(points, &axis, |p| p.rate) },
        Path { class: "area failed", d: area(points, &axis, |p| p.failed.filter(|f| *f > 0.0)) },
        Path { class: "line ok", d: line(points, &axis, |p| p.rate) },
        Path { class: "line failed", d: line(points, &axis, |p| p.failed.filter(|f| *f > 0.0)) },
    ];
    paths.push(Path { class: "line asked", d: line(points, &axis, asked_at) });
    if let Some(asked) = stream.asked_rate {
        paths.push(Path { class: "line asked", d: format!("M0 {0}H{1}", tenths(&axis, asked), points.len()) });
    }
    paths.retain(|path| !path.d.is_empty());
    let most = |of: fn(&Point) -> Option<f64>| seen().filter_map(of).fold(0.0, f64::max);
    let described = format!(
        "{}: successes per second, at most {}, and failures per second, at most {}",
        stream.name,
        words::rate(most(|p| p.rate)),
        words::rate(most(|p| p.failed))
    );
    let grid = grid(&axis, |rate| words::rate(rate).replace(".0/s", "/s"));
    Panel { paths, grid, beyond: vec![], ..panel("Requests per second", described, points, buckets) }
}

/// The three quantiles.
pub(crate) fn latencies(stream: &StreamInfo, points: &[Option<Point>], buckets: &Buckets) -> Panel {
    let values = points.iter().flatten().flat_map(|p| p.quantiles).flatten();
    let axis = Values::fitting(values.clone());
    let paths = [("line p99", 2), ("line p95", 1), ("line p50", 0)]
        .map(|(class, q)| Path { class, d: line(points, &axis, move |p| p.quantiles[q]) })
        .into_iter()
        .filter(|path| !path.d.is_empty())
        .collect();
    let beyond = [(1, "some"), (2, "most"), (3, "all")]
        .into_iter()
        .flat_map(|(n, class)| stretches(runs(points, move |p| p.beyond == n), class, buckets))
        .collect();
    let highest = values.fold(0.0, f64::max) as u64;
    let scale = if axis.log { "logarithmic" } else { "linear" };
    let described =
        format!("{}: p50, p95 and p99 of latency over time, {scale}, at most {}", stream.name, words::micros(highest));
    let title = if axis.log { "Latency, logarithmic" } else { "Latency" };
    let grid = grid(&axis, |us| words::micros(us as u64).replace(".00 ", " ").replace(".0 ", " "));
    Panel { paths, grid, beyond, ..panel(title, described, points, buckets) }
}

fn panel(title: &'static str, described: String, points: &[Option<Point>], buckets: &Buckets) -> Panel {
    let blind = stretches(runs(points, |p| p.blind), "blind", buckets);
    Panel { title, described, units: points.len(), grid: vec![], paths: vec![], blind, beyond: vec![] }
}

fn stretches(runs: Vec<(usize, usize)>, class: &'static str, buckets: &Buckets) -> Vec<Stretch> {
    let percent = |n: usize| n as f64 * 100.0 / buckets.count as f64;
    runs.into_iter().map(|(a, b)| Stretch { class, left: percent(a), width: percent(b - a) }).collect()
}

fn grid(axis: &Values, label: impl Fn(f64) -> String) -> Vec<Tick> {
    axis.labelled().into_iter().map(|v| Tick { place: axis.place(v) * HEIGHT, label: label(v) }).collect()
}

fn tenths(axis: &Values, value: f64) -> i64 {
    (axis.place(value) * HEIGHT * 10.0).round() as i64
}

/// Steps, as wide as the bucket: a single good second among bad ones stays visible, and edges stand where they belong.
fn line(points: &[Option<Point>], axis: &Values, value: impl Fn(&Point) -> Option<f64>) -> String {
    let mut d = String::new();
    let mut pen: Option<i64> = None;
    for (i, point) in points.iter().enumerate() {
        let Some(v) = point.as_ref().and_then(&value) else {
            if pen.take().is_some() {
                let _ = write!(d, "H{i}");
            }
            continue;
        };
        let y = tenths(axis, v);
        match pen {
            None => _ = write!(d, "M{i} {y}"),
            Some(before) if before == y => {}
            Some(_) => _ = write!(d, "H{i}V{y}"),
        }
        pen = Some(y);
    }
    if pen.is_some() {
        let _ = write!(d, "H{}", points.len());
    }
    d
}

/// The area between the line and the bottom.
fn area(points: &[Option<Point>], axis: &Values, value: impl Fn(&Point) -> Option<f64>) -> String {
    let floor = (HEIGHT * 10.0) as i64;
    let mut d = String::new();
    let mut pen: Option<i64> = None;
    for (i, point) in points.iter().map(Some).chain([None]).enumerate() {
        let y = point.and_then(Option::as_ref).and_then(&value).map(|v| tenths(axis, v));
        match (pen, y) {
            (None, Some(y)) => _ = write!(d, "M{i} {floor}V{y}"),
            (Some(_), None) => _ = write!(d, "H{i}V{floor}Z"),
            (Some(before), Some(y)) if before != y => _ = write!(d, "H{i}V{y}"),
            _ => {}
        }
        pen = y;
    }
    d
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(rate: f64) -> Option<Point> {
        Some(Point { rate: Some(rate), ..Point::default() })
    }

    #[test]
    fn lines_step_at_the_edges_of_buckets_and_break_at_gaps() {
        let axis = Values::linear([10.0].into_iter());
        let points = [at(10.0), at(10.0), at(5.0), None, at(0.0), None];
        assert_eq!(line(&points, &axis, |p| p.rate), "M0 250H2V875H3M4 1500H5");
        assert_eq!(area(&points, &axis, |p| p.rate), "M0 1500V250H2V875H3V1500ZM4 1500V1500H5V1500Z");
        assert_eq!(line(&points[3..4], &axis, |p| p.rate), "");
        assert_eq!(line(&points[..2], &axis, |p| p.rate), "M0 250H2");
    }
}
