//! `objectives:`: what a drill is judged against, written before the run.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::profile::ErrorBudget;
use crate::model::{ConditionError, HumanDuration, Metric, Name, Subject};

/// What the drill is judged against.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Objectives {
    /// Recovery time objectives.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "one_or_many")]
    #[schemars(with = "OneOrMany<Rto>")]
    pub rto: Vec<Rto>,
    /// Recovery point objectives.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "one_or_many")]
    #[schemars(with = "OneOrMany<Rpo>")]
    pub rpo: Vec<Rpo>,
    /// Restore objectives by backup.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub restore: BTreeMap<Name, RestoreObjective>,
    /// Service levels by phase, by the name of a fault, or by a stage of a load: metric to threshold, as
    /// `p95: "< 200ms"`, `steady.p95` for one stream, or `steady/create order.p95` for one request name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub slo: BTreeMap<Name, BTreeMap<String, String>>,
    /// The error budget, and how much of it the drill used; shown, not judged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_budget: Option<ErrorBudget>,
}

/// The key of a service level: a metric, the metric of one stream or of one request name, as `p95`, `steady.p95` and
/// `steady/create order.p95`.
///
/// # Errors
/// When it is none of these.
pub fn level_key(key: &str) -> Result<(Subject, Metric), ConditionError> {
    Subject::split(key)
}

/// One value, or a list of them.
#[derive(JsonSchema)]
#[serde(untagged)]
#[allow(dead_code)] // Read by the schema only.
enum OneOrMany<T> {
    One(T),
    Many(Vec<T>),
}

/// Recovery time objective.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rto {
    /// Longest recovery time.
    pub max: HumanDuration,
    /// The fault whose outage is judged; every fault with an expected impact when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<Name>,
    /// Where the time begins.
    #[serde(default)]
    pub from: RtoFrom,
    /// Longest total of bad windows, for services that flap.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_bad_time: Option<HumanDuration>,
}

/// Where the recovery time begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RtoFrom {
    /// At the impact that clients saw.
    #[default]
    Impact,
    /// At the call that harmed: the conservative reading.
    Act,
    /// At the undo: for a fault that is held and then lifted.
    Undo,
}

/// Recovery point objective.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rpo {
    /// Largest loss, as time before the fault; `0s` is breached by any lost write.
    pub max: HumanDuration,
    /// The fault whose act is the reference; the first fault when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<Name>,
}

/// Restore objective of one backup.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RestoreObjective {
    /// Longest restore time, up to the first write on the copy; checks are timed apart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rto: Option<HumanDuration>,
    /// Largest loss, as time before the backup was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rpo: Option<HumanDuration>,
}

fn one_or_many<'de, T, D>(d: D) -> Result<Vec<T>, D::Error>
where
    T: Deserialize<'de>,
    D: serde::Deserializer<'de>,
{
    struct Visit<T>(std::marker::PhantomData<T>);
    impl<'de, T: Deserialize<'de>> serde::de::Visitor<'de> for Visit<T> {
        type Value = Vec<T>;
        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("one objective or a list of them")
        }
        fn visit_map<A: serde::de::MapAccess<'de>>(self, map: A) -> Result<Vec<T>, A::Error> {
            T::deserialize(serde::de::value::MapAccessDeserializer::new(map)).map(|one| vec![one])
        }
        fn visit_seq<A: serde::de::SeqAccess<'de>>(self, seq: A) -> Result<Vec<T>, A::Error> {
            Vec::deserialize(serde::de::value::SeqAccessDeserializer::new(seq))
        }
    }
    d.deserialize_any(Visit(std::marker::PhantomData))
}
