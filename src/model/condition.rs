//! Conditions as people write them: `error_rate < 1%`, `p95 < 200ms`, `checkout.ok`, `error_rate > 95% for 30s`.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{HumanDuration, Name, Ratio};

/// What a condition or an objective looks at.
#[derive(Debug, Clone, PartialEq)]
pub enum Metric {
    /// Share of observations that failed.
    ErrorRate,
    /// Share of observations that succeeded.
    Availability,
    /// A latency quantile, in (0, 1]: `p95` is 0.95, `p99.9` is 0.999.
    Quantile(f64),
    /// Mean latency.
    Mean,
    /// Largest latency.
    Max,
    /// Requests per second that were started.
    Rate,
    /// Requests that could not start because every sender waited for the target.
    Dropped,
    /// A probe or stream is good now.
    Ok,
}

/// How a measured value is compared with its bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// `<`
    Less,
    /// `<=`
    AtMost,
    /// `>`
    Greater,
    /// `>=`
    AtLeast,
}

/// The bound of a comparison, with its unit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Bound {
    /// A share.
    Ratio(Ratio),
    /// A duration.
    Duration(HumanDuration),
    /// A plain number: requests per second, or a count.
    Number(f64),
}

/// A comparison with its bound, without the metric: `< 200ms`, `>= 99%`. Used where the metric is the key.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Threshold {
    /// The direction.
    pub comparison: Comparison,
    /// The bound.
    pub bound: Bound,
}

/// A whole condition: `[stream.]metric comparison bound [for duration]`, or `stream.ok`.
#[derive(Debug, Clone, PartialEq)]
pub struct Condition {
    /// The probe or load stream that is meant; all load streams when absent.
    pub stream: Option<Name>,
    /// What is looked at.
    pub metric: Metric,
    /// What it is compared with; absent only for `stream.ok`.
    pub threshold: Option<Threshold>,
    /// How long it must hold before it counts; zero when not given.
    pub hold: HumanDuration,
}

/// Why a text is not a condition.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConditionError {
    /// The metric is unknown.
    #[error(
        "`{0}` is not a metric: use error_rate, availability, p50 … p99.9, mean, max, rate, dropped, or `<probe>.ok`"
    )]
    Metric(String),
    /// There is no `<`, `<=`, `>` or `>=`.
    #[error("`{0}` has no comparison: write it as in `error_rate < 1%`, or `<probe>.ok`")]
    NoComparison(String),
    /// The bound does not suit the metric.
    #[error("`{bound}` is not a bound for {metric}: {expected}")]
    Bound {
        /// The metric's name.
        metric: String,
        /// What was written.
        bound: String,
        /// What would fit.
        expected: &'static str,
    },
    /// The `for` part is not a duration.
    #[error("after `for`: {0}")]
    Hold(String),
}

impl Metric {
    fn parse(text: &str) -> Option<Metric> {
        Some(match text {
            "error_rate" => Metric::ErrorRate,
            "availability" => Metric::Availability,
            "mean" => Metric::Mean,
            "max" => Metric::Max,
            "rate" => Metric::Rate,
            "dropped" => Metric::Dropped,
            "ok" => Metric::Ok,
            other => {
                let percent: f64 = other.strip_prefix('p')?.parse().ok()?;
                (percent > 0.0 && percent <= 100.0).then(|| Metric::Quantile(percent / 100.0))?
            }
        })
    }

    /// Reads `text` as the bound that suits this metric.
    pub fn bound(&self, text: &str) -> Result<Bound, ConditionError> {
        let wrong = |expected| ConditionError::Bound { metric: self.to_string(), bound: text.into(), expected };
        match self {
            Metric::ErrorRate | Metric::Availability => {
                text.parse().map(Bound::Ratio).map_err(|_| wrong("write a percentage, such as `1%`"))
            }
            Metric::Quantile(_) | Metric::Mean | Metric::Max => {
                text.parse().map(Bound::Duration).map_err(|_| wrong("write a duration with its unit, such as `200ms`"))
            }
            Metric::Rate | Metric::Dropped => {
                text.trim_end_matches("/s").trim().parse().map(Bound::Number).map_err(|_| wrong("write a number"))
            }
            Metric::Ok => Err(wrong("`ok` takes no bound")),
        }
    }
}

impl FromStr for Metric {
    type Err = ConditionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Metric::parse(text.trim()).ok_or_else(|| ConditionError::Metric(text.trim().into()))
    }
}

impl Threshold {
    /// Whether `value` (a share, seconds, or a number, as the bound says) satisfies the threshold.
    pub fn holds(&self, value: f64) -> bool {
        let bound = match self.bound {
            Bound::Ratio(r) => r.0,
            Bound::Duration(d) => d.get().as_secs_f64(),
            Bound::Number(n) => n,
        };
        match self.comparison {
            Comparison::Less => value < bound,
            Comparison::AtMost => value <= bound,
            Comparison::Greater => value > bound,
            Comparison::AtLeast => value >= bound,
        }
    }

