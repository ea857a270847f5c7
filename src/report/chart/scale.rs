//! Axes: from values to places, and the round numbers that are labelled.

use crate::model::Offset;

/// The stretch of the run that the charts show.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Time {
    pub from: f64,
    pub to: f64,
}

/// A labelled place on an axis; percent of the width, or tenths of a pixel from the top.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Tick {
    pub place: f64,
    pub label: String,
}

impl Time {
    /// The place of an offset in percent of the width, kept within the chart.
    pub(crate) fn place(&self, at: Offset) -> f64 {
        self.percent(at.seconds())
    }

    fn percent(&self, seconds: f64) -> f64 {
        ((seconds - self.from) / (self.to - self.from) * 100.0).clamp(0.0, 100.0)
    }

    /// About five labelled times, as minutes and seconds since the start of the run.
    pub(crate) fn ticks(&self) -> Vec<Tick> {
        const STEPS: [f64; 16] =
            [1.0, 2.0, 5.0, 10.0, 15.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1800.0, 3600.0, 7200.0, 14400.0];
        let length = self.to - self.from;
        let step = STEPS.into_iter().find(|step| length / step <= 6.0).unwrap_or(length / 5.0);
        let first = (self.from / step).ceil() as i64;
        let last = (self.to / step).floor() as i64;
        (first..=last).map(|n| n as f64 * step).map(|at| Tick { place: self.percent(at), label: clock(at) }).collect()
    }
}

/// `0:25`, `12:03`, `1:02:03`.
fn clock(seconds: f64) -> String {
    let sign = if seconds < 0.0 { "−" } else { "" };
    let whole = seconds.abs().round() as u64;
    let (h, m, s) = (whole / 3600, whole / 60 % 60, whole % 60);
    if h > 0 { format!("{sign}{h}:{m:02}:{s:02}") } else { format!("{sign}{m}:{s:02}") }
}

/// A vertical axis: linear from zero, or logarithmic.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Values {
    low: f64,
    high: f64,
    pub log: bool,
}

impl Values {
    /// A linear axis from zero that holds `values`.
    pub(crate) fn linear(values: impl Iterator<Item = f64>) -> Values {
        // A tenth of room above, so that the highest line does not hide behind the edge.
        let high = values.fold(0.0, f64::max).max(1.0) * 1.1;
        Values { low: 0.0, high: round_up(high, &[1.0, 1.2, 1.6, 2.0, 3.0, 4.0, 6.0, 8.0, 10.0]), log: false }
    }

    /// Logarithmic where the values span a decade or more, as latency does in a fault; linear otherwise.
    pub(crate) fn fitting(values: impl Iterator<Item = f64> + Clone) -> Values {
        let low = values.clone().filter(|v| *v > 0.0).fold(f64::INFINITY, f64::min);
        let high = values.clone().fold(0.0, f64::max);
        if low * 10.0 > high {
            return Values::linear(values);
        }
        Values { low: round_down(low), high: round_up(high, &[1.0, 2.0, 5.0, 10.0]), log: true }
    }

    /// The place of a value as a share of the height, from the top.
    pub(crate) fn place(&self, value: f64) -> f64 {
        let share = if self.log {
            (value.max(self.low) / self.low).ln() / (self.high / self.low).ln()
        } else {
            (value - self.low) / (self.high - self.low)
        };
        (1.0 - share).clamp(0.0, 1.0)
    }

    /// The values that are labelled: powers of ten, or zero, the half and the whole.
    pub(crate) fn labelled(&self) -> Vec<f64> {
        if !self.log {
            return vec![self.low, (self.low + self.high) / 2.0, self.high];
        }
        let decades: Vec<f64> =
            (-3..10).map(|n| 10f64.powi(n)).filter(|v| (self.low..=self.high).contains(v)).collect();
        // The end says how far the axis goes, unless a label stands close by.
        let apart = |v: &f64| decades.iter().all(|d| (self.place(*d) - self.place(*v)).abs() > 0.2);
        let end = Some(self.high).filter(apart);
        decades.iter().copied().chain(end).collect()
    }
}

/// The next larger of `steps` times a power of ten.
fn round_up(value: f64, steps: &[f64]) -> f64 {
    let power = 10f64.powf(value.log10().floor());
    steps.iter().map(|step| step * power).find(|v| *v >= value * 0.999_999).unwrap_or(value)
}

/// The next smaller of 1, 2, 5 times a power of ten.
fn round_down(value: f64) -> f64 {
    let power = 10f64.powf(value.log10().floor());
    [5.0, 2.0, 1.0].into_iter().map(|m| m * power).find(|v| *v <= value * 1.000_001).unwrap_or(power)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn round_numbers_enclose_the_values() {
        let axis = Values::fitting([1_020.0, 322_900.0].into_iter());
        assert_eq!((axis.low, axis.high, axis.log), (1_000.0, 500_000.0, true));
        assert_eq!(axis.labelled(), [1_000.0, 10_000.0, 100_000.0, 500_000.0]);
        assert!(!Values::fitting([3.0, 20.0].into_iter()).log);
        assert_eq!(Values::linear([512.0].into_iter()).labelled(), [0.0, 300.0, 600.0]);
        assert_eq!(Values::linear(std::iter::empty()).labelled(), [0.0, 0.6, 1.2]);
    }

    #[test]
    fn times_are_read_as_a_clock() {
        let ticks = |from, to| Time { from, to }.ticks().into_iter().map(|t| t.label).collect::<Vec<_>>();
        assert_eq!(ticks(0.0, 42.0), ["0:00", "0:10", "0:20", "0:30", "0:40"]);
        assert_eq!(ticks(0.8, 3_600.0), ["10:00", "20:00", "30:00", "40:00", "50:00", "1:00:00"]);
    }

    proptest! {
        #[test]
        fn larger_values_stand_higher(a in 1f64..1e9, b in 1f64..1e9, more in prop::collection::vec(1f64..1e9, 0..5)) {
            let all = || [a, b].into_iter().chain(more.clone());
            for axis in [Values::linear(all()), Values::fitting(all())] {
                prop_assert!((0.0..=1.0).contains(&axis.place(a)));
                prop_assert!(a > b || axis.place(a) >= axis.place(b));
                prop_assert!(axis.labelled().len() >= 2 && axis.labelled().len() <= 11);
            }
        }

        #[test]
        fn a_time_axis_has_a_few_ticks(from in 0f64..1e5, length in 1f64..2e5) {
            let ticks = Time { from, to: from + length }.ticks();
            prop_assert!(ticks.len() <= 7);
            prop_assert!(ticks.iter().all(|t| (0.0..=100.0).contains(&t.place)));
        }
    }
}
