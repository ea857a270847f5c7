//! The link proxy: one pump does the I/O, rules decide.
