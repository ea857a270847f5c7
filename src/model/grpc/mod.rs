//! gRPC as data: methods looked up in a descriptor set, messages to and from JSON, frames, status. No sockets, no
//! runtime, no clock; whoever has an HTTP/2 connection calls a method with these parts.
//!
//! A unary call, in order:
//!
//! 1. [`Descriptors::read`] a file of `protoc --descriptor_set_out=FILE --include_imports`, or [`Descriptors::health`];
//!    then [`Descriptors::method`]. Both once: a [`Method`] is cheap to clone and made for many calls.
//! 2. [`Method::encode`] turns a JSON message, every value in its place, into the whole body of the request. Send it
//!    by `POST` to [`Method::path`] with the headers `content-type: application/grpc`, `te: trailers`, and
//!    `grpc-timeout` from [`timeout_value`]. Metadata are headers; [`metadata_name`] says which names may be used.
//! 3. [`Answer::begin`] with the response's head, [`Answer::data`] with each piece of its body, [`Answer::trailers`]
//!    with its trailers, [`Answer::finish`] at its end: the [`Status`], and the message where the status is OK.
//! 4. [`Method::decode`] turns the message into JSON. A look that only wants the status skips this.
//!
//! `world::grpc` does this over connections of its own.

mod answer;
mod code;
mod frame;
mod health;
mod method;
mod status;
mod timeout;

pub use answer::{Answer, Broken, Reply};
pub use code::Code;
pub use frame::{Assembler, FrameError, frame};
pub use health::{HEALTH_CHECK, is_serving};
pub use method::{Descriptors, GrpcError, Method};
pub use status::Status;
pub use timeout::timeout_value;

/// A descriptor set with the service `shop.v1.Shop`, as bytes of a file.
#[cfg(test)]
pub(crate) fn shop() -> Vec<u8> {
    prost_reflect::prost::Message::encode_to_vec(&method::tests::set(&[]))
}

/// Largest message that is taken from a server, in bytes: 4 MiB, as gRPC clients have it.
pub const MAX_MESSAGE: usize = 4 << 20;

/// Reads the name of a metadatum: lower case letters, digits, `-`, `_` and `.`; the protocol's own headers are not for
/// users. The value of a name that ends with `-bin` is base64, written so by the user.
///
/// # Errors
/// What is wrong with it, in words.
pub fn metadata_name(name: &str) -> Result<(), String> {
    const OURS: [&str; 6] = ["content-type", "te", "host", "connection", "content-length", "transfer-encoding"];
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_' | '.');
    if name.is_empty() || !name.chars().all(fits) {
        return Err(format!("`{name}` cannot name metadata: lower case letters, digits, `-`, `_` and `.` only"));
    }
    if name.starts_with("grpc-") || OURS.contains(&name) {
        return Err(format!("`{name}` belongs to the protocol and is set by the client itself"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_keep_clear_of_the_protocol() {
        for name in ["authorization", "x-request-id", "trace-bin", "a.b_c"] {
            assert_eq!(metadata_name(name), Ok(()));
        }
        for name in ["", "Authorization", "a b", ":path", "grpc-timeout", "te", "content-type"] {
            assert!(metadata_name(name).is_err(), "{name}");
        }
    }
}
