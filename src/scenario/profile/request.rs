//! One request of a load profile.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::expect::{Expect, Extract};
use crate::model::{HumanDuration, Name};

/// The largest file that is sent as a body, in bytes.
pub const MOST_BODY: u64 = 64 << 20;

/// A request. Paths, queries, headers and bodies are templates: `${seq}`, `${user}`, `${iteration}`, `${stream}`;
/// by chance, with the run's seed, `${random:1-1000}`, `${choice:a|b|c}`, `${uuid}`, `${hex:16}`, `${text:20}`; the
/// profile's variables `${name}`, fields of data files `${users.email}`, values taken from earlier answers `${token}`;
/// the secrets `${env:NAME}` and `${file:PATH}`. In a path and a query values are percent-encoded; `${raw:…}` puts one
/// in as it is, `${json:…}` with the escapes of a JSON string.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// The name under which it is measured.
    pub name: Name,
    /// The method. Default GET.
    #[serde(default)]
    pub method: Method,
    /// The path, below the stream's base URL; starts with `/`. Not needed for gRPC.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub path: String,
    /// The query, added to the path's own: names and values as plain text, percent-encoded where that is needed.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub query: BTreeMap<String, String>,
    /// Headers.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// The body. One that starts with `{` or `[` is sent as `application/json` unless a header says otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// A file whose bytes are the body, as they are; relative to the profile's file.
    #[serde(default, alias = "bodyFile", skip_serializing_if = "Option::is_none")]
    pub body_file: Option<String>,
    /// A gRPC unary call instead of an HTTP request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grpc: Option<GrpcCall>,
    /// How long it may take; the profile's timeout when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<HumanDuration>,
    /// What counts as a good answer.
    #[serde(default, skip_serializing_if = "Expect::is_default")]
    pub expect: Expect,
    /// Values taken from a good answer, by the name that later steps use. A value that is not there makes the answer a
    /// bad one.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub extract: BTreeMap<Name, Extract>,
    /// How long the user thinks after this step, instead of the journey's `wait_time`. Steps of a journey only.
    #[serde(default, alias = "thinkTime", skip_serializing_if = "Option::is_none")]
    pub think_time: Option<super::WaitTime>,
    /// How often it is picked, relative to the profile's other requests. Default 1. Steps of a journey have no weight.
    #[serde(default = "super::one")]
    pub weight: u32,
}

impl Request {
    /// Its templates, each with its key below the request's.
    pub fn templates(&self) -> Vec<(String, &str)> {
        let mut all = vec![("path".to_owned(), self.path.as_str())];
        for (name, value) in &self.query {
            all.extend([(format!("query.{name}"), name.as_str()), (format!("query.{name}"), value)]);
        }
        all.extend(self.headers.iter().map(|(name, value)| (format!("headers.{name}"), value.as_str())));
        all.extend(self.body.as_deref().map(|body| ("body".to_owned(), body)));
        let message = self.grpc.as_ref().and_then(|call| call.message.as_deref());
        all.extend(message.map(|message| ("grpc.message".to_owned(), message)));
        all
    }
}

/// A gRPC unary call. Its message is a template of JSON, its metadata are `headers`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GrpcCall {
    /// The method, `package.Service/Method`. `grpc.health.v1.Health/Check` needs no descriptors.
    pub method: String,
    /// The descriptor set (`protoc --include_imports --descriptor_set_out`), relative to the profile's file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub descriptors: Option<String>,
    /// The message as JSON. Default `{}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
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
