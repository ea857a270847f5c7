//! A small HTTP/1.1 server with bad manners on demand, that keeps its own log of what reached it.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use simulacro::clock::raw_now;
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// How the server treats requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manners {
    /// Answers at once: 201 to PUT, 200 otherwise.
    Good,
    /// Answers after so many milliseconds.
    Slow(u64),
    /// Answers once it has other manners again.
    Stall,
    /// Closes the connection instead of answering.
    Reset,
    /// Promises a body and closes in its middle.
    MidBody,
    /// Answers with this status.
    Status(u16),
    /// Answers in another language.
    Gibberish,
    /// Answers, and closes the connection after each answer.
    OneEach,
    /// Resets the connection (RST) as soon as there is one, and reads nothing.
    Slam,
    /// Promises a body, sends half of it, and nothing more until it has other manners.
    HalfBody,
    /// Sends the answer's head, one byte in so many milliseconds.
    SlowHead(u64),
    /// Sends a body that never ends, as fast as it is taken.
    Endless,
    /// Answers with so many bytes.
    Large(usize),
}

/// One request that reached the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// Method and path.
    pub what: String,
    /// The body.
    pub body: String,
    /// When it was read, on the raw clock.
    pub at: i64,
}

/// The server. It ends when it is dropped.
pub struct Server {
    pub address: SocketAddr,
    manners: watch::Sender<Manners>,
    log: Arc<Mutex<Vec<Seen>>>,
    connections: Arc<AtomicU64>,
    sent: Arc<AtomicU64>,
    accepting: JoinHandle<()>,
}

