//! What a server says of a call.

use std::fmt;

use super::Code;

/// How a call ended, in the server's words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// The code.
    pub code: Code,
    /// What the server says beside it; often empty.
    pub message: String,
}

impl Status {
    /// Reads the values of `grpc-status` and `grpc-message`; none where there is no `grpc-status`. A number that the
    /// specification does not have is UNKNOWN, as it asks.
    pub fn parse(code: Option<&[u8]>, message: Option<&[u8]>) -> Option<Status> {
        let text = String::from_utf8_lossy(code?);
        let message = percent_decoded(message.unwrap_or_default());
        Some(match text.parse().ok().and_then(Code::of) {
            Some(code) => Status { code, message },
            None => Status { code: Code::Unknown, message: format!("status `{text}`: {message}") },
        })
    }

    /// The status that an HTTP status stands for where something between client and server answered in the server's
    /// place (doc/http-grpc-status-mapping.md of gRPC).
    pub fn of_http(status: u16) -> Status {
        let code = match status {
            400 => Code::Internal,
            401 => Code::Unauthenticated,
            403 => Code::PermissionDenied,
            404 => Code::Unimplemented,
            429 | 502..=504 => Code::Unavailable,
            _ => Code::Unknown,
        };
        Status { code, message: format!("HTTP status {status} and no status of gRPC") }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.message.as_str() {
            "" => write!(f, "{}", self.code),
            message => write!(f, "{}: {message}", self.code),
        }
    }
}

/// Undoes percent-encoding; what is no `%XX` stays as it is, as the specification asks.
fn percent_decoded(text: &[u8]) -> String {
    let digit = |at: usize| text.get(at).and_then(|byte| char::from(*byte).to_digit(16));
    let mut bytes = Vec::with_capacity(text.len());
    let mut at = 0;
    while let Some(byte) = text.get(at) {
        let encoded = (*byte == b'%').then(|| digit(at + 1).zip(digit(at + 2))).flatten();
        match encoded {
            // Two hexadecimal digits are less than 256.
            Some((high, low)) => bytes.push((high * 16 + low) as u8),
            None => bytes.push(*byte),
        }
        at += if encoded.is_some() { 3 } else { 1 };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// As the specification has it: printable ASCII but `%` stays.
    fn encoded(text: &str) -> String {
        text.bytes()
            .map(|b| if matches!(b, b' '..=b'~') && b != b'%' { (b as char).to_string() } else { format!("%{b:02X}") })
            .collect()
    }

    #[test]
    fn a_status_is_read() {
        let read = |code: &str, message: &str| Status::parse(Some(code.as_bytes()), Some(message.as_bytes())).unwrap();
        assert_eq!(read("5", "no%20such order").to_string(), "NOT_FOUND: no such order");
        assert_eq!(read("0", "").to_string(), "OK");
        assert_eq!(read("99", "x").to_string(), "UNKNOWN: status `99`: x");
        assert_eq!(read("13", "100% %zz %4").message, "100% %zz %4");
        assert_eq!(read("13", "%ff").message, "\u{fffd}");
        assert_eq!(Status::parse(None, Some(b"x")), None);
        assert_eq!(Status::of_http(503).code, Code::Unavailable);
        assert_eq!(Status::of_http(404).code, Code::Unimplemented);
    }

    proptest! {
        #[test]
        fn any_text_survives_percent_encoding(text in r"[%a-f0-9 é\PC\n]{0,40}") {
            prop_assert_eq!(percent_decoded(encoded(&text).as_bytes()), text);
        }

        #[test]
        fn any_bytes_are_decoded_somehow(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            prop_assert!(percent_decoded(&bytes).len() <= 3 * bytes.len());
        }
    }
}
