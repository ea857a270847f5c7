//! Load workers as real processes, against servers that behave and servers that do not.

mod bad_data;
mod bad_input;
mod bad_profile;
mod bad_tls;
mod drive;
mod echo;
mod handshake;
mod grpc;
#[cfg(feature = "goose")]
mod journeys;
mod lease;
mod open;
mod requests;
mod ramping;
mod secure;
mod server;
mod tls;
