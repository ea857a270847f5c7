//! A small HTTP/1.1 server with bad manners on demand, that keeps its own log of what reached it.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use simulacro::clock::raw_now;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
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
    accepting: JoinHandle<()>,
}

impl Server {
    pub async fn start(manners: Manners) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (manners, watching) = watch::channel(manners);
        let log = Arc::new(Mutex::new(Vec::new()));
        let logging = log.clone();
        let accepting = tokio::spawn(async move {
            loop {
                let Ok((stream, _)) = listener.accept().await else { continue };
                tokio::spawn(serve(stream, watching.clone(), logging.clone()));
            }
        });
        Server { address, manners, log, accepting }
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

async fn serve(stream: TcpStream, mut manners: watch::Receiver<Manners>, log: Arc<Mutex<Vec<Seen>>>) {
    let _ = stream.set_nodelay(true);
    let mut stream = BufReader::new(stream);
    while let Some(seen) = read_request(&mut stream).await {
        let put = seen.what.starts_with("PUT");
        log.lock().unwrap().push(seen);
        let now = *manners.wait_for(|m| *m != Manners::Stall).await.unwrap();
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
        };
        if stream.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
        if matches!(now, Manners::MidBody | Manners::Gibberish | Manners::OneEach) {
            return;
        }
    }
}

async fn read_request(stream: &mut BufReader<TcpStream>) -> Option<Seen> {
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
