//! How a value is put into a path, a query or a JSON string without breaking it.

use bytes::{BufMut, BytesMut};

/// How a value is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Escape {
    /// As it is.
    None,
    /// Percent-encoded, all but the unreserved characters (RFC 3986, 2.3): safe in a segment of a path and in a query.
    Percent,
    /// As the inside of a JSON string (RFC 8259, 7).
    Json,
}

const HEX: &[u8; 16] = b"0123456789ABCDEF";

impl Escape {
    /// Writes `text` to `out`.
    pub fn write(self, text: &str, out: &mut BytesMut) {
        match self {
            Escape::None => out.put_slice(text.as_bytes()),
            Escape::Percent => each(text, out, |byte, out| {
                let plain = byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
                if !plain {
                    out.put_slice(&[b'%', HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 0x0f)]]);
                }
                plain
            }),
            Escape::Json => each(text, out, |byte, out| {
                match byte {
                    b'"' | b'\\' => out.put_slice(&[b'\\', byte]),
                    b'\n' => out.put_slice(b"\\n"),
                    b'\r' => out.put_slice(b"\\r"),
                    b'\t' => out.put_slice(b"\\t"),
                    0..=0x1f => {
                        out.put_slice(b"\\u00");
                        out.put_slice(&[HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 0x0f)]]);
                    }
                    _ => return true,
                }
                false
            }),
        }
    }

    /// `text`, written.
    pub fn text(self, text: &str) -> String {
        let mut out = BytesMut::with_capacity(text.len());
        self.write(text, &mut out);
        // Only ASCII is ever put in, so that it stays UTF-8.
        String::from_utf8_lossy(&out).into_owned()
    }
}

/// Copies the bytes of a text that are plain; `write` says which are, and writes what stands for the others.
fn each(text: &str, out: &mut BytesMut, write: impl Fn(u8, &mut BytesMut) -> bool) {
    for byte in text.bytes() {
        if write(byte, out) {
            out.put_u8(byte);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::http::uri::PathAndQuery;
    use proptest::prelude::*;

    fn decoded(text: &str) -> String {
        let url = url::Url::parse(&format!("http://x/?{text}=")).unwrap();
        url.query_pairs().next().map(|(name, _)| name.into_owned()).unwrap_or_default()
    }

    #[test]
    fn known_values() {
        assert_eq!(Escape::Percent.text("a b&c=d/é+%"), "a%20b%26c%3Dd%2F%C3%A9%2B%25");
        assert_eq!(Escape::Json.text("a \"b\"\\\n\u{1}é"), "a \\\"b\\\"\\\\\\n\\u0001é");
        assert_eq!(Escape::None.text("a b&c"), "a b&c");
    }

    proptest! {
        #[test]
        fn percent_encoding_can_be_undone(text in "\\PC{0,30}|[ -~\n]{0,30}") {
            let encoded = Escape::Percent.text(&text);
            prop_assert_eq!(decoded(&encoded), text);
        }

        #[test]
        fn any_value_makes_a_path_that_http_accepts(text: String) {
            let path = format!("/orders/{0}/x?q={0}&r=1", Escape::Percent.text(&text));
            let parsed: PathAndQuery = path.parse().unwrap();
            prop_assert_eq!(parsed.as_str(), path.as_str());
            prop_assert_eq!(parsed.path().split('/').count(), 4);
            prop_assert_eq!(parsed.query().unwrap().split('&').count(), 2);
        }

        #[test]
        fn any_value_makes_a_json_string(text: String) {
            let json = format!("\"{}\"", Escape::Json.text(&text));
            prop_assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
        }
    }
}
