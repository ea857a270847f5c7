//! From two sides to an interval: the change, give or take Student's t times the bootstrap's standard error
//! (T. C. Hesterberg, What Teachers Should Know About the Bootstrap, The American Statistician, 2015).
//!
//! A percentile interval would be too narrow with few runs: with five a side it misses the truth about twice as often
//! as it says.

use super::side::Known;
use super::{CONFIDENCE, NoiseFrom};

/// How far apart two sides are.
#[derive(Debug, Clone, Copy)]
pub(super) struct Estimate {
    /// Run minus base, on the additive scale.
    pub change: f64,
    /// Its bounds.
    pub low: f64,
    pub high: f64,
    /// Standard error.
    error: f64,
    /// Degrees of freedom of the standard error; infinite where it is not from runs.
    freedom: f64,
    /// Standard deviation of one run, on the additive scale: the noise that was reckoned with.
    pub noise: f64,
    /// Where it comes from.
    pub from: NoiseFrom,
}

impl Estimate {
    /// `given`: what the caller knows of the noise between runs; `assumed`: what is taken for it where it can neither
    /// be seen nor was given.
    pub fn new(base: Known, run: Known, given: Option<f64>, assumed: f64) -> Estimate {
        let (noise, freedom, from) = noise(base, run, given, assumed);
        let (vb, vr) = noise;
        let error = (vb + vr).sqrt();
        let reach = distrs::StudentsT::ppf(1.0 - (1.0 - CONFIDENCE) / 2.0, freedom) * error;
        let change = run.value - base.value;
        let runs = |known: Known, variance: f64| variance * known.runs as f64;
        Estimate {
            change,
            low: change - reach,
            high: change + reach,
            error,
            freedom,
            noise: ((runs(base, vb) + runs(run, vr)) / 2.0).sqrt(),
            from,
        }
    }

    /// How likely a rise as large as this is where nothing changed; of a fall, with `sign` -1.
    pub fn chance(&self, sign: f64) -> f64 {
        if self.error == 0.0 {
            return if sign * self.change > 0.0 { 0.0 } else { 1.0 };
        }
        1.0 - distrs::StudentsT::cdf(sign * self.change / self.error, self.freedom)
    }
}

/// The variances of both sides, the degrees of freedom, and where the noise between runs comes from.
fn noise(base: Known, run: Known, given: Option<f64>, assumed: f64) -> ((f64, f64), f64, NoiseFrom) {
    // What was given is a floor: less noise than the caller knows of is luck.
    let floor = |known: Known| known.within + given.map_or(0.0, |noise| noise * noise / known.runs as f64);
    let one = |known: Known, per_run: f64| (per_run / known.runs as f64).max(floor(known));
    match (base.between, run.between) {
        (Some(b), Some(r)) => {
            let (b, r) = (b.max(floor(base)), r.max(floor(run)));
            ((b, r), welch(b, base.runs, r, run.runs), NoiseFrom::Both)
        }
        // One run has no noise to see: it is taken to be as noisy as each run of the other side.
        (Some(b), None) => {
            let b = b.max(floor(base));
            ((b, one(run, b * base.runs as f64)), base.runs as f64 - 1.0, NoiseFrom::Base)
        }
        (None, Some(r)) => {
            let r = r.max(floor(run));
            ((one(base, r * run.runs as f64), r), run.runs as f64 - 1.0, NoiseFrom::Run)
        }
        (None, None) => {
            let noise = given.unwrap_or(assumed);
            let from = match given {
                Some(_) => NoiseFrom::Given,
                None if noise > 0.0 => NoiseFrom::Assumed,
                None => NoiseFrom::Requests,
            };
            ((base.within + noise * noise, run.within + noise * noise), f64::INFINITY, from)
        }
    }
}

/// Degrees of freedom of a difference whose sides differ in noise (B. L. Welch, Biometrika, 1947).
fn welch(vb: f64, nb: usize, vr: f64, nr: usize) -> f64 {
    let (least, most) = ((nb.min(nr) - 1) as f64, (nb + nr - 2) as f64);
    let parts = vb * vb / (nb as f64 - 1.0) + vr * vr / (nr as f64 - 1.0);
    if parts > 0.0 { ((vb + vr).powi(2) / parts).clamp(least, most) } else { least }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(value: f64, runs: usize, between: Option<f64>) -> Known {
        Known { value, runs, between, within: 1e-6 }
    }

    #[test]
    fn equal_sides_are_a_t_test_of_welch() {
        // Five runs a side with a standard deviation of 3 %: t(8, 97.5 %) = 2.306, standard error 0.03 * sqrt(2 / 5).
        let side = |value| known(value, 5, Some(0.0009 / 5.0));
        let e = Estimate::new(side(0.0), side(0.1), None, 0.1);
        assert!((e.high - e.change - 2.306 * 0.03 * (2.0f64 / 5.0).sqrt()).abs() < 1e-4, "{e:?}");
        assert!((e.noise - 0.03).abs() < 1e-9 && e.from == NoiseFrom::Both);
        assert!((welch(1.0, 3, 1e-12, 9) - 2.0).abs() < 1e-6, "one noisy side alone counts");
    }

    #[test]
    fn one_run_borrows_the_noise_of_the_other_side() {
        let e = Estimate::new(known(0.0, 5, Some(0.0009 / 5.0)), known(0.1, 1, None), None, 0.1);
        assert!((e.high - e.change - 2.776 * 0.03 * (1.0f64 + 0.2).sqrt()).abs() < 1e-4, "{e:?}");
        assert_eq!(e.from, NoiseFrom::Base);
    }

    #[test]
    fn one_run_a_side_takes_what_is_given_or_assumed() {
        let one = |value| known(value, 1, None);
        let assumed = Estimate::new(one(0.0), one(0.1), None, 0.1);
        assert!((assumed.high - assumed.change - 1.96 * 0.1 * 2.0f64.sqrt()).abs() < 1e-3, "{assumed:?}");
        let given = Estimate::new(one(0.0), one(0.1), Some(0.02), 0.1);
        assert!(given.high < assumed.high && given.from == NoiseFrom::Given);
        let floor = Estimate::new(known(0.0, 5, Some(1e-9)), known(0.1, 5, Some(1e-9)), Some(0.02), 0.1);
        assert!(floor.noise >= 0.02, "luck is not believed: {floor:?}");
    }

    #[test]
    fn a_chance_is_small_for_a_large_change_and_a_half_for_none() {
        let side = |value| known(value, 5, Some(0.0009 / 5.0));
        let none = Estimate::new(side(0.0), side(0.0), None, 0.1);
        let large = Estimate::new(side(0.0), side(0.2), None, 0.1);
        assert!((none.chance(1.0) - 0.5).abs() < 1e-6);
        assert!(large.chance(1.0) < 1e-4 && large.chance(-1.0) > 0.999);
    }
}
