//! A resolver in front of a target's own: it answers some names itself and passes every other question on.
//!
//! Questions over UDP come to it by a rule of nftables that only stands as long as it is renewed here: should this
//! process vanish, the kernel leads questions where they went before within [`LEASE`].

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::AsFd;
use std::process::ExitCode;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::io::AsyncReadExt;
use tokio::net::UdpSocket;
use tokio::net::unix::pipe::Receiver;
use tokio::time::{Instant, MissedTickBehavior};

use super::{rules, tool};
use crate::clock::raw_now;

/// How long the kernel believes the last renewal.
pub(super) const LEASE: Duration = Duration::from_secs(3);

/// Time between two renewals.
const RENEW_EVERY: Duration = Duration::from_secs(1);

/// How long answers may be kept by whoever asked: they are wrong afterwards.
const TTL: u32 = 1;

/// Largest message, as RFC 6891 recommends and then some.
const LARGEST: usize = 4096;

/// What is answered, and who is asked about everything else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Answering {
    /// Names in lower case, without the last dot.
    pub(super) names: BTreeMap<String, IpAddr>,
    /// The target's own resolver.
    pub(super) server: IpAddr,
}

/// Serves until the lease on standard input breaks or the time is over.
pub(super) fn serve(tag: &str, answering: &Answering, until: i64, mut tell: impl FnMut(&str)) -> ExitCode {
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else {
        tell("failed no runtime");
        return ExitCode::FAILURE;
    };
    runtime.block_on(async {
        match Resolver::open(answering.clone()).await {
            Ok(resolver) => {
                tell(&format!("ready {} {}", resolver.port, resolver.from));
                resolver.serve(tag, until, tell).await;
                ExitCode::SUCCESS
            }
            Err(e) => {
                tell(&format!("failed no socket for questions: {e}"));
                ExitCode::FAILURE
            }
        }
    })
}

struct Resolver {
    answering: Answering,
    /// Where questions arrive, of both families, on one port.
    doors: [Option<UdpSocket>; 2],
    port: u16,
    /// From where questions are passed on.
    asker: UdpSocket,
    from: u16,
    /// Who asked, and under which number, by the number under which it was passed on.
    asked: BTreeMap<u16, (usize, SocketAddr, u16)>,
    next: u16,
}

impl Resolver {
    async fn open(answering: Answering) -> std::io::Result<Resolver> {
        let any = match answering.server {
            IpAddr::V4(_) => SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)),
            IpAddr::V6(_) => SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)),
        };
        let asker = UdpSocket::bind(any).await?;
        asker.connect((answering.server, 53)).await?;
        let from = asker.local_addr()?.port();
        let door = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let port = door.local_addr()?.port();
        // A namespace without IPv6 asks nothing over it.
        let other = UdpSocket::bind((Ipv6Addr::LOCALHOST, port)).await.ok();
        Ok(Resolver { answering, doors: [Some(door), other], port, asker, from, asked: BTreeMap::new(), next: 1 })
    }

    async fn serve(mut self, tag: &str, until: i64, mut tell: impl FnMut(&str)) {
        let end = Instant::now() + Duration::from_nanos(until.saturating_sub(raw_now()).max(0).unsigned_abs());
        let mut renew = tokio::time::interval_at(Instant::now() + RENEW_EVERY, RENEW_EVERY);
        renew.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let Ok(mut lease) = lease() else { return };
        let mut byte = [0; 1];
        let mut answered: u64 = 0;
        let (mut first, mut second, mut back) = ([0; LARGEST], [0; LARGEST], [0; LARGEST]);
        loop {
            tokio::select! {
                _ = lease.read(&mut byte) => return,
                () = tokio::time::sleep_until(end) => return,
                _ = renew.tick() => renewed(tag).await,
                Some((n, who)) = received(self.doors[0].as_ref(), &mut first) => {
                    answered += self.question(0, who, &mut first[..n]).await;
                    tell(&format!("touched {answered}"));
                }
                Some((n, who)) = received(self.doors[1].as_ref(), &mut second) => {
                    answered += self.question(1, who, &mut second[..n]).await;
                    tell(&format!("touched {answered}"));
                }
                Ok(n) = self.asker.recv(&mut back) => self.pass_back(&mut back[..n]).await,
            }
        }
    }

    /// Answers a question or passes it on; how many were answered.
    async fn question(&mut self, door: usize, who: SocketAddr, message: &mut [u8]) -> u64 {
        if let (Some(answer), Some(door)) = (answer(&self.answering.names, message), &self.doors[door]) {
            // Like any resolver: what cannot be sent is asked again.
            return u64::from(door.send_to(&answer, who).await.is_ok());
        }
        let Some(number) = message.first_chunk::<2>().copied().map(u16::from_be_bytes) else { return 0 };
        self.next = self.next.wrapping_add(1);
        self.asked.insert(self.next, (door, who, number));
        message[..2].copy_from_slice(&self.next.to_be_bytes());
        let _ = self.asker.send(message).await;
        0
    }

    async fn pass_back(&mut self, message: &mut [u8]) {
        let Some(number) = message.first_chunk::<2>().copied().map(u16::from_be_bytes) else { return };
        let Some((door, who, theirs)) = self.asked.remove(&number) else { return };
        message[..2].copy_from_slice(&theirs.to_be_bytes());
        if let Some(door) = &self.doors[door] {
            let _ = door.send_to(message, who).await;
        }
    }
}

