//! One file per fault kind: what it prepares, how it injects.
