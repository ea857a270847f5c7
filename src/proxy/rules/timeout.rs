//! Timeout: a black hole. What enters stays there until the rule goes.

use super::{Chunk, Gate, Passage, Rule};
use crate::model::Offset;

/// Connections are accepted or kept; no byte passes, no end of stream, and no reset.
pub(super) struct Timeout;

impl Rule for Timeout {
    fn gate(&self) -> Gate {
        Gate::Held
    }

    fn passage(&self, _: &Chunk, _: Offset) -> Passage {
        Passage::Held
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proxy::rules::Direction;

    #[test]
    fn it_keeps_connections_and_holds_every_chunk_and_end() {
        assert_eq!(Timeout.gate(), Gate::Held);
        for len in [0, 1, 65_536] {
            let chunk = Chunk { direction: Direction::Up, arrived: Offset::ZERO, len, lot: 3 };
            assert_eq!(Timeout.passage(&chunk, Offset::ZERO), Passage::Held);
        }
    }
}