    /// Reads a threshold for `metric` from text such as `< 200ms`.
    pub fn parse(metric: &Metric, text: &str) -> Result<Threshold, ConditionError> {
        let trimmed = text.trim();
        let (comparison, rest) =
            split_comparison(trimmed).ok_or_else(|| ConditionError::NoComparison(trimmed.into()))?;
        Ok(Threshold { comparison, bound: metric.bound(rest.trim())? })
    }
}

fn split_comparison(text: &str) -> Option<(Comparison, &str)> {
    [("<=", Comparison::AtMost), (">=", Comparison::AtLeast), ("<", Comparison::Less), (">", Comparison::Greater)]
        .into_iter()
        .find_map(|(sign, comparison)| text.strip_prefix(sign).map(|rest| (comparison, rest)))
}

impl FromStr for Condition {
    type Err = ConditionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        let at = text.find(['<', '>']);
        let subject = text[..at.unwrap_or(text.len())].trim();
        let (stream, metric) = match subject.rsplit_once('.') {
            // `p99.9` is a quantile, not a stream called `p99`.
            Some((stream, metric)) if Metric::parse(subject).is_none() => (Some(stream), metric),
            _ => (None, subject),
        };
        let metric: Metric = metric.parse()?;
        let stream = match stream {
            Some(s) => Some(s.parse().map_err(|_| ConditionError::Metric(subject.into()))?),
            None => None,
        };
        let Some(at) = at else {
            return match (&metric, &stream) {
                (Metric::Ok, Some(_)) => {
                    Ok(Condition { stream, metric, threshold: None, hold: HumanDuration::default() })
                }
                _ => Err(ConditionError::NoComparison(text.into())),
            };
        };
        let (comparison, hold) = match text[at..].split_once(" for ") {
            Some((c, hold)) => (c, hold.parse().map_err(|e| ConditionError::Hold(format!("{e}")))?),
            None => (&text[at..], HumanDuration::default()),
        };
        let threshold = Some(Threshold::parse(&metric, comparison)?);
        Ok(Condition { stream, metric, threshold, hold })
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Metric::ErrorRate => f.write_str("error_rate"),
            Metric::Availability => f.write_str("availability"),
            Metric::Quantile(q) => write!(f, "p{}", (q * 1e8).round() / 1e6),
            Metric::Mean => f.write_str("mean"),
            Metric::Max => f.write_str("max"),
            Metric::Rate => f.write_str("rate"),
            Metric::Dropped => f.write_str("dropped"),
            Metric::Ok => f.write_str("ok"),
        }
    }
}

impl fmt::Display for Threshold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = match self.comparison {
            Comparison::Less => "<",
            Comparison::AtMost => "<=",
            Comparison::Greater => ">",
            Comparison::AtLeast => ">=",
        };
        match self.bound {
            Bound::Ratio(r) => write!(f, "{sign} {r}"),
            Bound::Duration(d) => write!(f, "{sign} {d}"),
            Bound::Number(n) => write!(f, "{sign} {n}"),
        }
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(stream) = &self.stream {
            write!(f, "{stream}.")?;
        }
        write!(f, "{}", self.metric)?;
        if let Some(threshold) = &self.threshold {
            write!(f, " {threshold}")?;
        }
        if self.hold != HumanDuration::default() {
            write!(f, " for {}", self.hold)?;
        }
        Ok(())
    }
}

impl Serialize for Condition {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Condition {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        super::name::parsed(d, "a condition, such as `error_rate < 1%` or `checkout.ok`")
    }
}

impl JsonSchema for Condition {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Condition".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "description": "[stream.]metric comparison bound [for duration], or <probe>.ok",
            "examples": ["error_rate < 1%", "p95 < 200ms", "checkout.ok", "error_rate > 95% for 30s"]
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_read_back_as_written() {
        for text in ["error_rate < 1%", "checkout.ok", "p99.9 <= 200ms", "steady.p95 < 1s", "error_rate > 95% for 30s"]
        {
            let condition: Condition = text.parse().unwrap();
            assert_eq!(condition.to_string(), text);
        }
    }

    #[test]
    fn wrong_conditions_say_what_would_fit() {
        let wrong = |text: &str| text.parse::<Condition>().unwrap_err().to_string();
        assert!(wrong("error_rate < 200ms").contains("percentage"));
        assert!(wrong("p95 < 3").contains("200ms"));
        assert!(wrong("speed < 3").contains("error_rate"));
        assert!(wrong("error_rate 3%").contains("is not a metric"));
        assert!(wrong("ok").contains("comparison"));
    }
}
