//! `http:`: how a profile's requests travel.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::HumanDuration;

/// The largest answer that is read when the profile does not say, in bytes.
const RESPONSE_LIMIT: u64 = 16 * 1024 * 1024;

/// How requests travel.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct HttpOptions {
    /// The HTTP version. Default `auto`.
    pub version: HttpVersion,
    /// Whether each sender or user keeps the cookies that it is given and sends them back (RFC 6265). Default false.
    pub cookies: bool,
    /// The largest answer body, in bytes; a larger one is not read to its end and counts as failed. Default 16 MiB.
    #[serde(alias = "responseLimit")]
    pub response_limit: u64,
    /// TLS, for `https://` addresses.
    #[serde(skip_serializing_if = "Tls::is_default")]
    pub tls: Tls,
    /// Who we say that we are, in every request that has no `authorization` header of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auth: Option<Auth>,
    /// How long opening a connection may take, within the request's timeout. Default: the timeout.
    #[serde(alias = "connectTimeout", skip_serializing_if = "Option::is_none")]
    pub connect_timeout: Option<HumanDuration>,
}

/// HTTP versions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub enum HttpVersion {
    /// HTTP/2 where a TLS server offers it, else HTTP/1.1.
    #[default]
    #[serde(rename = "auto")]
    Auto,
    /// HTTP/1.1.
    #[serde(rename = "1.1")]
    Http11,
    /// HTTP/2; without TLS by prior knowledge.
    #[serde(rename = "2")]
    Http2,
}

/// TLS. Files are PEM, relative to the profile's file.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Tls {
    /// Certificates that are trusted instead of the system's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca: Option<String>,
    /// Our certificate, with its chain, for a server that asks for one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cert: Option<String>,
    /// Its key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// The name to expect in the server's certificate, when it is not the address's.
    #[serde(alias = "serverName", skip_serializing_if = "Option::is_none")]
    pub server_name: Option<String>,
    /// Trust any certificate: for test systems.
    pub insecure: bool,
}

/// Who we say that we are. Values are templates, so that secrets stay references: `${env:NAME}`, `${file:PATH}`; fields
/// of data files and values taken from answers may be used as well.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Auth {
    /// A bearer token (RFC 6750).
    Bearer(String),
    /// User and password (RFC 7617).
    Basic(Basic),
}

/// User and password.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Basic {
    /// The user.
    pub user: String,
    /// The password.
    pub password: String,
}

impl Default for HttpOptions {
    fn default() -> Self {
        HttpOptions {
            version: HttpVersion::Auto,
            cookies: false,
            response_limit: RESPONSE_LIMIT,
            tls: Tls::default(),
            auth: None,
            connect_timeout: None,
        }
    }
}

impl HttpOptions {
    /// Whether nothing was asked for.
    pub fn is_default(&self) -> bool {
        *self == HttpOptions::default()
    }
}

impl Tls {
    fn is_default(&self) -> bool {
        *self == Tls::default()
    }
}
