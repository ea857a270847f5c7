//! From an error to whose failure it is.

use std::error::Error;
use std::io;

use rustix::io::Errno;

use super::{ExchangeFailure, FailureClass};

/// The class of an I/O error on a connection.
///
/// `EHOSTUNREACH` is theirs: on the same network it means that the target's host answers no ARP, which is what a dead
/// host looks like. `ENETUNREACH` is ours: this machine has no route. `EACCES` and `EPERM` come from this
/// machine's own packet filter.
pub fn of_io(e: &io::Error) -> FailureClass {
    if let Some(errno) = e.raw_os_error().map(Errno::from_raw_os_error) {
        return match errno {
            Errno::CONNREFUSED => FailureClass::Refused,
            Errno::CONNRESET | Errno::CONNABORTED | Errno::PIPE | Errno::NOTCONN => FailureClass::Reset,
            Errno::TIMEDOUT => FailureClass::Timeout,
            Errno::MFILE
            | Errno::NFILE
            | Errno::ADDRNOTAVAIL
            | Errno::ADDRINUSE
            | Errno::NETUNREACH
            | Errno::NETDOWN
            | Errno::NOBUFS
            | Errno::NOMEM
            | Errno::ACCESS
            | Errno::PERM
            | Errno::AFNOSUPPORT
            | Errno::INVAL => FailureClass::Local,
            _ => FailureClass::Other,
        };
    }
    match e.kind() {
        io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => {
            FailureClass::Reset
        }
        io::ErrorKind::TimedOut => FailureClass::Timeout,
        io::ErrorKind::OutOfMemory => FailureClass::Local,
        _ => FailureClass::Other,
    }
}

/// The class of an error of the HTTP exchange itself.
pub fn of_hyper(e: &hyper::Error) -> FailureClass {
    if let Some(io) = causes(e).find_map(|cause| cause.downcast_ref::<io::Error>()) {
        return of_io(io);
    }
    if e.is_incomplete_message() || e.is_canceled() || e.is_closed() {
        FailureClass::Reset
    } else if e.is_timeout() {
        FailureClass::Timeout
    } else if e.is_user() {
        FailureClass::Local
    } else {
        FailureClass::Other
    }
}

/// A failure of the exchange, in the words of the innermost cause.
pub fn exchange(e: &hyper::Error, sent: bool) -> ExchangeFailure {
    let detail = match causes(e).last() {
        Some(cause) if is_no_http2(e) => format!("{e}: {cause}; does it speak HTTP/2?"),
        Some(cause) => format!("{e}: {cause}"),
        None => e.to_string(),
    };
    ExchangeFailure { class: of_hyper(e), detail, sent: sent && !is_refused_stream(e) }
}

/// Whether an HTTP/2 server says that it has not looked at the request (RFC 9113, section 8.7).
fn is_refused_stream(e: &hyper::Error) -> bool {
    let mut of_http2 = causes(e).filter_map(|cause| cause.downcast_ref::<h2::Error>());
    of_http2.any(|e| e.reason() == Some(h2::Reason::REFUSED_STREAM))
}

/// Whether what came from the other side was not HTTP/2 at all, as our side sees it.
fn is_no_http2(e: &hyper::Error) -> bool {
    const READS_AS: [h2::Reason; 2] = [h2::Reason::FRAME_SIZE_ERROR, h2::Reason::PROTOCOL_ERROR];
    let mut of_http2 = causes(e).filter_map(|cause| cause.downcast_ref::<h2::Error>());
    of_http2.any(|e| !e.is_remote() && e.reason().is_some_and(|reason| READS_AS.contains(&reason)))
}

fn causes<'a>(e: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(e.source(), |e: &&'a (dyn Error + 'static)| (*e).source())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_ours_and_what_is_theirs() {
        let class = |errno: Errno| of_io(&io::Error::from_raw_os_error(errno.raw_os_error()));
        for ours in [Errno::MFILE, Errno::NFILE, Errno::ADDRNOTAVAIL, Errno::NETUNREACH, Errno::NOMEM, Errno::PERM] {
            assert!(class(ours).is_ours(), "{ours:?}");
        }
        for theirs in [Errno::CONNREFUSED, Errno::CONNRESET, Errno::PIPE, Errno::TIMEDOUT, Errno::HOSTUNREACH] {
            assert!(!class(theirs).is_ours(), "{theirs:?}");
        }
        assert_eq!(class(Errno::CONNREFUSED), FailureClass::Refused);
        assert_eq!(class(Errno::CONNRESET), FailureClass::Reset);
        assert_eq!(class(Errno::TIMEDOUT), FailureClass::Timeout);
        assert_eq!(of_io(&io::ErrorKind::UnexpectedEof.into()), FailureClass::Reset);
        assert_eq!(of_io(&io::ErrorKind::InvalidData.into()), FailureClass::Other);
    }
}
