//! Status codes.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A gRPC status code, by its name in the specification (doc/statuscodes.md of gRPC).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Code {
    /// 0: it worked.
    #[default]
    Ok,
    /// 1: the caller gave up.
    Cancelled,
    /// 2: an error without a code of its own.
    Unknown,
    /// 3: the request is wrong whatever the state of the system.
    InvalidArgument,
    /// 4: no answer before the deadline.
    DeadlineExceeded,
    /// 5: what was asked for does not exist.
    NotFound,
    /// 6: what was to be made exists.
    AlreadyExists,
    /// 7: the caller may not.
    PermissionDenied,
    /// 8: a quota, or memory, is used up.
    ResourceExhausted,
    /// 9: the system is not in the state that this needs.
    FailedPrecondition,
    /// 10: a conflict with another call.
    Aborted,
    /// 11: past the end.
    OutOfRange,
    /// 12: the server does not know the method.
    Unimplemented,
    /// 13: an invariant of the server's is broken.
    Internal,
    /// 14: not now; try again.
    Unavailable,
    /// 15: data is lost for good.
    DataLoss,
    /// 16: the server does not know who calls.
    Unauthenticated,
}

impl Code {
    /// All codes, each at the index that is its number.
    const ALL: [(Code, &'static str); 17] = [
        (Code::Ok, "OK"),
        (Code::Cancelled, "CANCELLED"),
        (Code::Unknown, "UNKNOWN"),
        (Code::InvalidArgument, "INVALID_ARGUMENT"),
        (Code::DeadlineExceeded, "DEADLINE_EXCEEDED"),
        (Code::NotFound, "NOT_FOUND"),
        (Code::AlreadyExists, "ALREADY_EXISTS"),
        (Code::PermissionDenied, "PERMISSION_DENIED"),
        (Code::ResourceExhausted, "RESOURCE_EXHAUSTED"),
        (Code::FailedPrecondition, "FAILED_PRECONDITION"),
        (Code::Aborted, "ABORTED"),
        (Code::OutOfRange, "OUT_OF_RANGE"),
        (Code::Unimplemented, "UNIMPLEMENTED"),
        (Code::Internal, "INTERNAL"),
        (Code::Unavailable, "UNAVAILABLE"),
        (Code::DataLoss, "DATA_LOSS"),
        (Code::Unauthenticated, "UNAUTHENTICATED"),
    ];

    /// The code of a number; none for a number that the specification does not have.
    pub fn of(number: u32) -> Option<Code> {
        Code::ALL.get(usize::try_from(number).ok()?).map(|(code, _)| *code)
    }

    /// Its name, as in `NOT_FOUND`.
    pub fn name(self) -> &'static str {
        Code::ALL[self as usize].1
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_names_and_yaml_agree() {
        for number in 0..17 {
            let code = Code::of(number).unwrap();
            assert_eq!(code as u32, number);
            assert_eq!(serde_json::to_value(code).unwrap(), code.name());
            assert_eq!(serde_json::from_value::<Code>(code.name().into()).unwrap(), code);
        }
        assert_eq!(Code::of(17), None);
        assert_eq!(Code::NotFound as u32, 5);
        assert_eq!(Code::Unauthenticated as u32, 16);
    }
}
