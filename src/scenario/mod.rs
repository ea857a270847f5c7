//! The scenario as written: typed YAML with positions, lint, fault specifications, and the resolved plan.
