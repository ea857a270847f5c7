//! `probes:` and `recovery_signal:`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::fault::Exclusive;
use super::grpc::GrpcCall;
use crate::model::grpc::{Code, HEALTH_CHECK};
use crate::model::{HumanDuration, Name};

/// A probe: one look at the system, started on schedule whatever became of the one before.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Probe {
    /// The probe's name; also the name of its stream of observations.
    pub name: Name,
    /// Looks by HTTP. Exactly one of `http`, `grpc`, `tcp`, `command`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http: Option<HttpProbe>,
    /// Looks by a unary call of gRPC: the health check, or any method of a descriptor set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grpc: Option<GrpcProbe>,
    /// Looks by opening a TCP connection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tcp: Option<TcpProbe>,
    /// Looks by running a command: exit code 0 is good.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<CommandProbe>,
    /// Time between two starts.
    pub every: HumanDuration,
    /// After this time an unanswered look is bad.
    #[serde(default = "probe_timeout")]
    pub timeout: HumanDuration,
}

fn probe_timeout() -> HumanDuration {
    HumanDuration::from_millis(200)
}

/// How a probe looks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Look<'a> {
    /// By HTTP.
    Http(&'a HttpProbe),
    /// By gRPC.
    Grpc(&'a GrpcProbe),
    /// By TCP.
    Tcp(&'a TcpProbe),
    /// By a command.
    Command(&'a CommandProbe),
}

impl Probe {
    /// The one way this probe looks.
    ///
    /// # Errors
    /// When none or several ways are given.
    pub fn look(&self) -> Result<Look<'_>, Exclusive> {
        let ways = [
            self.http.as_ref().map(Look::Http),
            self.grpc.as_ref().map(Look::Grpc),
            self.tcp.as_ref().map(Look::Tcp),
            self.command.as_ref().map(Look::Command),
        ];
        Exclusive::pick(ways, "http, grpc, tcp, command")
    }
}

/// An HTTP look.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HttpProbe {
    /// Absolute address.
    pub url: String,
    /// Method; GET when absent.
    #[serde(default = "get")]
    pub method: String,
    /// Headers.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// The status that is good; any from 200 to 299 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Text that the body must contain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contains: Option<String>,
}

fn get() -> String {
    "GET".into()
}

/// A look by gRPC: the health check where no `method` is given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GrpcProbe {
    /// `http://host:port` for cleartext HTTP/2, `https://host:port` for TLS.
    pub url: String,
    /// The service that the health check (`grpc.health.v1.Health/Check`) is asked about; the whole server when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// Descriptor set with the method, relative to this file: `protoc --include_imports --descriptor_set_out=FILE`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub descriptors: Option<String>,
    /// `package.Service/Method`; must be unary.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// The message, as JSON; empty when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Metadata.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
    /// The status that is good; OK when absent.
    #[serde(default, skip_serializing_if = "is_ok")]
    pub status: Code,
    /// Text that the answer must contain; the answer is looked at as JSON without spaces, fields named as in the
    /// `.proto`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contains: Option<String>,
}

fn is_ok(code: &Code) -> bool {
    *code == Code::Ok
}

impl GrpcProbe {
    /// Whether it asks for health.
    pub fn is_health_check(&self) -> bool {
        self.method.as_deref().is_none_or(|method| method == HEALTH_CHECK)
    }

    /// The call.
    pub fn call(&self) -> GrpcCall {
        let health = || match &self.service {
            Some(service) => serde_json::json!({ "service": service }).to_string(),
            None => "{}".into(),
        };
        GrpcCall {
            url: self.url.clone(),
            // Without a method it is the health check, which is in no file.
            descriptors: self.method.as_ref().and(self.descriptors.clone()),
            method: self.method.clone().unwrap_or_else(|| HEALTH_CHECK.into()),
            message: self.message.clone().unwrap_or_else(health),
            metadata: self.metadata.clone(),
        }
    }
}

/// A TCP look.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TcpProbe {
    /// `host:port`.
    pub address: String,
}

/// A look by command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CommandProbe {
    /// Program and arguments; no shell.
    #[schemars(length(min = 1))]
    pub argv: Vec<String>,
}

/// What "good" means: good in every stream named here.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RecoverySignal {
    /// Probes and load streams that count.
    #[schemars(length(min = 1))]
    pub streams: Vec<Name>,
    /// Largest share of failures in a window that is still good, as `<= 0%`.
    #[serde(default = "no_errors")]
    pub error_rate: String,
    /// Largest latency of an observation that is still good, as `<= 400ms`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency: Option<String>,
    /// Least number of observations in a window.
    #[serde(default = "one")]
    pub min: u32,
}

fn no_errors() -> String {
    "<= 0%".into()
}

fn one() -> u32 {
    1
}
