//! An answer to a request, as far as somebody looks at it.

use std::time::Duration;

use bytes::Bytes;
use hyper::header::HeaderMap;

use super::plan::Prepared;
use super::reason::Reason;

/// What must be kept of an answer. The whole body is read in any case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Wants {
    /// Its headers.
    pub headers: bool,
    /// Its body.
    pub body: bool,
    /// Its trailers: gRPC.
    pub trailers: bool,
}

/// An answer, wholly received. What was not wanted is empty.
#[derive(Debug, Clone, Default)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
    /// The trailers.
    pub trailers: HeaderMap,
}

impl Prepared {
    /// What must be kept of an answer for [`Prepared::judge`].
    pub fn wants(&self) -> Wants {
        Wants::default()
    }

    /// Whether an answer that took so long is good.
    ///
    /// # Errors
    ///
    /// Why it is not.
    pub fn judge(&self, answer: &Answer, _took: Duration) -> Result<(), Reason> {
        if self.expect.status_is_good(answer.status) { Ok(()) } else { Err(Reason::Status(answer.status)) }
    }
}
