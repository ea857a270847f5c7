//! The house's rules, read from the source: layers, sizes, forbidden words, papers. A rule that nothing enforces is a
//! wish.
//!
//! Exceptions stand in lists beside the rules, each with its reason; one that is not needed any more fails as well.

mod layers;
mod papers;
mod sizes;
mod source;
mod words;

/// Fails with all findings at once.
#[track_caller]
fn none(rule: &str, findings: &[String]) {
    assert!(findings.is_empty(), "{rule}:\n  {}\n", findings.join("\n  "));
}
