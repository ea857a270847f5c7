//! Conditions as people write them: `error_rate < 1%`, `p95 < 200ms`, `checkout.ok`, `error_rate > 95% for 30s`,
//! `shop/create order.p95 < 200ms`.

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
    /// Apdex 1.1 with this target time T: (answers within T + half of those within 4 T) / all; failures frustrate.
    Apdex(HumanDuration),
    /// A probe or stream is good now.
    Ok,
}

/// Whose observations are meant: `steady`, `steady/create order`, `create order`; empty for all load.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Subject {
    /// A probe, a load stream, the load entry that streams belong to (`shop` for `shop.browse`), or, where nothing is
    /// called so, a request name.
    pub stream: Option<Name>,
    /// One request name of that stream.
    pub request: Option<Name>,
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

/// A whole condition: `[subject.]metric comparison bound [for duration]`, or `stream.ok`.
#[derive(Debug, Clone, PartialEq)]
pub struct Condition {
    /// Whose observations are meant; all load streams together when empty.
    pub subject: Subject,
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
        "`{0}` is not a metric: use error_rate, availability, p50 … p99.9, mean, max, rate, dropped, apdex(250ms), or \
         `<probe>.ok`"
    )]
    Metric(String),
    /// What stands before the metric is not a name.
    #[error(
        "`{0}` names nothing: write a stream, `stream/request name` or a request name before the metric, as in \
         `steady/create order.p95`"
    )]
    Subject(String),
    /// The target time of an apdex is missing or not a duration.
    #[error("`{0}` has no target time: write it as in `apdex(250ms)`")]
    Apdex(String),
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
            other if other.starts_with("apdex(") => {
                let target: HumanDuration = other.strip_prefix("apdex(")?.strip_suffix(')')?.trim().parse().ok()?;
                (!target.get().is_zero()).then_some(Metric::Apdex(target))?
            }
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
                let number: Option<f64> = text.trim_end_matches("/s").trim().parse().ok();
                number.filter(|n| n.is_finite()).map(Bound::Number).ok_or_else(|| wrong("write a number, such as `50`"))
            }
            Metric::Apdex(_) => {
                let share: Option<f64> = text.parse().ok().filter(|share| (0.0..=1.0).contains(share));
                share.map(Bound::Number).ok_or_else(|| wrong("write a number from 0 to 1, such as `0.9`"))
            }
            Metric::Ok => Err(wrong("`ok` takes no bound")),
        }
    }
}

impl FromStr for Metric {
    type Err = ConditionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        Metric::parse(text).ok_or_else(|| match text.starts_with("apdex") {
            true => ConditionError::Apdex(text.into()),
            false => ConditionError::Metric(text.into()),
        })
    }
}

impl Subject {
    /// Whether nothing is named: all load is meant.
    pub fn is_all(&self) -> bool {
        self.stream.is_none()
    }

    /// Reads `[subject.]metric`, such as `p95`, `steady.p99.9`, `create order.p95` or `steady/create order.p95`.
    ///
    /// # Errors
    /// When there is no metric at the end, or no name before it.
    pub fn split(text: &str) -> Result<(Subject, Metric), ConditionError> {
        let text = text.trim();
        if let Some(metric) = Metric::parse(text) {
            return Ok((Subject::default(), metric));
        }
        // The longest metric counts: `p99.9` after a name is a quantile, not the metric `9` of `steady.p99`.
        let dots = text.match_indices('.').map(|(at, _)| (&text[..at], text[at + 1..].trim()));
        let found = dots.filter_map(|(subject, metric)| Some((subject, Metric::parse(metric)?))).next();
        let Some((subject, metric)) = found else {
            let last = text.rsplit_once('.').map_or(text, |(_, last)| last.trim());
            return Err(if last.starts_with("apdex") {
                ConditionError::Apdex(last.into())
            } else {
                ConditionError::Metric(text.into())
            });
        };
        Ok((subject.parse()?, metric))
    }
}

