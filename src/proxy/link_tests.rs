//! A link on real loopback sockets. Every wait is for a condition; `WITHIN` only ends a test that hangs.

use std::future::Future;
use std::io::ErrorKind;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;
use crate::model::{HumanDuration, Ratio, Scope, Ways};

const WITHIN: Duration = Duration::from_secs(30);

pub(super) async fn within<T>(what: &str, work: impl Future<Output = T>) -> T {
    tokio::time::timeout(WITHIN, work).await.unwrap_or_else(|_| panic!("{what}: not within {WITHIN:?}"))
}

pub(super) struct Bench {
    pub(super) link: Link,
    pub(super) server: TcpListener,
}

const MOST: u32 = 64;

impl Bench {
    pub(super) async fn new() -> Self {
        let server = TcpListener::bind("127.0.0.1:0").await.expect("a server");
        let upstream = server.local_addr().expect("its address").to_string();
        let hands = Arc::new(Hands::here());
        let link = Link::open("127.0.0.1:0", &upstream, 7, Clock::start(), MOST, &hands).expect("a link");
        Bench { link, server }
    }

    pub(super) async fn dial(&self) -> std::io::Result<TcpStream> {
        within("dial", TcpStream::connect(self.link.local())).await
    }

    pub(super) async fn accept(&self) -> TcpStream {
        within("accept", self.server.accept()).await.expect("a connection").0
    }

    /// A client and the server's side of its connection, after one byte each way.
    pub(super) async fn pair(&self) -> (TcpStream, TcpStream) {
        let mut client = self.dial().await.expect("let in");
        let mut served = self.accept().await;
        exchange(&mut client, &mut served, b"a").await;
        exchange(&mut served, &mut client, b"b").await;
        (client, served)
    }

    pub(super) async fn set(&self, id: &str, rule: LinkRule) {
        within("set", self.link.set(RuleId(id.into()), rule)).await.expect("set");
    }

    pub(super) async fn remove(&self, id: &str) -> bool {
        within("remove", self.link.remove(RuleId(id.into()))).await.expect("removed")
    }

    pub(super) async fn touched(&self, id: &str) -> u64 {
        let status = within("status", self.link.status(RuleId(id.into()))).await.expect("told");
        status.expect("the rule stands").touched
    }

    pub(super) async fn until_touched(&self, id: &str, least: u64) {
        within("touched", async {
            while self.touched(id).await < least {
                tokio::task::yield_now().await;
            }
        })
        .await;
    }
}

pub(super) async fn exchange(from: &mut TcpStream, to: &mut TcpStream, bytes: &[u8]) {
    within("write", from.write_all(bytes)).await.expect("written");
    let mut got = vec![0; bytes.len()];
    within("read", to.read_exact(&mut got)).await.expect("read");
    assert_eq!(got, bytes);
}

/// How reading ends, and what came before.
pub(super) async fn rest(stream: &mut TcpStream) -> (Vec<u8>, Option<ErrorKind>) {
    let mut bytes = Vec::new();
    let end = within("the end", stream.read_to_end(&mut bytes)).await;
    (bytes, end.err().map(|e| e.kind()))
}

fn latency(millis: u64) -> LinkRule {
    LinkRule::latency(HumanDuration::from_millis(millis), HumanDuration::default())
}

const ALL: Scope = Scope { direction: Ways::Both, probability: Ratio(1.0) };
const HOLE: LinkRule = LinkRule::Timeout { timeout: HumanDuration::from_millis(0), scope: ALL };
const DOWN: LinkRule = LinkRule::Down { scope: ALL };

#[tokio::test]
async fn without_rules_bytes_pass_and_each_half_closes_on_its_own() {
    let bench = Bench::new().await;
    let (mut client, mut served) = bench.pair().await;
    client.write_all(b"question").await.expect("written");
    client.shutdown().await.expect("half closed");
    assert_eq!(rest(&mut served).await, (b"question".to_vec(), None));
    served.write_all(b"answer").await.expect("written");
    drop(served);
    assert_eq!(rest(&mut client).await, (b"answer".to_vec(), None));
}

