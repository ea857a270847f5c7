//! One file per format, each a pure function of the result.
//!
//! The tables of [`tables`] hold the words; a format decides how they look. [`live`] is the only part that writes.

pub mod comparison;
pub mod hlog;
pub mod html;
pub mod json;
pub mod junit;
pub mod live;
pub mod markdown;
pub mod schema;
pub mod sums;
pub mod terminal;

mod chart;
mod glossary;
mod grid;
mod load;
mod restore;
mod table;
mod tables;
mod words;

#[cfg(test)]
pub(crate) mod sample;
