//! `thresholds:`: what a load must keep to, judged by `simulacro load`.

use std::fmt;

use schemars::JsonSchema;
use serde::de::{self, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::model::{HumanDuration, Ratio};

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
