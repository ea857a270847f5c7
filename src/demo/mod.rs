//! The orders service that the quickstart drill runs against.
