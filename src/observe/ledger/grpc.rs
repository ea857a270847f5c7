//! Writes and reads by gRPC.

use std::time::Duration;

use serde_json::Value;

use crate::model::Offset;
use crate::model::grpc::{Code, MAX_MESSAGE};
use crate::scenario::grpc::{GrpcCall, at_path};
use crate::scenario::ledger::{GrpcRead, GrpcWrite};
use crate::timeline::event::Fate;
use crate::timeline::ledger::Shape;
use crate::world::grpc::{GrpcOutcome, GrpcRequest};

/// The call that writes entry `n`.
pub(super) fn write(write: &GrpcWrite, shape: &Shape, n: u64, timeout: Duration) -> GrpcRequest {
    let call = write.call();
    let call = GrpcCall { message: shape.fill(&call.message, n), ..call };
    GrpcRequest { call, timeout, max_message: MAX_MESSAGE, fresh_connection: false }
}

/// What an outcome says of a write: acknowledged by OK; refused by a status that says the call was looked at and not
/// done, or when no byte can have reached the other side; not sent when that was our own doing; and unknown otherwise.
/// UNAVAILABLE comes from proxies that have lost the answer, too, and so says nothing of the write.
pub(super) fn fate(outcome: GrpcOutcome, now: Offset) -> Fate {
    let status = match outcome {
        GrpcOutcome::Answered { status, .. } => status,
        GrpcOutcome::Failed(failure) => return super::http::failed(failure),
    };
    match status.code {
        Code::Ok => Fate::Acked { when: now },
        Code::InvalidArgument
        | Code::NotFound
        | Code::AlreadyExists
        | Code::PermissionDenied
        | Code::FailedPrecondition
        | Code::OutOfRange
        | Code::Unimplemented
        | Code::Unauthenticated => Fate::Refused { why: status.to_string() },
        Code::Cancelled
        | Code::Unknown
        | Code::DeadlineExceeded
        | Code::ResourceExhausted
        | Code::Aborted
        | Code::Internal
        | Code::Unavailable
        | Code::DataLoss => Fate::Unknown { why: status.to_string() },
    }
}

/// The call that lists all entries.
pub(super) fn read(read: &GrpcRead, timeout: Duration) -> GrpcRequest {
    GrpcRequest { call: read.call(), timeout, max_message: super::MAX_LIST, fresh_connection: true }
}

/// The rows of the list: ids, or the messages that hold them.
pub(super) fn listed(read: &GrpcRead, outcome: GrpcOutcome) -> Result<Vec<(Value, Option<Value>)>, String> {
    let message = match outcome {
        GrpcOutcome::Answered { message: Some(message), .. } => message,
        GrpcOutcome::Answered { status, .. } => return Err(format!("{} answered with {status}", read.method)),
        GrpcOutcome::Failed(failure) => return Err(failure.detail),
    };
    let found =
        at_path(&message, &read.ids).map_err(|why| format!("{} did not answer with ids: {why}", read.method))?;
    Ok(found.into_iter().map(|(id, row)| (id.clone(), row.cloned())).collect())
}
