//! Length-prefixed messages (doc/PROTOCOL-HTTP2.md of gRPC): one byte that says whether the message is compressed, four
//! with its length, most significant first, and the message.

use bytes::Bytes;

/// Length of what stands before a message.
const HEAD: usize = 5;

/// Why a body does not hold exactly one message that can be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// The message is compressed, though no encoding was offered.
    #[error("the answer is compressed, which was not asked for: turn compression off for this method or client")]
    Compressed,
    /// The first byte is neither 0 nor 1.
    #[error("the answer does not begin as a message of gRPC does: its first byte is {0}")]
    NoFrame(u8),
    /// The message is larger than the limit.
    #[error("the answer has a message of {length} bytes, and {limit} are the limit")]
    TooLarge {
        /// Its length, as announced.
        length: usize,
        /// The limit.
        limit: usize,
    },
    /// The body goes on after its message.
    #[error("the answer holds more than one message: is the method a stream?")]
    More,
    /// The body ends within a message.
    #[error("the answer ended after {have} of {length} bytes of its message")]
    Short {
        /// What there is.
        have: usize,
        /// What was announced; 0 where not even that is known.
        length: usize,
    },
}

/// A message with what stands before it: the whole body of a unary request.
pub fn frame(message: &[u8]) -> Bytes {
    let mut framed = Vec::with_capacity(HEAD + message.len());
    framed.push(0);
    // Messages of 4 GiB do not come from a scenario.
    framed.extend_from_slice(&u32::try_from(message.len()).unwrap_or(u32::MAX).to_be_bytes());
    framed.extend_from_slice(message);
    framed.into()
}

/// Puts the body of a unary answer together, piece by piece, and stops at the first thing that is wrong.
#[derive(Debug, Clone)]
pub struct Assembler {
    bytes: Vec<u8>,
    limit: usize,
}

impl Assembler {
    /// For a message of at most `limit` bytes.
    pub fn new(limit: usize) -> Assembler {
        Assembler { bytes: Vec::new(), limit }
    }

    /// Takes the next piece.
    ///
    /// # Errors
    /// As soon as the body cannot hold one message that can be read.
    pub fn push(&mut self, piece: &[u8]) -> Result<(), FrameError> {
        let (head, rest) = piece.split_at(piece.len().min(HEAD.saturating_sub(self.bytes.len())));
        self.bytes.extend_from_slice(head);
        match self.bytes.first() {
            Some(1) => return Err(FrameError::Compressed),
            Some(flag @ 2..) => return Err(FrameError::NoFrame(*flag)),
            _ => {}
        }
        let Some(length) = self.length() else { return Ok(()) };
        if length > self.limit {
            return Err(FrameError::TooLarge { length, limit: self.limit });
        }
        if self.bytes.len() + rest.len() > HEAD + length {
            return Err(FrameError::More);
        }
        self.bytes.extend_from_slice(rest);
        Ok(())
    }

    /// The message; none where the body was empty, as it is where the call failed.
    ///
    /// # Errors
    /// When the body ended early.
    pub fn finish(self) -> Result<Option<Bytes>, FrameError> {
        let have = self.bytes.len().saturating_sub(HEAD);
        match self.length() {
            None if self.bytes.is_empty() => Ok(None),
            Some(length) if have == length => Ok(Some(Bytes::from(self.bytes).slice(HEAD..))),
            length => Err(FrameError::Short { have, length: length.unwrap_or(0) }),
        }
    }

    fn length(&self) -> Option<usize> {
        let head: &[u8; HEAD] = self.bytes.first_chunk()?;
        let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]);
        Some(usize::try_from(length).unwrap_or(usize::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn assembled(pieces: &[&[u8]], limit: usize) -> Result<Option<Bytes>, FrameError> {
        let mut body = Assembler::new(limit);
        pieces.iter().try_for_each(|piece| body.push(piece))?;
        body.finish()
    }

    #[test]
    fn what_is_wrong_is_told_as_soon_as_it_is_known() {
        assert_eq!(assembled(&[&[1]], 9), Err(FrameError::Compressed));
        assert_eq!(assembled(&[b"HTTP/1.1"], 9), Err(FrameError::NoFrame(b'H')));
        assert_eq!(assembled(&[&[0, 0, 0, 0], &[10]], 9), Err(FrameError::TooLarge { length: 10, limit: 9 }));
        assert_eq!(assembled(&[&frame(b"a"), &frame(b"b")], 9), Err(FrameError::More));
        assert_eq!(assembled(&[&[0, 0, 0]], 9), Err(FrameError::Short { have: 0, length: 0 }));
        assert_eq!(assembled(&[], 9), Ok(None));
        assert_eq!(assembled(&[&frame(b"")], 9), Ok(Some(Bytes::new())));
    }

    proptest! {
        #[test]
        fn a_message_survives_its_frame_however_it_is_cut(
            message in prop::collection::vec(any::<u8>(), 0..60),
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..4),
        ) {
            let framed = frame(&message);
            let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(framed.len() + 1)).collect();
            cuts.extend([0, framed.len()]);
            cuts.sort_unstable();
            let pieces: Vec<&[u8]> = cuts.windows(2).map(|pair| &framed[pair[0]..pair[1]]).collect();
            prop_assert_eq!(assembled(&pieces, 60), Ok(Some(Bytes::from(message.clone()))));
            let short = &framed[..framed.len() - 1];
            let is_short = matches!(assembled(&[short], 60), Err(FrameError::Short { .. }));
            prop_assert!(is_short);
        }

        #[test]
        fn any_body_is_judged(pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..9), 0..9)) {
            let pieces: Vec<&[u8]> = pieces.iter().map(Vec::as_slice).collect();
            if let Ok(Some(message)) = assembled(&pieces, 16) {
                prop_assert_eq!(frame(&message), Bytes::from(pieces.concat()));
            }
        }
    }
}
