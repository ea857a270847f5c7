//! What happened, as data: events, observations, windows, and pure queries over them.

pub mod event;
pub mod ledger;
pub mod hist;
pub mod load_line;
pub mod restore;
