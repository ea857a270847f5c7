//! `thresholds:`: what a load must keep to, judged by `simulacro load`.

use std::fmt;

use schemars::JsonSchema;
use serde::de::{self, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Executor, Problem, Profile, Severity, Stage};
use crate::model::{Condition, HumanDuration, Metric, Ratio};
use crate::scenario::subject::Known;

/// A threshold: a condition such as `p95 < 200ms`, `browse.p95 < 200ms` for one scenario, or `browse/list.p95 < 200ms`
/// for one request name of it; written as a text, or as a map with more.
#[derive(Debug, Clone, PartialEq)]
pub struct LoadThreshold {
    /// The condition, over the whole load so far.
    pub when: String,
    /// Whether the load is stopped at once when it no longer holds.
    pub abort_on_fail: bool,
    /// How long nothing is aborted, so that a slow start is forgiven. Zero when not given.
    pub delay_abort_eval: HumanDuration,
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Long {
    /// The condition.
    threshold: String,
    /// Stop the load at once when it no longer holds. Default false.
    #[serde(default, alias = "abortOnFail")]
    abort_on_fail: bool,
    /// How long nothing is aborted. Default `0s`.
    #[serde(default, alias = "delayAbortEval")]
    delay_abort_eval: HumanDuration,
}

/// The error budget of a service level, and how much of it this load would use (Google SRE workbook, "Alerting on
/// SLOs").
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ErrorBudget {
    /// The service level, such as `99.9%`.
    pub slo: Ratio,
    /// The period that the budget is for. Default `720h`: 30 days.
    #[serde(default = "thirty_days")]
    pub period: HumanDuration,
    /// Requests that are expected in the period; the load's own number when absent.
    #[serde(default, alias = "expectedRequests", skip_serializing_if = "Option::is_none")]
    pub expected_requests: Option<u64>,
}

impl Profile {
    /// What is wrong with its thresholds, with those of its stages and of its search, and with its error budget.
    pub(super) fn threshold_problems(&self) -> Vec<Problem> {
        let mut found = Vec::new();
        let mut known = Known::default();
        known.add(None, self);
        for (nth, threshold) in self.thresholds.iter().enumerate() {
            let path = format!("thresholds[{nth}]");
            if !threshold.abort_on_fail && threshold.delay_abort_eval != HumanDuration::default() {
                let message = "`delay_abort_eval` does nothing without `abort_on_fail: true`".to_owned();
                found.push(Problem { path: path.clone(), message, severity: Severity::Warning });
            }
            found.extend(wrong(&threshold.when, &known).map(|message| error(path, message)));
        }
        for (scenario, stream) in self.streams() {
            let at = scenario.map_or_else(String::new, |name| format!("scenarios.{name}."));
            let own = known.streams.iter().filter(|(name, _)| at.is_empty() || at == format!("scenarios.{name}."));
            let own = Known { streams: own.cloned().collect(), ..Known::default() };
            found.extend(stream.executor().iter().flat_map(|executor| in_executor(&at, executor, &own)));
        }
        if let Some(budget) = &self.error_budget
            && !(budget.slo.0 > 0.0 && budget.slo.0 < 1.0)
        {
            let message = "a service level of 0% or 100% has no budget: write one such as `99.9%`";
            found.push(error("error_budget.slo".into(), message.into()));
        }
        found
    }
}

fn in_executor(at: &str, executor: &Executor<'_>, own: &Known) -> Vec<Problem> {
    let key = format!("{at}{}", executor.key());
    let (stages, until): (&[Stage], &[String]) = match executor {
        Executor::RampingArrivalRate(ramp) => (&ramp.stages, &[]),
        Executor::RampingVus(ramp) => (&ramp.stages, &[]),
        Executor::Breakpoint(search) => (&[], &search.until),
        Executor::ConstantArrivalRate(_) | Executor::ConstantVus(_) | Executor::PerVuIterations(_) => (&[], &[]),
    };
    let of_stages = stages.iter().enumerate().flat_map(|(nth, stage)| {
        let path = format!("{key}.stages[{nth}].thresholds");
        stage.thresholds.iter().enumerate().map(move |(place, when)| (format!("{path}[{place}]"), when))
    });
    let of_search = until.iter().enumerate().map(|(place, when)| (format!("{key}.until[{place}]"), when));
    let all: Vec<(String, &String)> = of_stages.chain(of_search).collect();
    all.into_iter().filter_map(|(path, when)| wrong(when, own).map(|message| error(path, message))).collect()
}

fn error(path: String, message: String) -> Problem {
    Problem { path, message, severity: Severity::Error }
}

/// What is wrong with a threshold, and what would be right.
fn wrong(when: &str, known: &Known) -> Option<String> {
    let condition: Condition = match when.parse() {
        Ok(condition) => condition,
        Err(why) => return Some(why.to_string()),
    };
    if condition.metric == Metric::Ok {
        return Some("`ok` is a condition of a moment, not of a load: use `availability >= 99%`".into());
    }
    if condition.hold != HumanDuration::default() {
        return Some(format!("a threshold is about the whole load or stage: leave `for {}` out", condition.hold));
    }
    let misnamed = known.problem(&condition.subject)?;
    Some(if misnamed.hint.is_empty() { misnamed.message } else { format!("{}: {}", misnamed.message, misnamed.hint) })
}

fn thirty_days() -> HumanDuration {
    HumanDuration::from_secs(30 * 24 * 3600)
}

impl Serialize for LoadThreshold {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        if !self.abort_on_fail && self.delay_abort_eval == HumanDuration::default() {
            return s.serialize_str(&self.when);
        }
        let (abort_on_fail, delay_abort_eval) = (self.abort_on_fail, self.delay_abort_eval);
        Long { threshold: self.when.clone(), abort_on_fail, delay_abort_eval }.serialize(s)
    }
}

impl<'de> Deserialize<'de> for LoadThreshold {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct TextOrMap;
        impl<'de> Visitor<'de> for TextOrMap {
            type Value = LoadThreshold;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a condition such as `p95 < 200ms`, or a map with `threshold` and `abort_on_fail`")
            }
            fn visit_str<E: de::Error>(self, when: &str) -> Result<LoadThreshold, E> {
                let delay_abort_eval = HumanDuration::default();
                Ok(LoadThreshold { when: when.to_owned(), abort_on_fail: false, delay_abort_eval })
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<LoadThreshold, A::Error> {
                let long = Long::deserialize(de::value::MapAccessDeserializer::new(map))?;
                let Long { threshold: when, abort_on_fail, delay_abort_eval } = long;
                Ok(LoadThreshold { when, abort_on_fail, delay_abort_eval })
            }
        }
        d.deserialize_any(TextOrMap)
    }
}

impl JsonSchema for LoadThreshold {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "LoadThreshold".into()
    }
    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let long = generator.subschema_for::<Long>();
        schemars::json_schema!({
            "description": "A condition over the whole load: a text, or a map with more.",
            "anyOf": [ { "type": "string", "examples": ["p95 < 200ms", "browse.error_rate < 1%"] }, long ]
        })
    }
}
