//! gRPC calls as requests: unary, over an HTTP/2 connection that others hold.

use std::time::Duration;

use bytes::Bytes;
use hyper::header::{CONTENT_TYPE, HeaderName, HeaderValue, TE};
use serde_json::Value;

use crate::model::grpc::{self, Code, Descriptors, timeout_value};
use crate::observe::load::answer::Answer;
use crate::observe::load::reason::{Check, Reason};
use crate::scenario::profile::{Expect, GrpcCall, MOST_BODY, read_small};

/// A call, ready to be made.
#[derive(Debug)]
pub struct Call {
    method: grpc::Method,
    /// The status that is good.
    status: Code,
    timeout: HeaderValue,
}

impl Call {
    /// Looks its method up.
    ///
    /// # Errors
    ///
    /// When there is no such method.
    pub fn new(call: &GrpcCall, expect: &Expect, limit: Duration) -> Result<Call, String> {
        let descriptors = match &call.descriptors {
            Some(path) => {
                let bytes = read_small(path, MOST_BODY).map_err(|why| format!("descriptors {path}: {why}"))?;
                Descriptors::read(&bytes).map_err(|why| format!("descriptors {path}: {why}"))?
            }
            None => Descriptors::health().map_err(|e| e.to_string())?,
        };
        Ok(Call {
            method: descriptors.method(&call.method).map_err(|e| e.to_string())?,
            status: expect.grpc_status.unwrap_or_default(),
            timeout: HeaderValue::from_str(&timeout_value(limit)).map_err(|e| e.to_string())?,
        })
    }

    /// Its path.
    pub fn path(&self) -> &str {
        self.method.path()
    }

    /// The headers that every call has.
    pub fn headers(&self) -> impl Iterator<Item = (HeaderName, HeaderValue)> {
        [
            (CONTENT_TYPE, HeaderValue::from_static("application/grpc")),
            (TE, HeaderValue::from_static("trailers")),
            (HeaderName::from_static("grpc-timeout"), self.timeout.clone()),
        ]
        .into_iter()
    }

    /// The body for a message in JSON.
    ///
    /// # Errors
    ///
    /// When the message does not fit the method.
    pub fn encode(&self, message: &[u8]) -> Result<Bytes, String> {
        let message = std::str::from_utf8(message).map_err(|e| e.to_string())?;
        self.method.encode(message).map_err(|e| e.to_string())
    }

    /// Whether an answer has the status that is good; its message as JSON, if that is asked for and there is one.
    ///
    /// # Errors
    ///
    /// Why it is not good.
    pub fn judge(&self, answer: &Answer, json: bool) -> Result<Option<Value>, Reason> {
        let limit = answer.body.len();
        let broken = |_| Reason::Protocol;
        let mut whole = grpc::Answer::begin(answer.status, &answer.headers, limit).map_err(broken)?;
        whole.data(&answer.body).map_err(broken)?;
        whole.trailers(&answer.trailers);
        let reply = whole.finish().map_err(broken)?;
        if reply.status.code != self.status {
            return Err(Reason::Grpc(reply.status.code as u8));
        }
        match reply.message {
            Some(message) if json => {
                let value = self.method.decode(&message);
                value.map(Some).map_err(|_| Reason::Check(Check::Json))
            }
            _ => Ok(None),
        }
    }
}
