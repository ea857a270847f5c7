//! From the parts of a response to what the server said.

use bytes::Bytes;
use hyper::header::{CONTENT_TYPE, HeaderMap};

use super::{Assembler, Code, FrameError, Status};

/// A unary answer on its way. An answer may consist of a head alone, with the status in it ("Trailers-Only").
#[derive(Debug)]
pub struct Answer {
    status: Option<Status>,
    /// Something that does not speak gRPC answered; its body says nothing.
    foreign: bool,
    body: Assembler,
}

/// What the server said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// How the call ended.
    pub status: Status,
    /// The message; always there where the status is OK, and never otherwise.
    pub message: Option<Bytes>,
}

/// An answer that is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// Its body is not one message.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// It ended without a status.
    #[error("the answer ended without a status: something cut it off, or does not pass trailers on")]
    NoStatus,
    /// The status is OK and there is no message.
    #[error("the answer says OK and holds no message")]
    NoMessage,
    /// Something answered that does not speak gRPC.
    #[error("the answer is of type `{0}`, not gRPC: is something else listening there?")]
    Foreign(String),
}

impl Answer {
    /// Begins with the head of a response; the message may have at most `limit` bytes.
    ///
    /// # Errors
    /// When a server that does not speak gRPC says that all is well.
    pub fn begin(status: u16, headers: &HeaderMap, limit: usize) -> Result<Answer, Broken> {
        let kind = headers.get(CONTENT_TYPE).map_or(&b""[..], |kind| kind.as_bytes());
        let foreign = !kind.starts_with(b"application/grpc");
        let said = of_headers(headers);
        let status = match (said, status) {
            (Some(said), _) => Some(said),
            (None, 200) if foreign => return Err(Broken::Foreign(String::from_utf8_lossy(kind).into_owned())),
            (None, 200) => None,
            (None, other) => Some(Status::of_http(other)),
        };
        Ok(Answer { status, foreign, body: Assembler::new(limit) })
    }

    /// Takes a piece of the body.
    ///
    /// # Errors
    /// As soon as the body cannot be one message.
    pub fn data(&mut self, piece: &[u8]) -> Result<(), Broken> {
        if self.foreign {
            return Ok(());
        }
        Ok(self.body.push(piece)?)
    }

    /// Takes the trailers.
    pub fn trailers(&mut self, trailers: &HeaderMap) {
        if let Some(status) = of_headers(trailers) {
            self.status = Some(status);
        }
    }

    /// The response has ended.
    ///
    /// # Errors
    /// When it was not whole.
    pub fn finish(self) -> Result<Reply, Broken> {
        let status = self.status.ok_or(Broken::NoStatus)?;
        if status.code != Code::Ok {
            // What came before an error is not an answer.
            return Ok(Reply { status, message: None });
        }
        let message = self.body.finish()?.ok_or(Broken::NoMessage)?;
        Ok(Reply { status, message: Some(message) })
    }
}

fn of_headers(headers: &HeaderMap) -> Option<Status> {
    let value = |name| headers.get(name).map(|value| value.as_bytes());
    Status::parse(value("grpc-status"), value("grpc-message"))
}

#[cfg(test)]
mod tests {
    use super::super::frame;
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    const GRPC: (&str, &str) = ("content-type", "application/grpc+proto");

    fn answer(
        status: u16,
        head: &[(&'static str, &'static str)],
        body: &[u8],
        tail: &[(&'static str, &'static str)],
    ) -> Result<Reply, Broken> {
        let mut answer = Answer::begin(status, &headers(head), 100)?;
        answer.data(body)?;
        answer.trailers(&headers(tail));
        answer.finish()
    }

    #[test]
    fn a_status_comes_in_trailers_or_in_a_head_alone() {
        let reply = answer(200, &[GRPC], &frame(b"abc"), &[("grpc-status", "0")]).unwrap();
        assert_eq!((reply.status.code, reply.message.as_deref()), (Code::Ok, Some(&b"abc"[..])));
        let reply = answer(200, &[GRPC, ("grpc-status", "5"), ("grpc-message", "gone%21")], b"", &[]).unwrap();
        assert_eq!((reply.status.to_string(), reply.message), ("NOT_FOUND: gone!".to_owned(), None));
        // An error after half a message is that error, not a broken answer.
        let reply = answer(200, &[GRPC], &[0, 0, 0, 0, 9, 1], &[("grpc-status", "14")]).unwrap();
        assert_eq!((reply.status.code, reply.message), (Code::Unavailable, None));
    }

    #[test]
    fn what_is_not_whole_is_no_answer() {
        assert_eq!(answer(200, &[GRPC], &frame(b"abc"), &[]), Err(Broken::NoStatus));
        assert_eq!(answer(200, &[GRPC], b"", &[("grpc-status", "0")]), Err(Broken::NoMessage));
        let short = answer(200, &[GRPC], &[0, 0, 0, 0, 9, 1], &[("grpc-status", "0")]);
        assert_eq!(short, Err(Broken::Frame(FrameError::Short { have: 1, length: 9 })));
    }

    #[test]
    fn what_does_not_speak_grpc_is_recognised() {
        let page = [("content-type", "text/html")];
        assert_eq!(answer(200, &page, b"<html>", &[]), Err(Broken::Foreign("text/html".into())));
        let reply = answer(502, &page, b"<html>bad gateway", &[]).unwrap();
        assert_eq!(reply.status.to_string(), "UNAVAILABLE: HTTP status 502 and no status of gRPC");
    }
}
