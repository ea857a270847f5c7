//! HTTP and TCP from the client's side, with failures told apart: theirs is bad, ours is blind.

pub(in crate::world) mod address;
pub(in crate::world) mod classify;
pub(in crate::world) mod dial;
mod host;
pub(in crate::world) mod idle;
#[cfg(test)]
mod tests;

use std::time::Duration;

use async_trait::async_trait;

pub use dial::meets_itself;
pub use host::HostHttp;

/// One HTTP request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpRequest {
    /// Method, upper case.
    pub method: String,
    /// Absolute address.
    pub url: String,
    /// Headers, in order.
    pub headers: Vec<(String, String)>,
    /// Body, sent as is; JSON or plain text by its first character unless a header says what it is.
    pub body: Option<String>,
    /// Longest time from start to last byte.
    pub timeout: Duration,
    /// Largest body that is read; the rest is an error of class `Other`.
    pub max_body: usize,
    /// A new connection for this request, so that it sees what a new client would see.
    pub fresh_connection: bool,
}

/// What came of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HttpOutcome {
    /// An answer, body read to its end.
    Answered {
        /// Status code.
        status: u16,
        /// Headers, names in lower case; of values that are no text nothing is kept.
        headers: Vec<(String, String)>,
        /// The body.
        body: Vec<u8>,
    },
    /// No whole answer.
    Failed(ExchangeFailure),
}

/// Why there was no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExchangeFailure {
    /// Whose fault, and which.
    pub class: FailureClass,
    /// In words.
    pub detail: String,
    /// Whether any byte of the request may have reached the other side: then a write's fate is unknown, not refused.
    pub sent: bool,
}

impl ExchangeFailure {
    /// Nothing was sent, and that is our own doing.
    pub(in crate::world) fn local(detail: &str) -> ExchangeFailure {
        ExchangeFailure { class: FailureClass::Local, detail: detail.to_owned(), sent: false }
    }

    /// It was sent, and there was no answer in time.
    pub(in crate::world) fn late(detail: &str) -> ExchangeFailure {
        ExchangeFailure { class: FailureClass::Timeout, detail: detail.to_owned(), sent: true }
    }
}

/// Kinds of failure, ours and theirs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureClass {
    /// The connection was refused.
    Refused,
    /// The connection was reset or closed early.
    Reset,
    /// No answer in time.
    Timeout,
    /// Any other failure on their side: a broken protocol, a body over the limit, TLS.
    Other,
    /// Ours: the name cannot be resolved.
    Unresolvable,
    /// Ours: no file handle, no free port, no route from here, no memory.
    Local,
}

impl FailureClass {
    /// Whether it says something about us, not about the target: then the observation is blind.
    pub fn is_ours(self) -> bool {
        matches!(self, FailureClass::Unresolvable | FailureClass::Local)
    }
}

/// HTTP and TCP from the client's side.
#[async_trait]
pub trait Http: Send + Sync {
    /// One request, whole answer read.
    async fn exchange(&self, request: &HttpRequest) -> HttpOutcome;
    /// Opens a TCP connection to `host:port` and closes it again.
    async fn connect(&self, address: &str, timeout: Duration) -> Result<(), ExchangeFailure>;
}
