//! Fewer points than windows: each bucket shows its worst second, so that no short outage is averaged away.

use crate::model::Offset;
use crate::result::Window;

use super::scale::Time;

/// Most points that a line may have: about one for each pixel of a phone, one for two or three of a desktop.
const MOST: f64 = 500.0;

/// What a bucket holds; absent values are gaps in the line.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Point {
    /// Successes per second, the smallest.
    pub rate: Option<f64>,
    /// Failures per second, the largest.
    pub failed: Option<f64>,
    /// Requests that should have started, per second, the largest.
    pub asked: Option<f64>,
    /// p50, p95, p99 in microseconds, the largest.
    pub quantiles: [Option<f64>; 3],
    /// How many of the quantiles failures reach into, from p99 down.
    pub beyond: u8,
    /// Whether our side could not send or see in any of its seconds.
    pub blind: bool,
}

impl Point {
    fn add(&mut self, window: &Window) {
        if window.blind {
            // Its counts are parts of an unknown whole: a gap says so, a number would not.
            self.blind = true;
            return;
        }
        let l = &window.latency;
        self.asked = self.asked.into_iter().chain(window.asked).reduce(f64::max);
        let bad = l.err + l.dropped;
        self.rate = Some(self.rate.map_or(l.rate, |r| r.min(l.rate)));
        self.failed = Some(self.failed.unwrap_or(0.0).max(bad as f64));
        let mut beyond = 0;
        for (most, value) in self.quantiles.iter_mut().zip([l.p50_us, l.p95_us, l.p99_us]) {
            match value {
                Some(us) => *most = Some(most.unwrap_or(0.0).max(us as f64)),
                None => beyond += u8::from(bad > 0),
            }
        }
        self.beyond = self.beyond.max(beyond);
    }
}

/// How the windows of all streams are put together.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Buckets {
    pub time: Time,
    /// Seconds in a bucket.
    pub seconds: f64,
    pub count: usize,
}

impl Buckets {
    /// Buckets of a round number of seconds over `time`, which is widened to whole buckets.
    pub(crate) fn over(time: Time, most: Option<f64>) -> Buckets {
        const ROUND: [f64; 12] = [1.0, 2.0, 5.0, 10.0, 15.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0];
        let length = time.to - time.from;
        let most = most.unwrap_or(MOST);
        let seconds = ROUND.into_iter().find(|s| length / s <= most).unwrap_or((length / most).ceil());
        let count = (length / seconds).ceil().max(1.0);
        Buckets { time: Time { from: time.from, to: time.from + count * seconds }, seconds, count: count as usize }
    }

    /// The points of a stream; none where there was no window.
    pub(crate) fn points(&self, windows: &[Window]) -> Vec<Option<Point>> {
        let mut points = vec![None; self.count];
        for window in windows {
            let index = (window.from.seconds() - self.time.from) / self.seconds;
            // Rounded down with a little slack: a start of 29.999999999 s is meant to be 30 s.
            let index = (index + 1e-6).floor();
            if index >= 0.0 && (index as usize) < self.count {
                points[index as usize].get_or_insert_with(Point::default).add(window);
            }
        }
        points
    }

    /// The start of a bucket.
    pub(crate) fn start(&self, index: usize) -> Offset {
        Offset::from_millis(((self.time.from + index as f64 * self.seconds) * 1000.0).round() as i64)
    }
}

/// Runs of neighbours for which `what` holds, as (first, one after the last).
pub(crate) fn runs(points: &[Option<Point>], what: impl Fn(&Point) -> bool) -> Vec<(usize, usize)> {
    let mut runs: Vec<(usize, usize)> = Vec::new();
    for (i, _) in points.iter().enumerate().filter(|(_, p)| p.as_ref().is_some_and(&what)) {
        match runs.last_mut() {
            Some((_, end)) if *end == i => *end = i + 1,
            _ => runs.push((i, i + 1)),
        }
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::result::Latency;
    use proptest::prelude::*;

    fn window(second: i64, ok: u64, err: u64, p99: u64, blind: bool) -> Window {
        let quantile = (err == 0).then_some(p99);
        let latency = Latency {
            ok,
            err,
            rate: ok as f64,
            p50_us: quantile,
            p95_us: quantile,
            p99_us: quantile,
            ..Latency::default()
        };
        Window { from: Offset::from_millis(second * 1000), latency, asked: None, blind }
    }

    proptest! {
        #[test]
        fn no_second_is_lost_and_the_worst_is_shown(
            seconds in prop::collection::vec((0u64..1000, 0u64..3, 1u64..1_000_000, prop::bool::weighted(0.05)), 1..3000),
        ) {
            let windows: Vec<Window> =
                seconds.iter().zip(0..).map(|((ok, err, p99, blind), s)| window(s, *ok, *err, *p99, *blind)).collect();
            let buckets = Buckets::over(Time { from: 0.0, to: windows.len() as f64 }, None);
            prop_assert!(buckets.count as f64 <= MOST);
            let points: Vec<Point> = buckets.points(&windows).into_iter().map(|p| p.expect("no gap")).collect();
            let seen = windows.iter().filter(|w| !w.blind);
            let most = seen.clone().filter_map(|w| w.latency.p99_us).max().map(|us| us as f64);
            prop_assert_eq!(points.iter().filter_map(|p| p.quantiles[2]).reduce(f64::max), most);
            prop_assert_eq!(points.iter().filter_map(|p| p.rate).reduce(f64::min), seen.clone().map(|w| w.latency.rate).reduce(f64::min));
            prop_assert_eq!(points.iter().any(|p| p.beyond == 3), seen.clone().any(|w| w.latency.err > 0));
            prop_assert_eq!(points.iter().any(|p| p.blind), windows.iter().any(|w| w.blind));
        }
    }

    #[test]
    fn a_missing_window_is_a_gap_and_runs_end_at_it() {
        let windows = [window(10, 5, 0, 9, true), window(11, 5, 0, 9, true), window(13, 5, 0, 9, true)];
        let buckets = Buckets::over(Time { from: 10.0, to: 14.5 }, None);
        let points = buckets.points(&windows);
        assert_eq!(points.len(), 5);
        assert!(points[2].is_none() && points[4].is_none());
        assert_eq!(runs(&points, |p| p.blind), [(0, 2), (3, 4)]);
        assert_eq!(buckets.start(3), Offset::from_millis(13_000));
    }
}
