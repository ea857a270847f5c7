//! A server that stalls on schedule and keeps its own books: what it saw when, on the same clock as the client.
//!
//! It answers after a fixed service time. While it stalls, it accepts and reads, and answers all at the stall's end in
//! the order in which requests came: what a process does that garbage is collected in, or that waits for its disk.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use simulacro::clock::raw_now;
use tokio::net::{TcpListener, TcpStream};

use crate::Failure;

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 13\r\n\r\nhello, world\n";

/// When the server stalls: the last `stall` of every `period`, in nanoseconds.
#[derive(Debug, Clone, Copy)]
pub struct Schedule {
    pub period: i64,
    pub stall: i64,
    /// From reading a request to its answer.
    pub service: i64,
}

impl Schedule {
    /// When a request that was read at `at` is answered.
    fn answer(&self, at: i64) -> i64 {
        let ready = at + self.service;
        let (begin, into) = (ready - ready.rem_euclid(self.period), ready.rem_euclid(self.period));
        if into >= self.period - self.stall { begin + self.period } else { ready }
    }

    /// The quantile `q` of the latency of requests that are meant to start evenly over whole periods, in nanoseconds:
    /// a part `stall / period` of them meets the stall and waits for its end, all waits being equally likely.
    pub fn quantile(&self, q: f64) -> f64 {
        let free = 1.0 - self.stall as f64 / self.period as f64;
        self.service as f64 + self.period as f64 * (q - free).max(0.0)
    }
}

/// A request that was answered.
#[derive(Debug, Clone, Copy)]
pub struct Answered {
    /// The number in its path, `?n=…`.
    pub n: u64,
    /// Raw time at which its answer was handed to the kernel.
    pub answered: i64,
}

struct Due {
    at: i64,
    n: u64,
    stream: Arc<TcpStream>,
}

#[derive(Default)]
struct Books {
    due: Mutex<VecDeque<Due>>,
    news: Condvar,
    answered: Mutex<Vec<Answered>>,
    read: AtomicU64,
    last_read: AtomicU64,
    open: AtomicU64,
    most_open: AtomicU64,
    over: AtomicBool,
}

/// The server; it ends when this is dropped.
pub struct Server {
    port: u16,
    books: Arc<Books>,
    reader: Option<JoinHandle<()>>,
    writer: Option<JoinHandle<()>>,
}

impl Server {
    pub fn start(schedule: Schedule) -> Result<Server, Failure> {
        let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None)?;
        socket.bind(&std::net::SocketAddr::from(([127, 0, 0, 1], 0)).into())?;
        socket.listen(8192)?;
        socket.set_nonblocking(true)?;
        let listener = std::net::TcpListener::from(socket);
        let port = listener.local_addr()?.port();
        let books = Arc::new(Books::default());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (reading, writing) = (books.clone(), books.clone());
        let reader = std::thread::spawn(move || {
            runtime.block_on(async {
                let Ok(listener) = TcpListener::from_std(listener) else { return };
                while !reading.over.load(Ordering::Relaxed) {
                    let accepted = tokio::time::timeout(Duration::from_millis(20), listener.accept()).await;
                    if let Ok(Ok((stream, _))) = accepted {
                        tokio::spawn(read(stream, schedule, reading.clone()));
                    }
                }
            });
        });
        let writer = std::thread::spawn(move || write(&writing));
        Ok(Server { port, books, reader: Some(reader), writer: Some(writer) })
    }

    pub fn base(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Every request that was answered, and forgets them.
    pub fn take(&self) -> Vec<Answered> {
        std::mem::take(&mut *self.books.answered.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// How many requests were read, and the raw time of the last.
    pub fn read(&self) -> (u64, i64) {
        (self.books.read.load(Ordering::SeqCst), self.books.last_read.load(Ordering::SeqCst) as i64)
    }

    /// The most connections that were open at once.
    pub fn most_open(&self) -> u64 {
        self.books.most_open.load(Ordering::Relaxed)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.books.over.store(true, Ordering::Relaxed);
        self.books.news.notify_all();
        for thread in [self.reader.take(), self.writer.take()].into_iter().flatten() {
            let _ = thread.join();
        }
    }
}

/// The life of a connection: requests without a body, one after the other.
async fn read(stream: TcpStream, schedule: Schedule, books: Arc<Books>) {
    let _ = stream.set_nodelay(true);
    let stream = Arc::new(stream);
    let open = books.open.fetch_add(1, Ordering::Relaxed) + 1;
    books.most_open.fetch_max(open, Ordering::Relaxed);
    let mut text = Vec::new();
    let mut piece = [0u8; 2048];
    while stream.readable().await.is_ok() {
        match stream.try_read(&mut piece) {
            Ok(0) => break,
            Ok(length) => text.extend_from_slice(&piece[..length]),
            Err(e) if e.kind() == std::io::ErrorKind::WouldBlock => continue,
            Err(_) => break,
        }
        if text.ends_with(b"\r\n\r\n") {
            let now = raw_now();
            books.read.fetch_add(1, Ordering::SeqCst);
            books.last_read.store(now as u64, Ordering::SeqCst);
            let due = Due { at: schedule.answer(now), n: number(&text), stream: stream.clone() };
            books.due.lock().unwrap_or_else(PoisonError::into_inner).push_back(due);
            books.news.notify_one();
            text.clear();
        }
    }
    books.open.fetch_sub(1, Ordering::Relaxed);
}

/// The number in `GET /…?n=NUMBER HTTP/1.1`.
fn number(request: &[u8]) -> u64 {
    let line = request.split(|byte| *byte == b'\r').next().unwrap_or_default();
    let after = line.windows(2).position(|pair| pair == b"n=").map_or(&[][..], |at| &line[at + 2..]);
    after.iter().take_while(|byte| byte.is_ascii_digit()).fold(0, |n, byte| n * 10 + u64::from(byte - b'0'))
}

/// The life of the writer: answers what is due, first come, first served. It sleeps in the kernel's own precision,
/// which the reader's runtime does not have.
fn write(books: &Books) {
    let mut due = books.due.lock().unwrap_or_else(PoisonError::into_inner);
    while !books.over.load(Ordering::Relaxed) {
        let Some(next) = due.pop_front() else {
            let waited = books.news.wait_timeout(due, Duration::from_millis(20));
            due = waited.unwrap_or_else(PoisonError::into_inner).0;
            continue;
        };
        let wait = next.at - raw_now();
        if wait > 50_000_000 {
            // A long way off: look again, so that the server can be ended meanwhile.
            due.push_front(next);
            drop(due);
            std::thread::sleep(Duration::from_millis(20));
            due = books.due.lock().unwrap_or_else(PoisonError::into_inner);
            continue;
        }
        drop(due);
        if wait > 0 {
            std::thread::sleep(Duration::from_nanos(wait as u64));
        }
        // The socket's buffer holds many answers, and one is under way at most.
        let _ = socket2::SockRef::from(&*next.stream).send(ANSWER);
        let done = Answered { n: next.n, answered: raw_now() };
        books.answered.lock().unwrap_or_else(PoisonError::into_inner).push(done);
        due = books.due.lock().unwrap_or_else(PoisonError::into_inner);
    }
}
