//! Load workers as real processes, against servers that behave and servers that do not.

mod drive;
#[cfg(feature = "goose")]
mod journeys;
mod lease;
mod open;
mod ramping;
mod secure;
mod server;
mod tls;
