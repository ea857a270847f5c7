//! Unary calls by gRPC from the client's side, with failures told apart: theirs is bad, ours is blind.

mod host;
#[cfg(test)]
mod tests;

use std::time::Duration;

use async_trait::async_trait;
use serde_json::Value;

use super::http::ExchangeFailure;
use crate::model::grpc::Status;
use crate::scenario::grpc::GrpcCall;

pub use host::HostGrpc;

/// One unary call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrpcRequest {
    /// What is called, and with what. References to secrets may stand in its address, in metadata, and in the texts of
    /// its message.
    pub call: GrpcCall,
    /// Longest time from start to last byte; the server is told.
    pub timeout: Duration,
    /// Largest message that is taken as an answer, in bytes.
    pub max_message: usize,
    /// A new connection for this call, so that it sees what a new client would see.
    pub fresh_connection: bool,
}

/// What came of a call.
#[derive(Debug, Clone, PartialEq)]
pub enum GrpcOutcome {
    /// The server said how it ended.
    Answered {
        /// How.
        status: Status,
        /// The answer, as JSON; there exactly when the status is OK.
        message: Option<Value>,
    },
    /// No whole answer.
    Failed(ExchangeFailure),
}

/// Unary calls by gRPC.
#[async_trait]
pub trait Grpc: Send + Sync {
    /// One call, whole answer read.
    async fn call(&self, request: &GrpcRequest) -> GrpcOutcome;
}
