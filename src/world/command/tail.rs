//! The end of a command's output.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe::Receiver;

use crate::world::secrets::Redactor;

/// How much of a command's output is kept, in bytes.
pub const TAIL: usize = 4096;

/// Collects output and forgets all but its end. Clones share it.
#[derive(Debug, Clone)]
pub struct Tail {
    bytes: Arc<Mutex<VecDeque<u8>>>,
    redactor: Redactor,
}

impl Tail {
    /// Keeps the last [`TAIL`] bytes, without the values of secrets.
    pub fn new(redactor: Redactor) -> Self {
        Tail { bytes: Arc::default(), redactor }
    }

    /// Reads until nobody writes any more.
    pub async fn read(self, mut from: Receiver) {
        let mut chunk = [0; 8192];
        while let Ok(n @ 1..) = from.read(&mut chunk).await {
            self.push(&chunk[..n]);
        }
    }

    fn push(&self, chunk: &[u8]) {
        // A value that is cut in half would not be recognised: keep so much more that the cut lies outside the tail.
        let keep = TAIL + self.redactor.longest();
        let mut bytes = self.bytes.lock().unwrap_or_else(PoisonError::into_inner);
        bytes.extend(chunk);
        let excess = bytes.len().saturating_sub(keep);
        bytes.drain(..excess);
    }

    /// What is there now: at most [`TAIL`] bytes, bytes that are not UTF-8 replaced.
    pub fn text(&self) -> String {
        let bytes: Vec<u8> = self.bytes.lock().unwrap_or_else(PoisonError::into_inner).iter().copied().collect();
        let text = self.redactor.redact(&String::from_utf8_lossy(&bytes));
        let mut start = text.len().saturating_sub(TAIL);
        while !text.is_char_boundary(start) {
            start += 1;
        }
        text[start..].to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::secrets::Secrets;
    use proptest::prelude::*;

    #[test]
    fn a_secret_that_the_cut_goes_through_does_not_show() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "correct-horse-battery").unwrap();
        let secrets = Secrets::new();
        secrets.resolve(&format!("${{file:{}}}", file.path().display())).unwrap();
        for cut in 0..30 {
            let tail = Tail::new(secrets.redactor());
            tail.push(b"correct-horse-battery");
            tail.push(&vec![b'.'; TAIL - cut]);
            assert!(!tail.text().contains("battery"), "cut at {cut}");
        }
    }

    proptest! {
        #[test]
        fn the_end_is_kept_and_never_more_than_the_limit(chunks in proptest::collection::vec("[a-z€]{0,3000}", 0..6)) {
            let tail = Tail::new(Redactor::default());
            chunks.iter().for_each(|chunk| tail.push(chunk.as_bytes()));
            let (text, whole) = (tail.text(), chunks.concat());
            prop_assert!(text.len() <= TAIL);
            let kept = text.trim_start_matches('\u{fffd}');
            prop_assert!(whole.ends_with(kept) && kept.len() + 12 > TAIL.min(whole.len()));
        }
    }
}
