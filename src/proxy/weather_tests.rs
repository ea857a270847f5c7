//! Each kind of rule on real loopback sockets: what clients see of it, and that nothing is left when it goes.

use super::tests::{Bench, exchange, rest, within};
use super::*;
use crate::model::{DataRate, HumanDuration, Ratio, Scope, Size, Ways};
use std::io::ErrorKind;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const LONG: HumanDuration = HumanDuration::from_secs(3600);

fn towards(direction: Ways) -> Scope {
    Scope { direction, ..Scope::default() }
}

#[tokio::test]
async fn bandwidth_trickles_and_lets_the_rest_go_when_it_is_removed() {
    let bench = Bench::new().await;
    let (mut client, mut served) = bench.pair().await;
    bench.set("thin", LinkRule::Bandwidth { rate: DataRate(100_000), scope: towards(Ways::Up) }).await;
    let began = tokio::time::Instant::now();
    client.write_all(&[1; 20_000]).await.expect("written");
    within("read", served.read_exact(&mut [0; 20_000])).await.expect("read");
    let took = began.elapsed();
    println!("20 KB at 100 KB/s took {took:?}");
    assert!(took >= Duration::from_millis(180), "{took:?}");
    exchange(&mut served, &mut client, b"the other way is free").await;
    assert_eq!(bench.touched("thin").await, 1);
    client.write_all(&[2; 1_000_000]).await.expect("written");
    bench.remove("thin").await;
    let mut all = vec![0; 1_000_000];
    within("read", served.read_exact(&mut all)).await.expect("read");
    assert!(all.iter().all(|byte| *byte == 2));
}

#[tokio::test]
async fn slow_close_delays_the_end_and_not_the_bytes() {
    let bench = Bench::new().await;
    let (mut client, mut served) = bench.pair().await;
    bench.set("slow", LinkRule::SlowClose { delay: LONG, scope: Scope::default() }).await;
    client.write_all(b"last words").await.expect("written");
    client.shutdown().await.expect("closed");
    within("read", served.read_exact(&mut [0; 10])).await.expect("read");
    bench.until_touched("slow", 1).await;
    assert_eq!(served.try_read(&mut [0; 1]).expect_err("not closed yet").kind(), ErrorKind::WouldBlock);
    bench.remove("slow").await;
    assert_eq!(rest(&mut served).await, (vec![], None));
}

#[tokio::test]
async fn a_timeout_with_a_limit_closes_new_and_old_connections_in_good_order() {
    let bench = Bench::new().await;
    let (mut client, _served) = bench.pair().await;
    let rule = LinkRule::Timeout { timeout: HumanDuration::from_millis(20), scope: Scope::default() };
    bench.set("out", rule).await;
    client.write_all(b"into the void").await.expect("written");
    assert_eq!(rest(&mut client).await, (vec![], None));
    let mut late = bench.dial().await.expect("let in");
    assert_eq!(rest(&mut late).await, (vec![], None));
    assert_eq!(bench.touched("out").await, 2);
    bench.remove("out").await;
    let _behind = bench.accept().await;
    bench.pair().await;
}

#[tokio::test]
async fn a_black_hole_for_answers_alone_lets_requests_through() {
    let bench = Bench::new().await;
    let hole = LinkRule::Timeout { timeout: HumanDuration::default(), scope: towards(Ways::Down) };
    bench.set("hole", hole).await;
    let mut client = bench.dial().await.expect("let in");
    let mut served = bench.accept().await;
    exchange(&mut client, &mut served, b"question").await;
    served.write_all(b"answer").await.expect("written");
    bench.until_touched("hole", 1).await;
    assert_eq!(client.try_read(&mut [0; 8]).expect_err("nothing passed").kind(), ErrorKind::WouldBlock);
    bench.remove("hole").await;
    within("read", client.read_exact(&mut [0; 6])).await.expect("read");
}

