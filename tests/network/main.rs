//! Faults of networks against the real kernel, between network namespaces that the tests make. Nothing outside of them
//! is touched.

#[path = "../common/mod.rs"]
mod common;

mod bed;
mod dns;
mod fault;
mod killed;
mod refused;
mod rules;
mod shapes;
mod wire;
