//! What counts as a good answer, and what is taken from it for later steps.

use std::collections::BTreeMap;
use std::fmt;

use schemars::JsonSchema;
use serde::de::{self, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::model::HumanDuration;
use crate::model::grpc::Code;

/// What counts as a good answer: every part must hold, and the whole body must arrive.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Expect {
    /// The status, or a list of those allowed. Default: any below 400. For gRPC the HTTP status is always 200; use
    /// `grpc_status`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<StatusCodes>,
    /// Headers that must be there, each with a regular expression that its value must match somewhere.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// A text that the body must contain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contains: Option<String>,
    /// A regular expression that the body must match somewhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub matches: Option<String>,
    /// Values that the body, read as JSON, must have: from JSON path (RFC 9535) to value. Numbers are compared as
    /// numbers; where a path leads to several values, the first one counts.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub json: BTreeMap<String, serde_json::Value>,
    /// The longest latency that is still good, measured as everywhere from the intended start; a slower answer counts
    /// as failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency: Option<HumanDuration>,
    /// The gRPC status, such as `OK` or `NOT_FOUND`. Default `OK`.
    #[serde(default, alias = "grpcStatus", skip_serializing_if = "Option::is_none")]
    pub grpc_status: Option<Code>,
}

/// Where a value is taken from an answer: one of the three, or `regex` beside `header`, for a part of a header's value.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Extract {
    /// The first value at a JSON path (RFC 9535) of the body, such as `$.items[0].id`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub json: Option<String>,
    /// A header's value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub header: Option<String>,
    /// The first group of a regular expression in the body, or in the header beside it; the whole match when the
    /// expression has no group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub regex: Option<String>,
}

/// The statuses that are good: one number or a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusCodes(pub Vec<u16>);

impl Expect {
    /// Whether nothing was asked for.
    pub fn is_default(&self) -> bool {
        *self == Expect::default()
    }
}

impl Serialize for StatusCodes {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        match self.0.as_slice() {
            [one] => s.serialize_u16(*one),
            many => s.collect_seq(many),
        }
    }
}

impl<'de> Deserialize<'de> for StatusCodes {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        #[derive(Clone, Copy)]
        struct OneOrMany;
        impl<'de> Visitor<'de> for OneOrMany {
            type Value = StatusCodes;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a status such as 200, or a list such as [200, 201]")
            }
            fn visit_u64<E: de::Error>(self, status: u64) -> Result<StatusCodes, E> {
                let known = u16::try_from(status).ok().filter(|s| (100..=599).contains(s));
                known
                    .map(|s| StatusCodes(vec![s]))
                    .ok_or_else(|| E::custom(format!("{status} is not an HTTP status: use a number from 100 to 599")))
            }
            fn visit_i64<E: de::Error>(self, status: i64) -> Result<StatusCodes, E> {
                self.visit_u64(u64::try_from(status).unwrap_or(0))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<StatusCodes, A::Error> {
                let mut all = Vec::new();
                while let Some(status) = seq.next_element::<u64>()? {
                    all.extend(self.visit_u64::<A::Error>(status)?.0);
                }
                if all.is_empty() {
                    return Err(de::Error::custom("the list of statuses is empty, so no answer would be good"));
                }
                Ok(StatusCodes(all))
            }
        }
        d.deserialize_any(OneOrMany)
    }
}

impl JsonSchema for StatusCodes {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "StatusCodes".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "description": "One HTTP status, or a list of those allowed.",
            "anyOf": [
                { "type": "integer", "minimum": 100, "maximum": 599 },
                { "type": "array", "minItems": 1, "items": { "type": "integer", "minimum": 100, "maximum": 599 } }
            ]
        })
    }
}
