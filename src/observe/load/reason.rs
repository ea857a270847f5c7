//! Why a request failed, or did not leave: small enough to be written down for each, spoken only when a line is made.

use std::fmt;
use std::io;
use std::time::Duration;

use crate::model::grpc::Code;

/// How long a sender or a user rests after a connection failed: a target that refuses is not to be stormed. Twenty
/// eager users made 11,000 failures a second without it.
pub const BACK_OFF: Duration = Duration::from_millis(10);

/// Why a request failed, or did not leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// No connection was made, with the system's error number.
    Connect(i32),
    /// The connection broke before the whole answer was in.
    Closed,
    /// No whole answer within the timeout.
    Timeout,
    /// The answer was not HTTP.
    Protocol,
    /// TLS could not be agreed on: a certificate, a name, a version.
    Tls,
    /// The status was not a good one.
    Status(u16),
    /// The gRPC status was not a good one.
    Grpc(u8),
    /// Something else of the answer was not as expected.
    Check(Check),
    /// The answer was larger than the profile allows.
    TooLarge,
    /// Every sender waited for the target.
    Dropped,
    /// This machine could not send, with the system's error number.
    Local(i32),
    /// The target's name could not be resolved.
    Unresolved,
    /// This process was so late that the latency would have been its own.
    TooLate,
    /// The template's values made something that HTTP does not allow, or a message that the gRPC method does not take.
    NotHttp,
    /// A data file has no row left.
    Exhausted,
    /// A value from an earlier answer is needed, and there is none.
    NoValue,
}

/// What of an answer was not as expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Check {
    /// A header.
    Header,
    /// The body's text.
    Body,
    /// A value in the JSON body.
    Json,
    /// The latency.
    Latency,
    /// A value that later steps need was not there.
    Extract,
}

impl Reason {
    /// Whether the reason lies with us, so that nothing was learnt of the target.
    pub fn is_ours(self) -> bool {
        matches!(
            self,
            Reason::Local(_)
                | Reason::Unresolved
                | Reason::TooLate
                | Reason::NotHttp
                | Reason::Exhausted
                | Reason::NoValue
        )
    }

    /// Whether the connection was at fault: the next one is not tried at once.
    pub fn calls_for_rest(self) -> bool {
        matches!(self, Reason::Connect(_) | Reason::Closed | Reason::Tls | Reason::Local(_) | Reason::Unresolved)
    }

    /// What an I/O error while connecting says.
    pub fn of_connecting(error: &io::Error) -> Reason {
        let code = error.raw_os_error().unwrap_or(0);
        if is_local(code) { Reason::Local(code) } else { Reason::Connect(code) }
    }

    /// What an I/O error on an open connection says.
    pub fn of_connection(error: &io::Error) -> Reason {
        let code = error.raw_os_error().unwrap_or(0);
        if is_local(code) { Reason::Local(code) } else { Reason::Closed }
    }
}

/// Whether an error number says that this machine could not send: no files, no ports, no memory, no route of its own.
fn is_local(code: i32) -> bool {
    use rustix::io::Errno;
    let local = [
        Errno::MFILE,
        Errno::NFILE,
        Errno::ADDRNOTAVAIL,
        Errno::NOBUFS,
        Errno::NOMEM,
        Errno::NETUNREACH,
        Errno::NETDOWN,
    ];
    local.iter().any(|errno| errno.raw_os_error() == code)
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reason::Connect(0) => f.write_str("no connection"),
            Reason::Connect(code) => write!(f, "no connection: {}", io::Error::from_raw_os_error(*code)),
            Reason::Closed => f.write_str("connection closed before the answer was complete"),
            Reason::Timeout => f.write_str("no complete answer within the timeout"),
            Reason::Protocol => f.write_str("the answer is not HTTP"),
            Reason::Tls => f.write_str("TLS could not be agreed on: certificate, name or version"),
            Reason::Status(status) => write!(f, "status {status}"),
            Reason::Grpc(code) => match Code::of(u32::from(*code)) {
                Some(code) => write!(f, "gRPC status {code}"),
                None => write!(f, "gRPC status {code}"),
            },
            Reason::Check(check) => write!(f, "{check}"),
            Reason::TooLarge => f.write_str("the answer is larger than http.response_limit"),
            Reason::Dropped => {
                f.write_str("dropped: every sender waits for an answer; raise max_senders to hold longer")
            }
            Reason::Local(code) => write!(f, "not sent: {}", io::Error::from_raw_os_error(*code)),
            Reason::Unresolved => f.write_str("not sent: the target's name could not be resolved"),
            Reason::TooLate => f.write_str("not sent: this machine was too busy to send it in time"),
            Reason::NotHttp => {
                f.write_str("not sent: its values made a path, header or gRPC message that is not allowed")
            }
            Reason::Exhausted => f.write_str("not sent: a data file with `order: once` has no row left"),
            Reason::NoValue => f.write_str("not sent: a value from an earlier answer is missing"),
        }
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Check::Header => "a header of the answer is not as expected",
            Check::Body => "the answer's body is not as expected",
            Check::Json => "a JSON value of the answer is not as expected",
            Check::Latency => "the answer was slower than `expect.latency`",
            Check::Extract => "a value that later steps need is not in the answer",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::io::Errno;

    #[test]
    fn our_own_troubles_are_told_from_the_targets() {
        for errno in [Errno::MFILE, Errno::ADDRNOTAVAIL, Errno::NETUNREACH] {
            assert!(Reason::of_connecting(&errno.into()).is_ours());
        }
        for errno in [Errno::CONNREFUSED, Errno::HOSTUNREACH, Errno::TIMEDOUT, Errno::CONNRESET] {
            assert!(!Reason::of_connecting(&errno.into()).is_ours());
        }
        assert_eq!(Reason::of_connection(&Errno::CONNRESET.into()), Reason::Closed);
        assert!(Reason::of_connecting(&Errno::CONNREFUSED.into()).to_string().contains("refused"));
    }
}