impl FromStr for Subject {
    type Err = ConditionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let name = |part: &str| part.trim().parse::<Name>().map_err(|_| ConditionError::Subject(text.trim().into()));
        Ok(match text.split_once('/') {
            Some((stream, request)) => Subject { stream: Some(name(stream)?), request: Some(name(request)?) },
            None => Subject { stream: Some(name(text)?), request: None },
        })
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.stream, &self.request) {
            (Some(stream), Some(request)) => write!(f, "{stream}/{request}"),
            (Some(stream), None) => write!(f, "{stream}"),
            (None, _) => Ok(()),
        }
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
        let (subject, metric) = Subject::split(&text[..at.unwrap_or(text.len())])?;
        let Some(at) = at else {
            return match (&metric, subject.is_all()) {
                (Metric::Ok, false) => {
                    Ok(Condition { subject, metric, threshold: None, hold: HumanDuration::default() })
                }
                _ => Err(ConditionError::NoComparison(text.into())),
            };
        };
        let (comparison, hold) = match text[at..].split_once(" for ") {
            Some((c, hold)) => (c, hold.parse().map_err(|e| ConditionError::Hold(format!("{e}")))?),
            None => (&text[at..], HumanDuration::default()),
        };
        let threshold = Some(Threshold::parse(&metric, comparison)?);
        Ok(Condition { subject, metric, threshold, hold })
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
            Metric::Apdex(target) => write!(f, "apdex({target})"),
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
        if !self.subject.is_all() {
            write!(f, "{}.", self.subject)?;
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
            "description": "[stream.]metric comparison bound [for duration], or <probe>.ok; before the metric also \
                            `stream/request name` or a request name",
            "examples": [
                "error_rate < 1%", "p95 < 200ms", "checkout.ok", "error_rate > 95% for 30s",
                "shop/create order.p95 < 200ms", "apdex(250ms) >= 0.9"
            ]
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_read_back_as_written() {
        let all = [
            "error_rate < 1%",
            "checkout.ok",
            "p99.9 <= 200ms",
            "steady.p95 < 1s",
            "steady.p99.9 < 1s",
            "shop.browse/create order.p99.9 < 1s",
            "create order.p95 < 1s",
            "apdex(250ms) >= 0.9",
            "v1.2.apdex(2s) > 0.85 for 10s",
            "error_rate > 95% for 30s",
        ];
        for text in all {
            let condition: Condition = text.parse().unwrap();
            assert_eq!(condition.to_string(), text);
            assert_eq!(condition.to_string().parse(), Ok(condition));
        }
    }

    #[test]
    fn the_longest_metric_counts() {
        let split = |text: &str| {
            let (subject, metric) = Subject::split(text).unwrap();
            (subject.to_string(), metric.to_string())
        };
        let pair = |subject: &str, metric: &str| (subject.to_owned(), metric.to_owned());
        assert_eq!(split("steady.p99.9"), pair("steady", "p99.9"));
        assert_eq!(split("p99.9"), pair("", "p99.9"));
        assert_eq!(split("shop.browse.p95"), pair("shop.browse", "p95"));
        assert_eq!(split("shop.browse / create order . max"), pair("shop.browse/create order", "max"));
        assert_eq!(split("api v1.5.mean"), pair("api v1.5", "mean"));
        assert_eq!(split("list.apdex( 2s )"), pair("list", "apdex(2s)"));
    }

    #[test]
    fn wrong_conditions_say_what_would_fit() {
        let wrong = |text: &str| text.parse::<Condition>().unwrap_err().to_string();
        assert!(wrong("error_rate < 200ms").contains("percentage"));
        assert!(wrong("p95 < 3").contains("200ms"));
        assert!(wrong("speed < 3").contains("error_rate"));
        assert!(wrong("error_rate 3%").contains("is not a metric"));
        assert!(wrong("ok").contains("comparison"));
        assert!(wrong("apdex < 0.9").contains("apdex(250ms)"));
        assert!(wrong("steady.apdex(0ms) < 0.9").contains("apdex(250ms)"));
        assert!(wrong("apdex(250ms) > 90%").contains("from 0 to 1"));
        assert!(wrong("rate > NaN").contains("write a number"));
        assert!(wrong("steady/.p95 < 1s").contains("steady/create order.p95"));
        assert!(wrong("/list.p95 < 1s").contains("names nothing"));
    }
}
