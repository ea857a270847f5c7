//! Faults of networks against the real kernel, between network namespaces that the tests make. Nothing outside of them
//! is touched.

#[path = "../common/mod.rs"]
mod common;
#[path = "../docker/support.rs"]
mod engine;

mod bed;
mod containers;
mod dns;
mod fault;
mod killed;
mod refused;
mod rules;
mod shapes;
mod wire;
