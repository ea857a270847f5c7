//! Where the body of a message ends (RFC 9112, section 6).

/// A body that is passing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Body {
    /// So many bytes are left.
    Length(u64),
    /// Chunks follow.
    Chunked(Chunks),
    /// Everything until the connection closes.
    UntilClose,
}

/// Where in a chunked body we are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Chunks {
    /// In the line with a chunk's size: the size so far, and whether digits may still follow.
    Size(u64, bool),
    /// In a chunk: bytes left, with the line end behind it.
    Data(u64),
    /// In the lines behind the last chunk: bytes of this line so far.
    Trailer(u64),
    /// Behind the last line.
    Done,
}

/// The bytes are no chunked body.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Malformed;

impl Body {
    pub(super) fn is_done(&self) -> bool {
        matches!(self, Body::Length(0) | Body::Chunked(Chunks::Done))
    }

    /// How many of these bytes belong to the body; remembers where it is.
    pub(super) fn take(&mut self, bytes: &[u8]) -> Result<usize, Malformed> {
        match self {
            Body::UntilClose => Ok(bytes.len()),
            Body::Length(left) => {
                let taken = usize::try_from(*left).unwrap_or(usize::MAX).min(bytes.len());
                *left -= taken as u64;
                Ok(taken)
            }
            Body::Chunked(at) => {
                let mut taken = 0;
                while taken < bytes.len() && *at != Chunks::Done {
                    taken += at.step(&bytes[taken..])?;
                }
                Ok(taken)
            }
        }
    }
}

impl Chunks {
    /// Takes what belongs to this state, at least a byte.
    fn step(&mut self, bytes: &[u8]) -> Result<usize, Malformed> {
        match self {
            Chunks::Data(left) => {
                let taken = usize::try_from(*left).unwrap_or(usize::MAX).min(bytes.len());
                *left -= taken as u64;
                if *left == 0 {
                    *self = Chunks::Size(0, true);
                }
                return Ok(taken);
            }
            Chunks::Size(size, digits) => match (bytes[0], *digits) {
                (b'\n', _) if *size == 0 => *self = Chunks::Trailer(0),
                // The line end behind the data counts as data.
                (b'\n', _) => *self = Chunks::Data(size.checked_add(2).ok_or(Malformed)?),
                (byte, true) if byte.is_ascii_hexdigit() => {
                    let digit = u64::from((byte as char).to_digit(16).unwrap_or(0));
                    *size = size.checked_mul(16).and_then(|s| s.checked_add(digit)).ok_or(Malformed)?;
                }
                (b'\r' | b';' | b' ' | b'\t', true) => *digits = false,
                (_, true) => return Err(Malformed),
                (_, false) => {}
            },
            Chunks::Trailer(length) => match bytes[0] {
                b'\n' if *length == 0 => *self = Chunks::Done,
                b'\n' => *length = 0,
                b'\r' => {}
                _ => *length += 1,
            },
            Chunks::Done => return Ok(0),
        }
        Ok(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_chunked_body_ends_behind_its_trailer() {
        let text = b"4;x=1\r\nWiki\r\nA\r\n0123456789\r\n0\r\nexpires: never\r\n\r\nGET / HTTP/1.1\r\n";
        for step in 1..text.len() {
            let mut body = Body::Chunked(Chunks::Size(0, true));
            let mut taken = 0;
            while !body.is_done() {
                taken += body.take(&text[taken..text.len().min(taken + step)]).expect("well formed");
            }
            assert_eq!(&text[taken..], b"GET / HTTP/1.1\r\n");
        }
        assert_eq!(Body::Chunked(Chunks::Size(0, true)).take(b"GET"), Err(Malformed));
        assert_eq!(Body::Chunked(Chunks::Size(0, true)).take(b"ffffffffffffffffff\r\n"), Err(Malformed));
    }

    proptest! {
        #[test]
        fn a_length_is_taken_exactly(length in 0u64..1000, pieces in prop::collection::vec(1usize..100, 1..40)) {
            let mut body = Body::Length(length);
            let taken: usize = pieces.iter().map(|len| body.take(&vec![0; *len]).expect("any bytes")).sum();
            prop_assert_eq!(taken as u64, length.min(pieces.iter().sum::<usize>() as u64));
        }

        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>) {
            let _ = Body::Chunked(Chunks::Size(0, true)).take(&bytes);
        }
    }
}
