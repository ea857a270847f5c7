//! Objectives against the timeline: pure functions.
