//! Timeout: a black hole. What enters stays there until the rule goes; with a limit, the connection is closed then.

use std::time::Duration;

use super::{Chunk, End, Gate, Passage, Past, Rule};
use crate::model::{Delta, Offset, Ways};

/// Connections are accepted or kept; no byte passes, no end of stream, and no reset.
pub(super) struct Timeout {
    limit: Option<Delta>,
    ways: Ways,
}

impl Timeout {
    /// Closes connections after `limit`, never when that is zero.
    pub(super) fn new(limit: Duration, ways: Ways) -> Self {
        Timeout { limit: (!limit.is_zero()).then(|| Delta::from(limit)), ways }
    }
}

impl Rule for Timeout {
    fn gate(&self) -> Gate {
        // One that ends connections has to see them; one way alone lets the attempt through.
        if self.limit.is_some() || self.ways == Ways::Down { Gate::Open } else { Gate::Held }
    }

    fn passage(&self, _: &Chunk, _: Offset, _: &Past) -> Passage {
        Passage::Held
    }

    fn end(&self, past: &Past) -> Option<(Offset, End)> {
        self.limit.map(|limit| (past.since + limit, End::Closed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proxy::rules::Direction;

    #[test]
    fn it_keeps_connections_and_holds_every_chunk_and_end() {
        let hole = Timeout::new(Duration::ZERO, Ways::Both);
        assert_eq!(hole.gate(), Gate::Held);
        let past = Past::new(Offset::ZERO);
        for len in [0, 1, 65_536] {
            let chunk = Chunk { direction: Direction::Up, arrived: Offset::ZERO, len, lot: 3, hold: None };
            assert_eq!(hole.passage(&chunk, Offset::ZERO, &past), Passage::Held);
        }
        assert_eq!(hole.end(&past), None);
        assert_eq!(Timeout::new(Duration::ZERO, Ways::Down).gate(), Gate::Open);
    }

    #[test]
    fn with_a_limit_it_closes_that_long_after_it_covers_the_connection() {
        let past = Past::new(Offset::from_millis(7));
        let end = Timeout::new(Duration::from_millis(100), Ways::Both).end(&past);
        assert_eq!(end, Some((Offset::from_millis(107), End::Closed)));
    }
}
