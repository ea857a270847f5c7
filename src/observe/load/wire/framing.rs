//! What the head of an HTTP/1.1 answer says about its body (RFC 9112, 6.3) and its connection (9.3). Pure.

use hyper::Method;

use crate::observe::load::reason::Reason;

/// How the end of an answer's body is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Length {
    /// After so many bytes.
    Exactly(u64),
    /// By its chunks.
    Chunked,
    /// By the end of the connection.
    UntilClose,
}

/// What matters of a head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Framing {
    /// The status.
    pub status: u16,
    /// How long the body is.
    pub length: Length,
    /// Whether the connection may be used again.
    pub keep: bool,
}

impl Framing {
    /// Reads it out of a head.
    ///
    /// # Errors
    ///
    /// [`Reason::Protocol`] when lengths contradict each other or are no numbers.
    pub fn of(head: &httparse::Response<'_, '_>, method: &Method) -> Result<Framing, Reason> {
        let status = head.code.ok_or(Reason::Protocol)?;
        let mut keep = head.version == Some(1);
        let mut length = None;
        let mut coded = None;
        for header in head.headers.iter() {
            // Three names among dozens: their lengths tell most of the others apart.
            match header.name.len() {
                10 if header.name.eq_ignore_ascii_case("connection") => {
                    for word in words(header.value) {
                        match word {
                            word if word.eq_ignore_ascii_case(b"close") => keep = false,
                            word if word.eq_ignore_ascii_case(b"keep-alive") => keep = true,
                            _ => {}
                        }
                    }
                }
                14 if header.name.eq_ignore_ascii_case("content-length") => {
                    for word in words(header.value) {
                        let said = number(word).ok_or(Reason::Protocol)?;
                        if length.is_some_and(|before| before != said) {
                            return Err(Reason::Protocol);
                        }
                        length = Some(said);
                    }
                }
                17 if header.name.eq_ignore_ascii_case("transfer-encoding") => {
                    // The last coding counts, of the last such line.
                    coded = words(header.value).last().map(|word| word.eq_ignore_ascii_case(b"chunked"));
                }
                _ => {}
            }
        }
        let length = if *method == Method::HEAD || status < 200 || status == 204 || status == 304 {
            Length::Exactly(0)
        } else {
            match (coded, length) {
                (Some(true), _) => Length::Chunked,
                (Some(false), _) | (None, None) => Length::UntilClose,
                (None, Some(length)) => Length::Exactly(length),
            }
        };
        Ok(Framing { status, length, keep: keep && length != Length::UntilClose && status != 101 })
    }
}

/// The words of a comma-separated value.
fn words(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii)
}

fn number(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0u64, |number, digit| {
        let digit = char::from(*digit).to_digit(10)?;
        number.checked_mul(10)?.checked_add(u64::from(digit))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(head: &str, method: Method) -> Result<Framing, Reason> {
        let mut headers = [httparse::EMPTY_HEADER; 16];
        let head = format!("{head}\r\n\r\n");
        let mut parsed = httparse::Response::new(&mut headers);
        parsed.parse(head.as_bytes()).unwrap();
        Framing::of(&parsed, &method)
    }

    fn get(head: &str) -> (Length, bool) {
        let framing = of(head, Method::GET).unwrap();
        (framing.length, framing.keep)
    }

    #[test]
    fn the_end_of_a_body_is_found_as_the_standard_says() {
        assert_eq!(get("HTTP/1.1 200 OK\r\nContent-Length: 12"), (Length::Exactly(12), true));
        assert_eq!(get("HTTP/1.1 200 OK\r\nContent-Length: 12, 12"), (Length::Exactly(12), true));
        assert_eq!(get("HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, CHUNKED"), (Length::Chunked, true));
        assert_eq!(get("HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked"), (Length::Chunked, true));
        assert_eq!(get("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip"), (Length::UntilClose, false));
        assert_eq!(get("HTTP/1.1 200 OK"), (Length::UntilClose, false));
        assert_eq!(get("HTTP/1.1 204 No\r\nContent-Length: 5"), (Length::Exactly(0), true));
        assert_eq!(get("HTTP/1.1 304 No\r\nContent-Length: 5"), (Length::Exactly(0), true));
        let head = of("HTTP/1.1 200 OK\r\nContent-Length: 5", Method::HEAD).unwrap();
        assert_eq!(head.length, Length::Exactly(0));
    }

    #[test]
    fn a_connection_is_kept_only_where_both_want_it() {
        let length = "Content-Length: 0";
        assert!(!get(&format!("HTTP/1.1 200 OK\r\n{length}\r\nConnection: close")).1);
        assert!(!get(&format!("HTTP/1.0 200 OK\r\n{length}")).1);
        assert!(get(&format!("HTTP/1.0 200 OK\r\n{length}\r\nConnection: Keep-Alive")).1);
        assert!(!get("HTTP/1.1 101 Switching").1);
    }

    #[test]
    fn lengths_that_contradict_each_other_are_not_http() {
        for wrong in ["5\r\nContent-Length: 6", "5, 6", "-1", "five", "", "99999999999999999999"] {
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {wrong}");
            assert_eq!(of(&head, Method::GET), Err(Reason::Protocol), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn digits_are_a_number_and_nothing_else_is(value: u64, junk in "[^0-9]{1,4}") {
            prop_assert_eq!(number(value.to_string().as_bytes()), Some(value));
            let junk = format!("{value}{junk}");
            prop_assert_eq!(number(junk.as_bytes()), None);
        }
    }
}
