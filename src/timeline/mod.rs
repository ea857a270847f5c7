//! What happened, as data: events, observations, windows, and pure queries over them.

pub mod load_line;
