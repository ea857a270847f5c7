//! Reset: a connection is reset some time after its first chunk.

use std::time::Duration;

use super::{Chunk, End, Passage, Past, Rule};
use crate::model::{Delta, Offset};

/// What the connection has to say is held, and a while after its first chunk both sides are reset.
pub(super) struct Reset {
    after: Delta,
}

impl Reset {
    pub(super) fn new(after: Duration) -> Self {
        Reset { after: Delta::from(after) }
    }
}

impl Rule for Reset {
    fn passage(&self, _: &Chunk, _: Offset, _: &Past) -> Passage {
        Passage::Held
    }

    fn end(&self, past: &Past) -> Option<(Offset, End)> {
        past.first.map(|first| (first + self.after, End::Reset))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_idle_connection_stands_and_the_first_chunk_starts_the_clock() {
        let rule = Reset::new(Duration::from_millis(40));
        let mut past = Past::new(Offset::ZERO);
        assert_eq!(rule.end(&past), None);
        past.first = Some(Offset::from_millis(3));
        assert_eq!(rule.end(&past), Some((Offset::from_millis(43), End::Reset)));
    }
}