#[tokio::test]
async fn a_black_hole_holds_what_arrives_and_lets_it_go_at_once_when_it_is_removed() {
    let bench = Bench::new().await;
    let (mut client, mut served) = bench.pair().await;
    let _idle = bench.pair().await;
    bench.set("hole", HOLE).await;
    assert_eq!(bench.touched("hole").await, 0, "nobody met it yet");
    client.write_all(b"question").await.expect("written");
    client.shutdown().await.expect("half closed");
    bench.until_touched("hole", 1).await;
    assert_eq!(served.try_read(&mut [0; 8]).expect_err("nothing passed").kind(), ErrorKind::WouldBlock);
    assert_eq!(bench.touched("hole").await, 1, "the idle connection did not meet it");
    assert!(bench.remove("hole").await);
    assert_eq!(rest(&mut served).await, (b"question".to_vec(), None));
    assert!(!bench.remove("hole").await, "it is gone");
    exchange(&mut served, &mut client, b"answer").await;
}

#[tokio::test]
async fn a_black_hole_accepts_new_clients_and_carries_them_on_only_afterwards() {
    let bench = Bench::new().await;
    bench.set("hole", HOLE).await;
    let mut client = bench.dial().await.expect("accepted");
    client.write_all(b"question").await.expect("written");
    bench.until_touched("hole", 1).await;
    let early = std::future::poll_fn(|cx| std::task::Poll::Ready(bench.server.poll_accept(cx).is_pending())).await;
    assert!(early, "the attempt passed the black hole");
    bench.remove("hole").await;
    let mut served = bench.accept().await;
    let mut got = [0; 8];
    within("read", served.read_exact(&mut got)).await.expect("read");
    assert_eq!(&got, b"question");
    exchange(&mut served, &mut client, b"answer").await;
}

#[tokio::test]
async fn down_resets_both_sides_refuses_new_clients_keeps_the_port_and_is_undone() {
    let bench = Bench::new().await;
    let (mut client, mut served) = bench.pair().await;
    bench.set("down", DOWN).await;
    for _ in 0..20 {
        assert_eq!(bench.dial().await.expect_err("refused").kind(), ErrorKind::ConnectionRefused);
    }
    assert_eq!(rest(&mut client).await.1, Some(ErrorKind::ConnectionReset));
    assert_eq!(rest(&mut served).await.1, Some(ErrorKind::ConnectionReset));
    assert_eq!(bench.touched("down").await, 1);
    // What any server does before it binds.
    let thief = tokio::net::TcpSocket::new_v4().expect("a socket");
    thief.set_reuseaddr(true).expect("set");
    assert_eq!(thief.bind(bench.link.local()).expect_err("the port is kept").kind(), ErrorKind::AddrInUse);
    assert!(bench.remove("down").await);
    bench.pair().await;
}

#[tokio::test]
async fn down_that_meets_nobody_counts_nobody_and_is_undone_like_any_other() {
    let bench = Bench::new().await;
    bench.set("down", DOWN).await;
    assert_eq!(bench.touched("down").await, 0);
    bench.remove("down").await;
    bench.pair().await;
}

#[tokio::test]
async fn down_without_connections_resets_and_counts_the_first_attempt_and_refuses_the_rest() {
    let bench = Bench::new().await;
    bench.set("down", DOWN).await;
    match bench.dial().await {
        Ok(mut first) => assert_eq!(rest(&mut first).await.1, Some(ErrorKind::ConnectionReset)),
        Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset),
    }
    bench.until_touched("down", 1).await;
    for _ in 0..20 {
        assert_eq!(bench.dial().await.expect_err("refused").kind(), ErrorKind::ConnectionRefused);
    }
    bench.remove("down").await;
    bench.pair().await;
}

#[tokio::test]
async fn down_can_be_set_and_undone_again_and_again_while_clients_dial() {
    let bench = Arc::new(Bench::new().await);
    let stop = tokio_util::sync::CancellationToken::new();
    let dialers: Vec<_> = (0..8)
        .map(|_| {
            let (local, stop) = (bench.link.local(), stop.clone());
            tokio::spawn(async move {
                while !stop.is_cancelled() {
                    // Refused, reset or let in: all may happen here.
                    if let Ok(mut client) = TcpStream::connect(local).await {
                        let _ = client.write_all(b"x").await;
                    }
                    tokio::task::yield_now().await;
                }
            })
        })
        .collect();
    let sink = bench.clone();
    let server = tokio::spawn(async move { while sink.server.accept().await.is_ok() {} });
    for round in 0..50 {
        bench.set("down", DOWN).await;
        bench.until_touched("down", 1).await;
        let refused = within("refused", async {
            loop {
                match TcpStream::connect(bench.link.local()).await {
                    Err(error) if error.kind() == ErrorKind::ConnectionRefused => return true,
                    Err(_) => {}
                    Ok(_) => return false,
                }
            }
        });
        assert!(refused.await, "round {round}: let in while the link was down");
        assert!(bench.remove("down").await);
        assert!(bench.dial().await.is_ok(), "round {round}: still refused after undo");
    }
    stop.cancel();
    for dialer in dialers {
        within("dialer", dialer).await.expect("no panic");
    }
    server.abort();
}

