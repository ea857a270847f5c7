//! HTTP/1.1 on a connection of its own: a request is one write, an answer is read to its end, nothing is spawned and no
//! buffer is made anew. The heads are parsed by httparse, the parser that hyper has (decision 21 says why not hyper).

use std::mem::MaybeUninit;

use bytes::{Buf, Bytes, BytesMut};
use hyper::Method;
use hyper::header::{CONTENT_LENGTH, HOST, HeaderMap, HeaderName, HeaderValue, TRANSFER_ENCODING, USER_AGENT};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::dial::Io;
use super::error::Failure;
use super::framing::{Framing, Length};
use super::{AGENT, Answered};
use crate::observe::load::answer::{Answer, Wants};
use crate::observe::load::plan::{Prepared, Rendered};
use crate::observe::load::reason::Reason;

/// The most headers of an answer, as in hyper.
const MOST_HEADERS: usize = 100;
/// The largest head or trailer, in bytes.
const LARGEST_HEAD: usize = 256 * 1024;
/// How much is read at once, in bytes: most answers fit.
const READ: usize = 4 * 1024;
/// As [`READ`], for bodies that are longer.
const READ_BODY: usize = 64 * 1024;
/// A body up to this size, in bytes, goes out in one write with its head.
const WITH_HEAD: usize = 16 * 1024;

/// What every request of a stream says alike.
#[derive(Debug)]
pub struct Style {
    host: Vec<u8>,
    agent: Vec<u8>,
}

/// An open connection.
#[derive(Debug)]
pub struct Connection<S = Io> {
    io: S,
    out: Vec<u8>,
    /// What has come and is not used up.
    got: BytesMut,
}

/// A body that is being read: what of it is kept, and how much there may be.
struct Intake {
    kept: Option<BytesMut>,
    left: u64,
}

impl Style {
    /// Of a stream whose target is `host`.
    pub fn new(host: &HeaderValue) -> Style {
        let line = |name: &str, value: &[u8]| [name.as_bytes(), b": ", value, b"\r\n"].concat();
        Style { host: line("host", host.as_bytes()), agent: line("user-agent", AGENT.as_bytes()) }
    }

    /// Writes the head of a request.
    fn write(&self, out: &mut Vec<u8>, method: &Method, rendered: &Rendered) {
        out.clear();
        for part in [method.as_str(), " ", rendered.path.as_str(), " HTTP/1.1\r\n"] {
            out.extend_from_slice(part.as_bytes());
        }
        if !rendered.headers.contains_key(HOST) {
            out.extend_from_slice(&self.host);
        }
        if !rendered.headers.contains_key(USER_AGENT) {
            out.extend_from_slice(&self.agent);
        }
        for (name, value) in &rendered.headers {
            // How long the body is follows from the body.
            if *name != CONTENT_LENGTH && *name != TRANSFER_ENCODING {
                for part in [name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"] {
                    out.extend_from_slice(part);
                }
            }
        }
        // Methods that usually have a body say that they have none (RFC 9110, 8.6).
        if !rendered.body.is_empty() || [Method::POST, Method::PUT, Method::PATCH].contains(method) {
            out.extend_from_slice(b"content-length: ");
            out.extend_from_slice(itoa::Buffer::new().format(rendered.body.len()).as_bytes());
            out.extend_from_slice(b"\r\n");
        }
        out.extend_from_slice(b"\r\n");
    }
}