#[tokio::test]
async fn a_reset_leaves_idle_connections_and_resets_those_that_speak() {
    let bench = Bench::new().await;
    let (mut client, mut served) = bench.pair().await;
    let (mut idle, mut idle_served) = bench.pair().await;
    bench.set("reset", LinkRule::Reset { after: HumanDuration::from_millis(5), scope: Scope::default() }).await;
    client.write_all(b"hello").await.expect("written");
    assert_eq!(rest(&mut client).await, (vec![], Some(ErrorKind::ConnectionReset)));
    assert_eq!(rest(&mut served).await, (vec![], Some(ErrorKind::ConnectionReset)));
    assert_eq!(bench.touched("reset").await, 1);
    bench.remove("reset").await;
    exchange(&mut idle, &mut idle_served, b"still here").await;
}

#[tokio::test]
async fn a_slicer_cuts_and_keeps_every_byte() {
    let bench = Bench::new().await;
    let (mut client, mut served) = bench.pair().await;
    let rule = LinkRule::Slicer {
        average_size: Size(100),
        size_variation: Size(30),
        delay: HumanDuration(Duration::from_micros(100)),
        scope: Scope::default(),
    };
    bench.set("slicer", rule).await;
    let sent: Vec<u8> = (0..20_000u32).map(|n| n as u8).collect();
    client.write_all(&sent).await.expect("written");
    let (mut got, mut first) = (vec![0; 20_000], [0; 20_000]);
    let seen = within("read", served.read(&mut first)).await.expect("read");
    assert!(seen < 20_000, "it came in one piece");
    got[..seen].copy_from_slice(&first[..seen]);
    within("read", served.read_exact(&mut got[seen..])).await.expect("read");
    assert_eq!(got, sent);
    assert_eq!(bench.touched("slicer").await, 1);
}

#[tokio::test]
async fn exactly_the_limit_passes_and_then_the_connection_is_closed() {
    let bench = Bench::new().await;
    let (mut client, mut served) = bench.pair().await;
    bench.set("limit", LinkRule::LimitData { bytes: Size(1000), scope: towards(Ways::Down) }).await;
    served.write_all(&[7; 5000]).await.expect("written");
    let (bytes, end) = rest(&mut client).await;
    assert_eq!((bytes.len(), end), (1000, None));
    assert_eq!(bench.touched("limit").await, 1);
    bench.remove("limit").await;
    bench.pair().await;
}

#[tokio::test]
async fn lost_packets_come_late_and_in_order() {
    let bench = Bench::new().await;
    let (mut client, mut served) = bench.pair().await;
    let rule =
        LinkRule::PacketLoss { loss: Ratio(0.3), retransmit: HumanDuration::from_millis(2), scope: Scope::default() };
    bench.set("loss", rule).await;
    let sent: Vec<u8> = (0..100_000u32).map(|n| (n / 7) as u8).collect();
    client.write_all(&sent).await.expect("written");
    let mut got = vec![0; sent.len()];
    within("read", served.read_exact(&mut got)).await.expect("read");
    assert_eq!(got, sent);
    assert_eq!(bench.touched("loss").await, 1);
}

#[tokio::test]
async fn a_link_that_is_down_for_some_lets_the_others_in() {
    let bench = Bench::new().await;
    let scope = Scope { probability: Ratio(0.5), ..Scope::default() };
    bench.set("down", LinkRule::Down { scope }).await;
    let (mut cut, mut through) = (0, 0);
    for _ in 0..40 {
        let Ok(mut client) = bench.dial().await else {
            cut += 1;
            continue;
        };
        let server = bench.server.accept();
        tokio::select! {
            served = server => {
                exchange(&mut client, &mut served.expect("a connection").0, b"x").await;
                through += 1;
            }
            end = client.read_u8() => {
                assert_eq!(end.expect_err("reset").kind(), ErrorKind::ConnectionReset);
                cut += 1;
            }
        }
    }
    assert!(cut >= 8 && through >= 8, "{cut} cut, {through} let through");
    assert_eq!(bench.touched("down").await, cut);
    assert!(bench.remove("down").await);
    bench.pair().await;
}
