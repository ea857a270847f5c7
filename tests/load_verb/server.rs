//! A small HTTP server on threads of its own: the binary under test is waited for without a runtime.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::common::wait_for;

/// How the server treats requests.
#[derive(Debug, Clone, Copy)]
pub enum Manners {
    /// Answers 200 at once.
    Good,
    /// Answers with this status.
    Status(u16),
    /// Never answers.
    Hang,
    /// Answers 503 to what is more than so many requests a second.
    Capacity(u32),
}

/// The server. Its threads end with the test's process.
pub struct Server {
    pub address: SocketAddr,
    state: Arc<Mutex<State>>,
}

struct State {
    /// The path of every request, in the order in which they were read.
    seen: Vec<String>,
    /// What may still be answered, and when that was true.
    tokens: f64,
    at: Instant,
}

impl Server {
    pub fn start(manners: Manners) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(Mutex::new(State { seen: Vec::new(), tokens: 0.0, at: Instant::now() }));
        let shared = state.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = shared.clone();
                // A client that leaves is no matter of the test's.
                std::thread::spawn(move || _ = serve(stream, manners, &shared));
            }
        });
        Server { address, state }
    }

    /// The paths of all requests so far.
    pub fn seen(&self) -> Vec<String> {
        self.state.lock().unwrap().seen.clone()
    }

    /// Waits until so many requests were read.
    pub fn wait_for(&self, requests: usize) {
        let count = || self.state.lock().unwrap().seen.len();
        wait_for("requests", || (count() >= requests).then_some(()), || format!("{}", count()));
    }
}

fn serve(stream: TcpStream, manners: Manners, state: &Mutex<State>) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut writer = stream.try_clone()?;
    let mut reader = BufReader::new(stream);
    while let Some(path) = read_request(&mut reader)? {
        let status = {
            let mut state = state.lock().unwrap();
            state.seen.push(path);
            match manners {
                Manners::Good => 200,
                Manners::Status(status) => status,
                Manners::Hang => 0,
                Manners::Capacity(rate) => state.take(f64::from(rate)),
            }
        };
        if status == 0 {
            // Until the client leaves.
            let mut rest = Vec::new();
            reader.read_to_end(&mut rest)?;
            return Ok(());
        }
        write!(writer, "HTTP/1.1 {status} x\r\ncontent-length: 2\r\n\r\nok")?;
    }
    Ok(())
}

impl State {
    /// A bucket that fills at the rate and holds a fifth of a second of it.
    fn take(&mut self, rate: f64) -> u16 {
        let now = Instant::now();
        let more = now.duration_since(self.at).min(Duration::from_secs(1)).as_secs_f64() * rate;
        self.at = now;
        self.tokens = (self.tokens + more).min(rate / 5.0);
        if self.tokens < 1.0 {
            return 503;
        }
        self.tokens -= 1.0;
        200
    }
}

/// The path of the next request; none: the client left.
fn read_request(reader: &mut impl BufRead) -> std::io::Result<Option<String>> {
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let path = line.split_whitespace().nth(1).unwrap_or("").to_owned();
    let mut length = 0;
    loop {
        line.clear();
        reader.read_line(&mut line)?;
        let header = line.trim().to_ascii_lowercase();
        if header.is_empty() {
            break;
        }
        if let Some(value) = header.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap_or(0);
        }
    }
    std::io::copy(&mut reader.take(length), &mut std::io::sink())?;
    Ok(Some(path))
}