#[tokio::test]
async fn latency_delays_each_way_by_what_was_asked() {
    let bench = Bench::new().await;
    let (mut client, mut served) = bench.pair().await;
    bench.set("crawl", latency(20)).await;
    let mut worst = Duration::ZERO;
    for _ in 0..10 {
        let asked = tokio::time::Instant::now();
        exchange(&mut client, &mut served, b"question").await;
        exchange(&mut served, &mut client, b"answer").await;
        let took = asked.elapsed();
        assert!(took >= Duration::from_millis(40), "{took:?} for two delays of 20 ms");
        worst = worst.max(took);
    }
    println!("20 ms each way: at most {worst:?} for both");
    assert_eq!(bench.touched("crawl").await, 1, "one connection, however many chunks");
}

#[tokio::test]
async fn a_removed_latency_lets_everything_go_at_once_and_in_order() {
    let bench = Bench::new().await;
    let (mut client, mut served) = bench.pair().await;
    bench.set("crawl", latency(3_600_000)).await;
    for n in 0..100u8 {
        client.write_all(&[n; 100]).await.expect("written");
        // Chunks of their own: the proxy reads one before the next is sent.
        tokio::task::yield_now().await;
    }
    bench.until_touched("crawl", 1).await;
    assert_eq!(served.try_read(&mut [0; 8]).expect_err("nothing passed").kind(), ErrorKind::WouldBlock);
    bench.remove("crawl").await;
    let mut got = vec![0; 10_000];
    within("read", served.read_exact(&mut got)).await.expect("read");
    assert!(got.chunks(100).zip(0u8..).all(|(chunk, n)| chunk == [n; 100]));
}

#[tokio::test]
async fn a_black_hole_slows_the_sender_down_instead_of_piling_up() {
    let bench = Bench::new().await;
    let (client, mut served) = bench.pair().await;
    bench.set("hole", HOLE).await;
    let mut sent = 0usize;
    // Nothing tells a sender that is blocked for good from one that is blocked for now, but for time.
    while tokio::time::timeout(Duration::from_millis(300), client.writable()).await.is_ok() {
        sent += client.try_write(&[1; 65_536]).unwrap_or(0);
        assert!(sent < 64 << 20, "the proxy takes in without bound");
    }
    assert!(sent > 0);
    bench.remove("hole").await;
    let mut left = sent;
    let mut buffer = vec![0; 65_536];
    while left > 0 {
        left -= within("read", served.read(&mut buffer)).await.expect("read");
    }
}

#[tokio::test]
async fn a_reset_travels_on_as_a_reset_behind_the_bytes_before_it() {
    let bench = Bench::new().await;
    let (client, mut served) = bench.pair().await;
    reset(&client);
    drop(client);
    assert_eq!(rest(&mut served).await, (vec![], Some(ErrorKind::ConnectionReset)));
    let (mut client, mut served) = bench.pair().await;
    bench.set("hole", HOLE).await;
    served.write_all(b"last words").await.expect("written");
    bench.until_touched("hole", 1).await;
    reset(&served);
    drop(served);
    bench.remove("hole").await;
    let (bytes, end) = rest(&mut client).await;
    assert_eq!(end, Some(ErrorKind::ConnectionReset));
    // A reset may overtake bytes in the client's own kernel, never the other way round.
    assert!(b"last words".starts_with(&bytes));
}

#[tokio::test]
async fn a_server_that_answers_early_and_closes_is_heard_to_its_last_byte() {
    let bench = Bench::new().await;
    let (mut client, mut served) = bench.pair().await;
    served.write_all(b"too large").await.expect("written");
    drop(served);
    let mut got = [0; 9];
    within("read", client.read_exact(&mut got)).await.expect("read");
    assert_eq!(&got, b"too large");
    // Uploading on breaks sooner or later, and then reading says so too.
    within("broken", async { while client.write_all(&[0; 65_536]).await.is_ok() {} }).await;
}

#[tokio::test]
async fn a_client_whose_upstream_is_not_there_is_reset() {
    let Bench { link, server } = Bench::new().await;
    drop(server);
    let mut client = within("dial", TcpStream::connect(link.local())).await.expect("let in");
    assert_eq!(rest(&mut client).await.1, Some(ErrorKind::ConnectionReset));
}

