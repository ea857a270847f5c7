//! An answer to a request, as far as somebody looks at it.

use bytes::Bytes;
use hyper::header::HeaderMap;

/// What must be kept of an answer, for [`Prepared::judge`](super::plan::Prepared::judge). The whole body is read in any
/// case.
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

impl Wants {
    /// What two need together.
    pub fn and(self, other: Wants) -> Wants {
        Wants {
            headers: self.headers || other.headers,
            body: self.body || other.body,
            trailers: self.trailers || other.trailers,
        }
    }
}
