//! Restore proof: providers and the pure checks they share.