impl Server {
    pub async fn start(manners: Manners) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (manners, watching) = watch::channel(manners);
        let log = Arc::new(Mutex::new(Vec::new()));
        let (connections, sent) = (Arc::<AtomicU64>::default(), Arc::<AtomicU64>::default());
        let (logging, counting, sending) = (log.clone(), connections.clone(), sent.clone());
        let accepting = tokio::spawn(async move {
            loop {
                let Ok((stream, _)) = listener.accept().await else { continue };
                counting.fetch_add(1, Ordering::Relaxed);
                if *watching.borrow() == Manners::Slam {
                    slam(stream);
                    continue;
                }
                tokio::spawn(serve(stream, watching.clone(), logging.clone(), sending.clone()));
            }
        });
        Server { address, manners, log, connections, sent, accepting }
    }

    /// How many connections were accepted.
    pub fn connections(&self) -> u64 {
        self.connections.load(Ordering::Relaxed)
    }

    /// How many bytes of bodies without an end were sent.
    pub fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn set(&self, manners: Manners) {
        self.manners.send_replace(manners);
    }

    pub fn seen(&self) -> Vec<Seen> {
        self.log.lock().unwrap().clone()
    }

    /// Waits until `count` requests have come; the test's own time limit ends it otherwise.
    pub async fn wait_for(&self, count: usize) {
        while self.log.lock().unwrap().len() < count {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// Closes with a reset instead of an orderly end.
fn slam(stream: TcpStream) {
    let stream = socket2::Socket::from(stream.into_std().unwrap());
    let _ = stream.set_linger(Some(Duration::ZERO));
}

async fn serve(
    stream: TcpStream,
    mut manners: watch::Receiver<Manners>,
    log: Arc<Mutex<Vec<Seen>>>,
    sent: Arc<AtomicU64>,
) {
    let _ = stream.set_nodelay(true);
    let mut stream = BufReader::new(stream);
    while let Some(seen) = read_request(&mut stream).await {
        let put = seen.what.starts_with("PUT");
        log.lock().unwrap().push(seen);
        // An error means that the server was dropped, and its test with it.
        let Ok(now) = manners.wait_for(|m| *m != Manners::Stall).await.map(|manners| *manners) else { return };
        let good = if put { "201 Created" } else { "200 OK" };
        let answer = match now {
            Manners::Stall => unreachable!("waited for its end"),
            Manners::Good => format!("HTTP/1.1 {good}\r\ncontent-length: 2\r\n\r\nok"),
            Manners::Slow(ms) => {
                tokio::time::sleep(Duration::from_millis(ms)).await;
                format!("HTTP/1.1 {good}\r\ncontent-length: 2\r\n\r\nok")
            }
            Manners::Reset => return,
            Manners::MidBody => format!("HTTP/1.1 {good}\r\ncontent-length: 200\r\n\r\nonly the beginning"),
            Manners::Status(status) => format!("HTTP/1.1 {status} Whatever\r\ncontent-length: 0\r\n\r\n"),
            Manners::Gibberish => "SSH-2.0-OpenSSH_9.9\r\n\r\n".to_owned(),
            Manners::OneEach => format!("HTTP/1.1 {good}\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok"),
            Manners::Slam => return slam(stream.into_inner()),
            Manners::HalfBody => format!("HTTP/1.1 {good}\r\ncontent-length: 200\r\n\r\n{}", "x".repeat(100)),
            Manners::SlowHead(ms) => return dribble(stream, ms).await,
            Manners::Endless => return pour(stream, &sent).await,
            Manners::Large(size) => {
                format!("HTTP/1.1 {good}\r\ncontent-length: {size}\r\n\r\n{}", "x".repeat(size))
            }
        };
        if stream.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
        match now {
            Manners::MidBody | Manners::Gibberish | Manners::OneEach => return,
            Manners::HalfBody => {
                let _ = manners.wait_for(|m| *m != Manners::HalfBody).await;
                return;
            }
            _ => {}
        }
    }
}

/// Sends a head byte by byte and never comes to its end; returns when nobody takes it any more.
async fn dribble(mut stream: BufReader<TcpStream>, ms: u64) {
    let endless = b"HTTP/1.1 200 OK\r\nx-slow: ".iter().chain(std::iter::repeat(&b'x'));
    for byte in endless {
        if stream.write_all(&[*byte]).await.is_err() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(ms)).await;
    }
}

/// Sends a body without an end; returns when nobody takes it any more.
async fn pour(mut stream: BufReader<TcpStream>, sent: &AtomicU64) {
    let piece = format!("4000\r\n{}\r\n", "x".repeat(0x4000));
    let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").await;
    while stream.write_all(piece.as_bytes()).await.is_ok() {
        sent.fetch_add(0x4000, Ordering::Relaxed);
    }
}

/// A host that answers nothing, not even a connection: its queue of connections is full, so that the kernel drops what
/// comes (a host that is down or filtered looks the same from outside).
pub struct Unreachable {
    pub address: SocketAddr,
    _listener: socket2::Socket,
    _queue: Vec<socket2::Socket>,
}

impl Unreachable {
    pub fn new() -> Unreachable {
        let socket = || socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
        let listener = socket();
        listener.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
        listener.listen(0).unwrap();
        let address = listener.local_addr().unwrap();
        let wait = Duration::from_millis(200);
        let mut queue = Vec::new();
        // The queue is full once a connection is not made at once.
        loop {
            let socket = socket();
            if socket.connect_timeout(&address, wait).is_err() {
                break;
            }
            queue.push(socket);
            assert!(queue.len() < 100, "the queue has no end");
        }
        Unreachable { address: address.as_socket().unwrap(), _listener: listener, _queue: queue }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

/// The URL of a port that refuses connections: it was just closed.
pub async fn refusing() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    // The listener is gone once the port refuses.
    while TcpStream::connect(address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    format!("http://{address}")
}

/// Reads one request with its body; none when the client has gone or speaks another language.
pub async fn read_request(stream: &mut (impl AsyncBufRead + Unpin)) -> Option<Seen> {
    let mut first = String::new();
    stream.read_line(&mut first).await.ok().filter(|read| *read > 0)?;
    let what = first.rsplit_once(' ')?.0.to_owned();
    let mut length = 0;
    loop {
        let mut header = String::new();
        stream.read_line(&mut header).await.ok().filter(|read| *read > 0)?;
        let header = header.trim_end().to_ascii_lowercase();
        if header.is_empty() {
            break;
        }
        if let Some(value) = header.strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    Some(Seen { what, body: String::from_utf8(body).ok()?, at: raw_now() })
}
