//! One request of a load profile, and what counts as a good answer to it.

use std::collections::BTreeMap;
use std::fmt;

use schemars::JsonSchema;
use serde::de::{self, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::model::Name;

/// A request. `path`, `body` and header values are templates: `${seq}`, `${user}`, `${iteration}`, `${stream}`,
/// `${random:1-1000}`, and the secrets `${env:NAME}` and `${file:PATH}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// The name under which it is measured.
    pub name: Name,
    /// The method. Default GET.
    #[serde(default)]
    pub method: Method,
    /// The path with its query, below the stream's base URL; starts with `/`.
    pub path: String,
    /// Headers.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// The body. One that starts with `{` or `[` is sent as `application/json` unless a header says otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// What counts as a good answer.
    #[serde(default, skip_serializing_if = "Expect::is_default")]
    pub expect: Expect,
    /// How often it is picked, relative to the profile's other requests. Default 1. Steps of a journey have no weight.
    #[serde(default = "super::one")]
    pub weight: u32,
}

/// A request's method.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    /// GET
    #[default]
    #[serde(alias = "get")]
    Get,
    /// HEAD
    #[serde(alias = "head")]
    Head,
    /// POST
    #[serde(alias = "post")]
    Post,
    /// PUT
    #[serde(alias = "put")]
    Put,
    /// PATCH
    #[serde(alias = "patch")]
    Patch,
    /// DELETE
    #[serde(alias = "delete")]
    Delete,
    /// OPTIONS
    #[serde(alias = "options")]
    Options,
}

/// What counts as a good answer: every part must hold, and the whole body must arrive.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Expect {
    /// The status, or a list of those allowed. Default: any below 400.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<StatusCodes>,
}

/// The statuses that are good: one number or a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusCodes(pub Vec<u16>);

impl Method {
    /// The method as it stands on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Method::Get => "GET",
            Method::Head => "HEAD",
            Method::Post => "POST",
            Method::Put => "PUT",
            Method::Patch => "PATCH",
            Method::Delete => "DELETE",
            Method::Options => "OPTIONS",
        }
    }
}

impl Expect {
    /// Whether `status` is good.
    pub fn status_is_good(&self, status: u16) -> bool {
        match &self.status {
            Some(StatusCodes(allowed)) => allowed.contains(&status),
            None => status < 400,
        }
    }

    fn is_default(&self) -> bool {
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
