//! What clients see: datagrams that arrive, round trips, bytes in a second, connections.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::bed::Side;

/// How long an answer is waited for.
pub const SHORT: Duration = Duration::from_millis(400);

/// How many of `count` datagrams from one side arrive at the other. They are sent in small groups, and after each group
/// the sender waits until the receiver has read all there is, so that no buffer overflows.
pub fn arrive(from: &Side, to: &Side, port: u16, count: u64) -> u64 {
    let address = SocketAddr::from((to.address, port));
    let (ready, is_ready) = std::sync::mpsc::channel();
    let (sent, read) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let (was_sent, was_read) = (sent.clone(), read.clone());
    let receiver = to.run(move || {
        let socket = UdpSocket::bind(address).unwrap();
        socket.set_nonblocking(true).unwrap();
        ready.send(()).unwrap();
        let (mut buffer, mut arrived, mut idle) = ([0; 64], 0, 0);
        loop {
            let so_far = was_sent.load(Ordering::Acquire);
            if socket.recv(&mut buffer).is_ok() {
                (arrived, idle) = (arrived + 1, 0);
                continue;
            }
            was_read.store(so_far, Ordering::Release);
            // A packet may still be between the two sides when the last was sent.
            idle = if so_far == count { idle + 1 } else { 0 };
            if idle > 300 {
                return arrived;
            }
            std::thread::sleep(Duration::from_micros(if so_far == count { 1000 } else { 20 }));
        }
    });
    is_ready.recv().unwrap();
    let sender = from.run(move || {
        let socket = UdpSocket::bind((std::net::Ipv4Addr::UNSPECIFIED, 0)).unwrap();
        socket.connect(address).unwrap();
        for n in 1..=count {
            // A drop on this side is an error of the call.
            let _ = socket.send(&n.to_be_bytes());
            if n % 64 == 0 || n == count {
                sent.store(n, Ordering::Release);
                while read.load(Ordering::Acquire) < n {
                    std::thread::yield_now();
                }
            }
        }
    });
    sender.join().unwrap();
    receiver.join().unwrap()
}

/// The numbers of datagrams in the order in which they arrive, sent a millisecond apart.
pub fn sequence(from: &Side, to: &Side, port: u16, count: u64) -> Vec<u64> {
    let address = SocketAddr::from((to.address, port));
    let (ready, is_ready) = std::sync::mpsc::channel();
    let receiver = to.run(move || {
        let socket = UdpSocket::bind(address).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
        ready.send(()).unwrap();
        let (mut buffer, mut order) = ([0; 8], Vec::new());
        while socket.recv(&mut buffer).is_ok() {
            order.push(u64::from_be_bytes(buffer));
        }
        order
    });
    is_ready.recv().unwrap();
    let sender = from.run(move || {
        let socket = UdpSocket::bind((std::net::Ipv4Addr::UNSPECIFIED, 0)).unwrap();
        for n in 0..count {
            let _ = socket.send_to(&n.to_be_bytes(), address);
            std::thread::sleep(Duration::from_millis(1));
        }
    });
    sender.join().unwrap();
    receiver.join().unwrap()
}

/// Round trips over UDP from one side to an echo on the other, in milliseconds, sorted.
pub fn round_trips(from: &Side, to: &Side, port: u16, count: usize) -> Vec<f64> {
    let address = SocketAddr::from((to.address, port));
    let (ready, is_ready) = std::sync::mpsc::channel();
    let stop = Arc::new(AtomicBool::new(false));
    let stopped = stop.clone();
    let echo = to.run(move || {
        let socket = UdpSocket::bind(address).unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
        ready.send(()).unwrap();
        let mut buffer = [0; 64];
        while !stopped.load(Ordering::Acquire) {
            if let Ok((n, who)) = socket.recv_from(&mut buffer) {
                let _ = socket.send_to(&buffer[..n], who);
            }
        }
    });
    is_ready.recv().unwrap();
    let asking = from.run(move || {
        let socket = UdpSocket::bind((std::net::Ipv4Addr::UNSPECIFIED, 0)).unwrap();
        socket.connect(address).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        let mut buffer = [0; 64];
        let mut took = Vec::new();
        for n in 0..count {
            let start = Instant::now();
            socket.send(&n.to_be_bytes()).unwrap();
            socket.recv(&mut buffer).unwrap();
            took.push(start.elapsed().as_secs_f64() * 1e3);
        }
        took
    });
    let mut took = asking.join().unwrap();
    stop.store(true, Ordering::Release);
    echo.join().unwrap();
    took.sort_by(f64::total_cmp);
    took
}

pub fn median(sorted: &[f64]) -> f64 {
    sorted[sorted.len() / 2]
}

pub fn quarter(sorted: &[f64]) -> f64 {
    sorted[sorted.len() / 4]
}

/// Bytes in a second over one TCP connection, payload only, measured where they arrive, after half a second.
pub fn throughput(from: &Side, to: &Side, port: u16, lasting: Duration) -> f64 {
    let address = SocketAddr::from((to.address, port));
    let (ready, is_ready) = std::sync::mpsc::channel();
    let receiver = to.run(move || {
        let listener = TcpListener::bind(address).unwrap();
        ready.send(()).unwrap();
        let (mut stream, _) = listener.accept().unwrap();
        let mut buffer = vec![0; 1 << 18];
        let begin = Instant::now() + Duration::from_millis(500);
        let (mut bytes, mut start) = (0_u64, None);
        loop {
            let n = stream.read(&mut buffer).unwrap_or(0);
            let now = Instant::now();
            match start {
                None if now >= begin => start = Some(now),
                None => {}
                Some(_) => bytes += n as u64,
            }
            if n == 0 || start.is_some_and(|start| now >= start + lasting) {
                return bytes as f64 / (now - start.unwrap()).as_secs_f64();
            }
        }
    });
    is_ready.recv().unwrap();
    let sender = from.run(move || {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_write_timeout(Some(Duration::from_secs(5))).unwrap();
        let bytes = vec![0; 1 << 16];
        while stream.write_all(&bytes).is_ok() {}
    });
    let rate = receiver.join().unwrap();
    sender.join().unwrap();
    rate
}

/// What becomes of an attempt to connect.
#[derive(Debug, PartialEq, Eq)]
pub enum Dial {
    Connected,
    Refused,
    Silence,
}

/// Listens on a side as long as the guard lives.
pub fn listen(on: &Side, port: u16) -> Listening {
    let address = SocketAddr::from((on.address, port));
    let (ready, is_ready) = std::sync::mpsc::channel();
    let listener = on.run(move || {
        let listener = TcpListener::bind(address).unwrap();
        ready.send(()).unwrap();
        listener
    });
    is_ready.recv().unwrap();
    Listening { _listener: listener.join().unwrap(), address }
}

pub struct Listening {
    _listener: TcpListener,
    pub address: SocketAddr,
}

/// Tries to connect from a side.
pub fn dial(from: &Side, address: SocketAddr) -> Dial {
    let dialled = from.run(move || match TcpStream::connect_timeout(&address, SHORT) {
        Ok(_) => Dial::Connected,
        Err(e) if e.kind() == ErrorKind::ConnectionRefused => Dial::Refused,
        Err(_) => Dial::Silence,
    });
    dialled.join().unwrap()
}