#[tokio::test]
async fn connections_over_the_limit_wait_for_a_place_and_are_cut_like_the_others() {
    let bench = Bench::new().await;
    let mut pairs = Vec::new();
    for _ in 0..MOST {
        pairs.push(bench.pair().await);
    }
    let mut waiting = bench.dial().await.expect("in the backlog");
    waiting.write_all(b"x").await.expect("written");
    drop(pairs.pop());
    let mut served = bench.accept().await;
    within("read", served.read_exact(&mut [0])).await.expect("carried on");
    let mut late = bench.dial().await.expect("in the backlog");
    bench.set("down", DOWN).await;
    assert_eq!(bench.touched("down").await, u64::from(MOST) + 1);
    assert_eq!(rest(&mut waiting).await.1, Some(ErrorKind::ConnectionReset));
    assert_eq!(rest(&mut late).await.1, Some(ErrorKind::ConnectionReset));
    bench.remove("down").await;
    bench.pair().await;
}

#[tokio::test]
async fn setting_twice_is_once_another_rule_of_that_id_is_refused_and_a_new_one_counts_anew() {
    let bench = Bench::new().await;
    let (mut client, _served) = bench.pair().await;
    bench.set("hole", HOLE).await;
    client.write_all(b"x").await.expect("written");
    bench.until_touched("hole", 1).await;
    bench.set("hole", HOLE).await;
    assert_eq!(bench.touched("hole").await, 1);
    let taken = bench.link.set(RuleId("hole".into()), latency(5)).await;
    assert!(matches!(taken, Err(LinkError::Taken(_))), "{taken:?}");
    bench.remove("hole").await;
    bench.set("hole", HOLE).await;
    assert_eq!(bench.touched("hole").await, 0);
}

#[tokio::test]
async fn dropping_a_link_resets_its_connections_and_frees_its_port() {
    let bench = Bench::new().await;
    let (mut client, _served) = bench.pair().await;
    let local = bench.link.local();
    drop(bench.link);
    assert_eq!(rest(&mut client).await.1, Some(ErrorKind::ConnectionReset));
    within("refused", async { while TcpStream::connect(local).await.is_ok() {} }).await;
}

/// Both directions at once, under rules that come and go at random: what arrives is what was sent.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_byte_arrives_once_and_in_order_while_rules_come_and_go() {
    const LEN: usize = 3 << 20;
    let bench = Bench::new().await;
    let (client, served) = bench.pair().await;
    let (client, served) = (client.into_split(), served.into_split());
    let send = |mut to: tokio::net::tcp::OwnedWriteHalf, salt: u8| {
        tokio::spawn(async move {
            let bytes: Vec<u8> = (0..LEN).map(|n| (n / 251) as u8 ^ n as u8 ^ salt).collect();
            for (chunk, n) in bytes.chunks(1777).zip(0..) {
                to.write_all(chunk).await.expect("written");
                if n % 16 == 0 {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
            }
            to.shutdown().await.expect("half closed");
        })
    };
    let receive = |mut from: tokio::net::tcp::OwnedReadHalf, salt: u8| {
        tokio::spawn(async move {
            let mut bytes = Vec::new();
            from.read_to_end(&mut bytes).await.expect("read");
            assert_eq!(bytes.len(), LEN);
            assert!(bytes.iter().enumerate().all(|(n, b)| *b == (n / 251) as u8 ^ n as u8 ^ salt));
        })
    };
    let all = [send(client.1, 1), receive(served.0, 1), send(served.1, 2), receive(client.0, 2)];
    let mut changes = 0;
    while !all.iter().all(|task| task.is_finished()) {
        let draw = crate::proxy::rules::lot(42, 0, crate::proxy::rules::Direction::Up, changes);
        let id = format!("rule {}", draw % 3);
        match draw >> 8 & 3 {
            0 => drop(bench.remove(&id).await),
            1 => drop(bench.link.set(RuleId(id), HOLE).await),
            _ => {
                let (latency, jitter) = (draw >> 16 & 15, draw >> 24 & 15);
                let jitter = HumanDuration::from_millis(jitter);
                let rule = LinkRule::latency(HumanDuration::from_millis(latency), jitter);
                drop(bench.link.set(RuleId(id), rule).await);
            }
        }
        changes += 1;
        tokio::time::sleep(Duration::from_millis(draw >> 32 & 7)).await;
        if changes % 20 == 0 {
            for n in 0..3 {
                bench.remove(&format!("rule {n}")).await;
            }
        }
        assert!(changes < 20_000, "no progress");
    }
    for task in all {
        within("done", task).await.expect("no panic");
    }
    println!("{changes} changes of rules");
}
