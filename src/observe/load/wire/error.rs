//! What errors of the libraries say about whose fault it is.

use std::error::Error as StdError;
use std::io;
use std::sync::OnceLock;

use tokio_rustls::rustls;
use tokio_rustls::rustls::{AlertDescription, CertificateError};

use crate::observe::load::reason::Reason;

/// What went wrong first with TLS, in words: a reason is too small for them.
#[derive(Debug, Default)]
pub struct Trouble(OnceLock<String>);

/// A reason, and the words to it.
#[derive(Debug, Clone)]
pub struct Failure {
    /// Why.
    pub reason: Reason,
    /// Words, where the reason alone says too little.
    pub words: Option<String>,
}

impl Trouble {
    /// Keeps the words of a failure, if they are the first.
    pub(super) fn keep(&self, failure: &Failure) {
        if let Some(words) = &failure.words {
            let _ = self.0.set(words.clone());
        }
    }

    /// A reason as a person reads it.
    pub fn told(&self, reason: Reason) -> String {
        match (reason, self.0.get()) {
            (Reason::Tls, Some(words)) => format!("{reason}: {words}"),
            _ => reason.to_string(),
        }
    }
}

impl From<Reason> for Failure {
    fn from(reason: Reason) -> Failure {
        Failure { reason, words: None }
    }
}

impl Failure {
    /// Of TLS, in words of our own.
    pub fn of_tls(words: &str) -> Failure {
        Failure { reason: Reason::Tls, words: Some(words.to_owned()) }
    }

    /// What an I/O error on a stream says: the stream may be TLS, whose own errors come as these.
    pub fn of_stream(error: &io::Error) -> Failure {
        match source::<rustls::Error>(error) {
            Some(tls) => Failure::of_rustls(tls),
            None => Reason::of_connection(io_source(error).unwrap_or(error)).into(),
        }
    }

    /// What an error of hyper's says.
    pub fn of_hyper(error: &hyper::Error) -> Failure {
        if let Some(tls) = source::<rustls::Error>(error) {
            return Failure::of_rustls(tls);
        }
        if let Some(io) = io_source(error) {
            return Reason::of_connection(io).into();
        }
        let garbled = source::<h2::Error>(error).is_some_and(|e| e.is_library());
        let reason = match error {
            _ if error.is_timeout() => Reason::Timeout,
            _ if garbled || error.is_parse() => Reason::Protocol,
            _ => Reason::Closed,
        };
        reason.into()
    }

    fn of_rustls(error: &rustls::Error) -> Failure {
        let remedy = match error {
            rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer | CertificateError::BadSignature) => {
                "; name its authority's certificate in http.tls.ca"
            }
            rustls::Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            ) => "; if that is the right server, say its name in http.tls.server_name",
            rustls::Error::AlertReceived(AlertDescription::CertificateRequired | AlertDescription::BadCertificate) => {
                "; the server asks for a certificate of ours: http.tls.cert and http.tls.key"
            }
            rustls::Error::AlertReceived(AlertDescription::NoApplicationProtocol) => {
                "; the server does not speak the HTTP version that http.version asks for"
            }
            rustls::Error::InvalidMessage(_) => "; the server does not seem to speak TLS: is it an http:// address?",
            _ => "",
        };
        Failure { reason: Reason::Tls, words: Some(format!("{error}{remedy}")) }
    }
}

/// The I/O error with a number at the bottom of an error.
fn io_source<'e>(error: &'e (dyn StdError + 'static)) -> Option<&'e io::Error> {
    let io = |error: &'e (dyn StdError + 'static)| error.downcast_ref::<io::Error>();
    chain(error).filter_map(io).find(|error| error.raw_os_error().is_some())
}

/// The error of a kind below an error.
fn source<'e, E: StdError + 'static>(error: &'e (dyn StdError + 'static)) -> Option<&'e E> {
    chain(error).find_map(|error| error.downcast_ref::<E>())
}

/// An error and what lies below it. An I/O error may hold another one, which is not what it names as its source.
fn chain<'e>(error: &'e (dyn StdError + 'static)) -> impl Iterator<Item = &'e (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |error| below(*error))
}

fn below<'e>(error: &'e (dyn StdError + 'static)) -> Option<&'e (dyn StdError + 'static)> {
    match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
        Some(held) => Some(held),
        None => error.source(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::io::Errno;

    #[test]
    fn an_error_is_found_below_others() {
        let inner = io::Error::other(io::Error::from(Errno::MFILE));
        assert_eq!(io_source(&inner).and_then(io::Error::raw_os_error), Some(Errno::MFILE.raw_os_error()));
        assert!(io_source(&io::Error::other("nothing below")).is_none());
        assert_eq!(Failure::of_stream(&inner).reason, Reason::Local(Errno::MFILE.raw_os_error()));
        let tls = io::Error::other(rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer));
        let failure = Failure::of_stream(&io::Error::other(tls));
        assert_eq!(failure.reason, Reason::Tls);
        assert!(failure.words.is_some_and(|words| words.contains("http.tls.ca")));
    }

    #[test]
    fn the_first_words_are_kept_and_stand_behind_their_reason() {
        let trouble = Trouble::default();
        assert_eq!(trouble.told(Reason::Tls), Reason::Tls.to_string());
        trouble.keep(&Reason::Closed.into());
        trouble.keep(&Failure::of_tls("one"));
        trouble.keep(&Failure::of_tls("two"));
        assert!(trouble.told(Reason::Tls).ends_with(": one"));
        assert_eq!(trouble.told(Reason::Closed), Reason::Closed.to_string());
    }
}