impl Connection {
    /// Whether it is still open and silent.
    pub fn is_usable(&mut self) -> bool {
        self.got.is_empty() && self.io.is_idle()
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<S> {
    /// A connection on which nothing was said yet.
    pub fn new(io: S) -> Connection<S> {
        Connection { io, out: Vec::new(), got: BytesMut::new() }
    }

    /// Sends a request and reads the whole answer.
    pub async fn exchange(
        &mut self,
        style: &Style,
        prepared: &Prepared,
        rendered: Rendered,
        limit: u64,
    ) -> Result<Answered, Failure> {
        self.send(style, &prepared.method, &rendered).await?;
        self.answer(&prepared.method, prepared.wants(), limit).await
    }

    /// Reads the whole answer to a request.
    async fn answer(&mut self, method: &Method, wants: Wants, limit: u64) -> Result<Answered, Failure> {
        let (framing, headers) = self.head(method, wants).await?;
        let mut answer = Answer { status: framing.status, headers, ..Answer::default() };
        let mut intake = Intake { kept: wants.body.then(BytesMut::new), left: limit };
        match framing.length {
            Length::Exactly(length) => self.counted(length, &mut intake).await?,
            Length::Chunked => answer.trailers = Box::pin(self.chunked(&mut intake, wants)).await?,
            Length::UntilClose => Box::pin(self.until_close(&mut intake)).await?,
        }
        answer.body = intake.kept.map_or_else(Bytes::new, BytesMut::freeze);
        if self.got.is_empty() && self.got.capacity() > 2 * READ {
            // Thousands of connections must not each keep the room for their largest answer.
            self.got = BytesMut::new();
        }
        Ok((answer, framing.keep))
    }

    async fn send(&mut self, style: &Style, method: &Method, rendered: &Rendered) -> Result<(), Failure> {
        style.write(&mut self.out, method, rendered);
        let apart = rendered.body.len() > WITH_HEAD;
        if !apart {
            self.out.extend_from_slice(&rendered.body);
        }
        let failed = |e| Failure::of_stream(&e);
        self.io.write_all(&self.out).await.map_err(failed)?;
        if apart {
            self.io.write_all(&rendered.body).await.map_err(failed)?;
        }
        self.io.flush().await.map_err(failed)
    }

    /// Reads the head of the answer, past those that only say that it will come.
    async fn head(&mut self, method: &Method, wants: Wants) -> Result<(Framing, HeaderMap), Failure> {
        loop {
            if !self.got.is_empty() {
                let mut headers = [const { MaybeUninit::uninit() }; MOST_HEADERS];
                let mut head = httparse::Response::new(&mut []);
                let config = httparse::ParserConfig::default();
                let parsed = config.parse_response_with_uninit_headers(&mut head, &self.got, &mut headers);
                if let httparse::Status::Complete(length) = parsed.map_err(|_| Reason::Protocol)? {
                    let framing = Framing::of(&head, method)?;
                    let headers = if wants.headers { header_map(head.headers)? } else { HeaderMap::new() };
                    self.got.advance(length);
                    if framing.status >= 200 || framing.status == 101 {
                        return Ok((framing, headers));
                    }
                    continue;
                }
            }
            self.read(READ, LARGEST_HEAD).await?;
        }
    }

    /// Reads what has come, up to `most` bytes that are not used up.
    async fn read(&mut self, room: usize, most: usize) -> Result<(), Failure> {
        if self.got.len() >= most {
            return Err(Reason::Protocol.into());
        }
        self.got.reserve(room);
        match self.io.read_buf(&mut self.got).await {
            Ok(0) => Err(Reason::Closed.into()),
            Ok(_) => Ok(()),
            Err(error) => Err(Failure::of_stream(&error)),
        }
    }

    /// Takes `length` bytes of a body.
    async fn counted(&mut self, mut length: u64, intake: &mut Intake) -> Result<(), Failure> {
        if length > intake.left {
            return Err(Reason::TooLarge.into());
        }
        loop {
            let here = self.got.len().min(usize::try_from(length).unwrap_or(usize::MAX));
            intake.take(&mut self.got, here)?;
            length -= here as u64;
            if length == 0 {
                return Ok(());
            }
            let room = if length > READ as u64 { READ_BODY } else { READ };
            self.read(room, usize::MAX).await?;
        }
    }

    /// Takes everything until the server closes.
    async fn until_close(&mut self, intake: &mut Intake) -> Result<(), Failure> {
        loop {
            let here = self.got.len();
            intake.take(&mut self.got, here)?;
            self.got.reserve(READ_BODY);
            match self.io.read_buf(&mut self.got).await {
                Ok(0) => return Ok(()),
                Ok(_) => {}
                Err(error) => return Err(Failure::of_stream(&error)),
            }
        }
    }

    /// Takes chunks, and gives the trailers back if they are wanted.
    async fn chunked(&mut self, intake: &mut Intake, wants: Wants) -> Result<HeaderMap, Failure> {
        loop {
            let size = loop {
                match httparse::parse_chunk_size(&self.got).map_err(|_| Reason::Protocol)? {
                    httparse::Status::Complete((length, size)) => {
                        self.got.advance(length);
                        break size;
                    }
                    httparse::Status::Partial => self.read(READ, LARGEST_HEAD).await?,
                }
            };
            if size == 0 {
                return self.trailers(wants).await;
            }
            self.counted(size, intake).await?;
            while self.got.len() < 2 {
                self.read(READ, LARGEST_HEAD).await?;
            }
            if !self.got.starts_with(b"\r\n") {
                return Err(Reason::Protocol.into());
            }
            self.got.advance(2);
        }
    }

    async fn trailers(&mut self, wants: Wants) -> Result<HeaderMap, Failure> {
        loop {
            let mut headers = [httparse::EMPTY_HEADER; MOST_HEADERS];
            let parsed = httparse::parse_headers(&self.got, &mut headers).map_err(|_| Reason::Protocol)?;
            if let httparse::Status::Complete((length, headers)) = parsed {
                let trailers = if wants.trailers { header_map(headers)? } else { HeaderMap::new() };
                self.got.advance(length);
                return Ok(trailers);
            }
            self.read(READ, LARGEST_HEAD).await?;
        }
    }
}

impl Intake {
    /// Takes the next `length` bytes of `got`.
    fn take(&mut self, got: &mut BytesMut, length: usize) -> Result<(), Reason> {
        self.left = self.left.checked_sub(length as u64).ok_or(Reason::TooLarge)?;
        if let Some(kept) = &mut self.kept {
            kept.extend_from_slice(&got[..length]);
        }
        got.advance(length);
        Ok(())
    }
}

fn header_map(headers: &[httparse::Header<'_>]) -> Result<HeaderMap, Reason> {
    let mut map = HeaderMap::with_capacity(headers.len());
    for header in headers {
        let name = HeaderName::from_bytes(header.name.as_bytes()).map_err(|_| Reason::Protocol)?;
        map.append(name, HeaderValue::from_bytes(header.value).map_err(|_| Reason::Protocol)?);
    }
    Ok(map)
}

#[cfg(test)]
#[path = "http1_tests.rs"]
mod tests;
