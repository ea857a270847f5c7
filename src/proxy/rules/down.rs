//! Down: nobody gets in, and whoever is in is thrown out.

use super::{Gate, Rule};

/// New connections are refused, established ones reset.
pub(super) struct Down;

impl Rule for Down {
    fn gate(&self) -> Gate {
        Gate::Cut
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_cuts() {
        assert_eq!(Down.gate(), Gate::Cut);
    }
}
