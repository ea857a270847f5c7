//! Slow close: the end of a stream arrives later than its last byte.

use std::time::Duration;

use super::{Chunk, Passage, Past, Rule};
use crate::model::{Delta, Offset};

/// A delay for the end of the stream alone.
pub(super) struct SlowClose {
    delay: Delta,
}

impl SlowClose {
    pub(super) fn new(delay: Duration) -> Self {
        SlowClose { delay: Delta::from(delay) }
    }
}

impl Rule for SlowClose {
    fn passage(&self, chunk: &Chunk, ready: Offset, _: &Past) -> Passage {
        Passage::At(if chunk.len == 0 { ready + self.delay } else { ready })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proxy::rules::Direction;

    #[test]
    fn bytes_pass_at_once_and_the_end_waits() {
        let rule = SlowClose::new(Duration::from_millis(300));
        let past = Past::new(Offset::ZERO);
        let arrived = Offset::from_millis(5);
        let chunk = |len| Chunk { direction: Direction::Down, arrived, len, lot: 0, hold: None };
        assert_eq!(rule.passage(&chunk(1), arrived, &past), Passage::At(arrived));
        assert_eq!(rule.passage(&chunk(0), arrived, &past), Passage::At(Offset::from_millis(305)));
    }
}
