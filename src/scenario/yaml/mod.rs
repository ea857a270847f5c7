//! YAML with positions: from text to a tree in which every value knows its place, and from the tree to any serde type,
//! with all errors of a file in one pass.

mod access;
mod de;
mod error;
mod interpolate;
mod node;
mod parse;
mod recover;
mod suggest;

pub use node::{Entry, Node, Number, Span, Trail, Value, shorten};
pub use parse::{Flaw, parse};
pub use suggest::{advice, nearest};

pub(super) use interpolate::interpolate;
pub(super) use recover::read;
