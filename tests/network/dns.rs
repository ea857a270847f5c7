//! Questions for names: unanswered, refused, answered otherwise.

use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::bed::{Bed, Side};
use crate::fault::Stage;
use crate::wire::SHORT;

/// The address that the resolver of these tests gives for every name.
const TRUE_ADDRESS: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 1);

/// A resolver on a side that answers every question with one address.
struct Resolver {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Resolver {
    fn start(on: &Side, address: SocketAddr) -> Resolver {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let (ready, is_ready) = std::sync::mpsc::channel();
        let thread = on.run(move || {
            let socket = UdpSocket::bind(address).unwrap();
            socket.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
            ready.send(()).unwrap();
            let mut buffer = [0; 512];
            while !stopped.load(Ordering::Acquire) {
                if let Ok((n, who)) = socket.recv_from(&mut buffer) {
                    let mut answer = buffer[..n].to_vec();
                    answer[2] = 0x81;
                    answer[3] = 0x80;
                    answer[7] = 1;
                    answer.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4]);
                    answer.extend(TRUE_ADDRESS.octets());
                    let _ = socket.send_to(&answer, who);
                }
            }
        });
        is_ready.recv().unwrap();
        Resolver { stop, thread: Some(thread) }
    }
}

impl Drop for Resolver {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Answer {
    Address(Ipv4Addr),
    Refused,
    Silence,
}

/// Asks a server for a name, as a stub resolver does: one connected socket.
fn ask(from: &Side, server: SocketAddr, name: &str) -> Answer {
    let mut message = vec![0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    for label in name.split('.') {
        message.push(label.len() as u8);
        message.extend(label.as_bytes());
    }
    message.extend([0, 0, 1, 0, 1]);
    let asked = from.run(move || {
        let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap();
        socket.connect(server).unwrap();
        socket.set_read_timeout(Some(SHORT)).unwrap();
        if let Err(e) = socket.send(&message) {
            assert!(matches!(e.kind(), ErrorKind::PermissionDenied | ErrorKind::ConnectionRefused), "{e}");
            return Answer::Refused;
        }
        let mut buffer = [0; 512];
        match socket.recv(&mut buffer) {
            Ok(n) => {
                assert_eq!(buffer[..2], message[..2], "the answer is to this question");
                let last: [u8; 4] = buffer[n - 4..n].try_into().unwrap();
                Answer::Address(last.into())
            }
            Err(e) if e.kind() == ErrorKind::ConnectionRefused => Answer::Refused,
            Err(_) => Answer::Silence,
        }
    });
    asked.join().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs root and nft"]
async fn questions_go_unanswered_or_are_refused() {
    let bed = Bed::new();
    let stage = Stage::new(&bed);
    let server = SocketAddr::from((bed.client.address, 53));
    let _resolver = Resolver::start(&bed.client, server);
    let before = bed.target.listing();
    for (fault, seen) in [
        ("dns-failure: { target: app }", Answer::Silence),
        ("dns-failure: { target: app, answer: refused }", Answer::Refused),
    ] {
        assert_eq!(ask(&bed.target, server, "db.internal"), Answer::Address(TRUE_ADDRESS));
        let injected = stage.inject(fault).await;
        assert_eq!(stage.touched(&injected).await, Some(0), "{fault}");
        assert_eq!(ask(&bed.target, server, "db.internal"), seen, "{fault}");
        assert!(stage.touched(&injected).await.is_some_and(|touched| touched > 0), "{fault}");
        stage.revert(&injected).await;
        assert_eq!(bed.target.listing(), before, "{fault}");
    }
}

/// Docker's resolver answers at 127.0.0.11, on a port that it draws; rules of its own lead there.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs root and nft"]
async fn questions_to_a_resolver_as_docker_has_it_go_unanswered_too() {
    let bed = Bed::new();
    let stage = Stage::new(&bed);
    let server: SocketAddr = "127.0.0.11:53".parse().unwrap();
    let _resolver = Resolver::start(&bed.target, "127.0.0.11:41234".parse().unwrap());
    bed.target.sh("nft \"add table ip docker; add chain ip docker out { type nat hook output priority -100; }; \
         add rule ip docker out ip daddr 127.0.0.11 udp dport 53 dnat to 127.0.0.11:41234\"");
    let before = bed.target.listing();
    for (fault, seen) in [
        ("dns-failure: { target: app }", Answer::Silence),
        ("dns-failure: { target: app, answer: refused }", Answer::Refused),
    ] {
        assert_eq!(ask(&bed.target, server, "db.internal"), Answer::Address(TRUE_ADDRESS));
        let injected = stage.inject(fault).await;
        assert_eq!(ask(&bed.target, server, "db.internal"), seen, "{fault}");
        stage.revert(&injected).await;
        assert_eq!(bed.target.listing(), before, "{fault}");
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs root and nft"]
async fn some_names_are_answered_otherwise_and_all_others_as_before() {
    let dir = tempfile::tempdir().unwrap();
    let conf = dir.path().join("resolv.conf");
    let script = "unshare -m sh -c \"mount --bind CONF /etc/resolv.conf && exec sleep 600\"";
    std::fs::write(&conf, "").unwrap();
    let bed = Bed::with(&format!("exec {}", script.replace("CONF", conf.to_str().unwrap())));
    std::fs::write(&conf, format!("nameserver {}\n", bed.client.address)).unwrap();
    let stage = Stage::new(&bed);
    let server = SocketAddr::from((bed.client.address, 53));
    let _resolver = Resolver::start(&bed.client, server);
    let before = bed.target.listing();
    let injected = stage.inject("dns-override: { target: app, names: { db.internal: 192.0.2.7 } }").await;
    assert_eq!(ask(&bed.target, server, "web.internal"), Answer::Address(TRUE_ADDRESS));
    assert_eq!(stage.touched(&injected).await, Some(0), "only what was answered otherwise counts");
    assert_eq!(ask(&bed.target, server, "DB.Internal"), Answer::Address(Ipv4Addr::new(192, 0, 2, 7)));
    crate::common::wait_for(
        "the keeper to tell",
        || {
            tokio::task::block_in_place(|| {
                tokio::runtime::Handle::current().block_on(stage.touched(&injected)).filter(|touched| *touched == 1)
            })
        },
        String::new,
    );
    // Longer than the kernel believes one renewal.
    std::thread::sleep(Duration::from_secs(4));
    assert_eq!(ask(&bed.target, server, "db.internal"), Answer::Address(Ipv4Addr::new(192, 0, 2, 7)));
    stage.revert(&injected).await;
    assert_eq!(ask(&bed.target, server, "db.internal"), Answer::Address(TRUE_ADDRESS));
    assert_eq!(bed.target.listing(), before);
}
