//! What one direction of a connection holds back: a bounded queue of chunks, and the question when its head may leave.
//!
//! Pure: time is an argument. Chunks leave in the order in which they came, whatever the rules say about each.

use std::collections::VecDeque;

use bytes::{Buf, Bytes};

use super::rules::{Chunk, Lives, Passage, RuleSet, remainder};
use crate::model::Offset;

/// Most that one direction holds, in bytes, its bookkeeping included. A sender that is faster is slowed down by TCP
/// itself, so a latency of `L` limits one connection to `WINDOW / L` bytes per second in each direction (16 MB/s at 250
/// ms).
pub const WINDOW: usize = 4 << 20;

/// What a chunk costs beside its bytes, so that a stream of single bytes is bounded too.
const OVERHEAD: usize = 128;

/// What travels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Load {
    /// Bytes, at least one.
    Bytes(Bytes),
    /// The sender is done: the other direction goes on.
    Fin,
    /// The sender reset the connection.
    Reset,
}

struct Piece {
    chunk: Chunk,
    load: Load,
}

/// What is to be done now.
#[derive(Debug, PartialEq, Eq)]
pub enum Due<'a> {
    /// Nothing is held.
    Nothing,
    /// The head waits for a rule to go.
    Held,
    /// The head may leave at that time, not before.
    At(Offset),
    /// The head may leave.
    Now(&'a Load),
}

/// The chunks that one direction holds, oldest first.
#[derive(Default)]
pub struct Window {
    pieces: VecDeque<Piece>,
    cost: usize,
}

impl Window {
    /// Whether nothing is held.
    pub fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    /// Whether one more read may be taken in. A read may exceed the window by its own length, once.
    pub fn has_room(&self) -> bool {
        self.cost < WINDOW
    }

    /// Takes a piece in, behind all others.
    pub fn push(&mut self, chunk: Chunk, load: Load) {
        self.cost += cost(&load);
        self.pieces.push_back(Piece { chunk, load });
    }

    /// What is to be done with the head under these rules, which may cut it first. `now` is asked only when time
    /// matters.
    pub fn due(&mut self, rules: &RuleSet, lives: &mut Lives, now: impl FnOnce() -> Offset) -> Due<'_> {
        if rules.is_empty() {
            return self.pieces.front().map_or(Due::Nothing, |head| Due::Now(&head.load));
        }
        let Some(head) = self.pieces.front() else { return Due::Nothing };
        let cut = rules.cut(&head.chunk, lives);
        if cut < head.chunk.len {
            self.cut(cut);
        }
        let Some(head) = self.pieces.front() else { return Due::Nothing };
        match rules.passage(&head.chunk, lives) {
            Passage::Held => Due::Held,
            Passage::At(at) if at <= head.chunk.arrived || at <= now() => Due::Now(&head.load),
            Passage::At(at) => Due::At(at),
        }
    }

    /// Makes two pieces of the head, the first of `len` bytes.
    fn cut(&mut self, len: usize) {
        let Some(Piece { chunk, load: Load::Bytes(bytes) }) = self.pieces.front_mut() else { return };
        let first = Piece { chunk: Chunk { len, ..*chunk }, load: Load::Bytes(bytes.split_to(len)) };
        chunk.len -= len;
        chunk.lot = remainder(chunk.lot);
        self.pieces.push_front(first);
        self.cost += OVERHEAD;
    }

    /// `written` bytes of the head have left.
    pub fn advance(&mut self, written: usize, rules: &RuleSet, lives: &mut Lives, now: impl FnOnce() -> Offset) {
        let Some(Piece { chunk, load: Load::Bytes(bytes) }) = self.pieces.front_mut() else { return };
        let written = written.min(bytes.len());
        if !rules.is_empty() {
            rules.left(&Chunk { len: written, ..*chunk }, lives, now());
        }
        bytes.advance(written);
        chunk.len -= written;
        self.cost -= written;
        if bytes.is_empty() {
            self.pieces.pop_front();
            self.cost -= OVERHEAD;
        }
    }

    /// Forgets everything: there is nobody left to send it to.
    pub fn clear(&mut self) {
        *self = Window::default();
    }
}

fn cost(load: &Load) -> usize {
    OVERHEAD
        + match load {
            Load::Bytes(bytes) => bytes.len(),
            Load::Fin | Load::Reset => 0,
        }
}

#[cfg(test)]
#[path = "window_tests.rs"]
mod tests;
