//! `simulacro recover`