/// The runner's end of standard input: nothing more comes from it than its end.
fn lease() -> std::io::Result<Receiver> {
    Receiver::from_owned_fd(std::io::stdin().as_fd().try_clone_to_owned()?)
}

async fn received(door: Option<&UdpSocket>, buffer: &mut [u8]) -> Option<(usize, SocketAddr)> {
    match door {
        Some(door) => door.recv_from(buffer).await.ok(),
        None => std::future::pending().await,
    }
}

/// A renewal that fails is one that comes after the undo: there is nothing to renew any more.
async fn renewed(tag: &str) {
    let text = rules::renewal(tag, LEASE);
    let work = move || tool::run_here(&["nft".to_owned(), "-f".to_owned(), "-".to_owned()], &text);
    let _ = tokio::task::spawn_blocking(work).await;
}

/// The answer to a question about one of the names; none when it is about anything else.
fn answer(names: &BTreeMap<String, IpAddr>, message: &[u8]) -> Option<Vec<u8>> {
    let header = message.first_chunk::<12>()?;
    let is_question = header[2] & 0xf8 == 0 && header[4..6] == [0, 1];
    if !is_question {
        return None;
    }
    let (name, end) = name(message)?;
    let address = names.get(&name)?;
    let (kind, class) = (message.get(end..end + 2)?, message.get(end + 2..end + 4)?);
    let (wanted, bytes): ([u8; 2], Vec<u8>) = match address {
        IpAddr::V4(address) => ([0, 1], address.octets().to_vec()),
        IpAddr::V6(address) => ([0, 28], address.octets().to_vec()),
    };
    // The name exists: of other kinds it has no records.
    let found = kind == wanted && class == [0, 1];
    // A response, authoritative, recursion available; the wish for recursion is repeated.
    let flags = [0x84 | (header[2] & 1), 0x80];
    let counts = [0, 1, 0, u8::from(found), 0, 0, 0, 0];
    let mut answer = [&header[..2], &flags, &counts, &message[12..end + 4]].concat();
    if found {
        // The name of the question again, by its place in the message.
        answer.extend([0xc0, 12]);
        answer.extend_from_slice(&message[end..end + 4]);
        answer.extend(TTL.to_be_bytes());
        answer.extend(u16::try_from(bytes.len()).unwrap_or_default().to_be_bytes());
        answer.extend(bytes);
    }
    Some(answer)
}

/// The name that is asked for, in lower case, and where it ends.
fn name(message: &[u8]) -> Option<(String, usize)> {
    let (mut at, mut labels) = (12, Vec::new());
    loop {
        match usize::from(*message.get(at)?) {
            0 => return Some((labels.join("."), at + 1)),
            // A pointer, which no question has, or a form that nobody uses.
            length if length > 63 => return None,
            length => {
                let label = message.get(at + 1..at + 1 + length)?;
                labels.push(String::from_utf8_lossy(label).to_ascii_lowercase());
                at += 1 + length;
            }
        }
    }
}

/// The first server of a `resolv.conf`.
pub(super) fn server(resolv_conf: &str) -> Option<IpAddr> {
    let address = |line: &str| line.trim().strip_prefix("nameserver")?.trim().split('%').next()?.parse().ok();
    resolv_conf.lines().find_map(address)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn question(name: &str, kind: u8) -> Vec<u8> {
        let mut message = vec![0xab, 0xcd, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
        for label in name.split('.') {
            message.push(label.len() as u8);
            message.extend(label.as_bytes());
        }
        message.extend([0, 0, kind, 0, 1]);
        message
    }

    fn names() -> BTreeMap<String, IpAddr> {
        BTreeMap::from([("db.internal".to_owned(), "192.0.2.7".parse().unwrap())])
    }

    #[test]
    fn a_name_is_answered_whatever_its_case_and_others_are_not() {
        let asked = question("DB.internal", 1);
        let answer = answer(&names(), &asked).unwrap();
        assert_eq!(answer[..4], [0xab, 0xcd, 0x85, 0x80]);
        assert_eq!(answer[6..8], [0, 1]);
        assert_eq!(answer[12..asked.len()], asked[12..]);
        assert_eq!(answer[answer.len() - 4..], [192, 0, 2, 7]);
        assert_eq!(super::answer(&names(), &question("db.internal.example", 1)), None);
    }

    #[test]
    fn a_name_has_no_records_of_the_other_family() {
        let answer = answer(&names(), &question("db.internal", 28)).unwrap();
        assert_eq!((answer[3] & 0x0f, answer[7]), (0, 0), "no error, no record");
    }

    #[test]
    fn the_first_server_is_read() {
        assert_eq!(server("# x\nsearch a\nnameserver 127.0.0.11\nnameserver 1.1.1.1"), "127.0.0.11".parse().ok());
        assert_eq!(server("options ndots:0"), None);
    }

    proptest! {
        #[test]
        fn no_message_makes_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let _ = answer(&names(), &bytes);
        }
    }
}
