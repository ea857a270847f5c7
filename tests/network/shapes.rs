//! Bandwidth and latency: shapers of `tc`, and the queue in user space.

use std::time::Duration;

use simulacro::safety::{NetworkTrace, Undo};

use crate::bed::Bed;
use crate::common::{figure, wait_for};
use crate::fault::Stage;
use crate::wire::{arrive, median, quarter, round_trips, sequence, throughput};

/// Of a full frame of 1514 bytes TCP with time stamps carries 1448.
const FRAMING: f64 = 1514.0 / 1448.0;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs root and tc"]
async fn a_target_sends_at_the_rate_that_was_asked_for() {
    let bed = Bed::new();
    let stage = Stage::new(&bed);
    let before = bed.target.listing();
    for (asked, bits) in [("1mbit", 1e6), ("10mbit", 1e7), ("100mbit", 1e8)] {
        let fault = format!("network-bandwidth: {{ target: app, rate: {asked} }}");
        let injected = stage.inject(&fault).await;
        // A busy machine sends less, never more: the best of a few tries tells what the shaper lets pass.
        let tries = (0..4).map(|_| throughput(&bed.target, &bed.client, 9100, Duration::from_secs(3)));
        let enough = |payload: &f64| payload * 8.0 * FRAMING > bits * 0.95;
        let mut best = 0.0_f64;
        for payload in tries {
            best = best.max(payload);
            if enough(&best) {
                break;
            }
        }
        let payload = best;
        let touched = stage.touched(&injected).await.unwrap();
        stage.revert(&injected).await;
        let seen = payload * 8.0 * FRAMING;
        figure(&format!("{fault}: bits in a second on the wire"), seen.round());
        figure(&format!("{fault}: bits in a second of payload"), (payload * 8.0).round());
        assert!((seen / bits - 1.0).abs() < 0.05, "{fault}: {seen}");
        assert!(touched > 0);
        assert_eq!(bed.target.listing(), before);
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs root and tc"]
async fn a_limit_that_nothing_reached_touched_nothing() {
    let bed = Bed::new();
    let stage = Stage::new(&bed);
    let injected = stage.inject("network-bandwidth: { target: app, rate: 1gbit }").await;
    round_trips(&bed.client, &bed.target, 9110, 3);
    assert_eq!(stage.touched(&injected).await, Some(0));
    stage.revert(&injected).await;
}

/// By netem or by the queue, whichever this machine has; the figure says which.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs root, and netem or NFQUEUE"]
async fn a_round_trip_takes_as_much_longer_as_was_asked_for() {
    let bed = Bed::new();
    let stage = Stage::new(&bed);
    let before = bed.target.listing();
    let usual = round_trips(&bed.client, &bed.target, 9120, 50);
    for asked in [5.0, 50.0, 250.0] {
        let fault = format!("network-latency: {{ target: app, latency: {asked}ms }}");
        let injected = stage.inject(&fault).await;
        let by = match &injected.undo[0] {
            Undo::Network(undo) if matches!(undo.trace, NetworkTrace::Queue { .. }) => "NFQUEUE",
            _ => "netem",
        };
        let trips = round_trips(&bed.client, &bed.target, 9121, 20);
        // A busy machine makes single trips longer, never shorter: the faster quarter tells what the fault adds.
        let seen = quarter(&trips) - quarter(&usual);
        assert!(stage.touched(&injected).await.is_some_and(|touched| touched >= 20));
        stage.revert(&injected).await;
        let middle = median(&trips) - median(&usual);
        figure(
            &format!("{fault}, by {by}: added to a round trip, ms, lower quartile and median"),
            format!("{seen:.2} {middle:.2}"),
        );
        assert!((seen - asked).abs() <= (asked * 0.05).max(2.0), "{fault}: {seen}");
        assert_eq!(bed.target.listing(), before, "{fault}");
    }
    let fault = "network-latency: { target: app, latency: 40ms, jitter: 20ms }";
    let injected = stage.inject(fault).await;
    let trips = round_trips(&bed.client, &bed.target, 9122, 100);
    stage.revert(&injected).await;
    let (low, high) = (trips[0] - usual[0], trips[trips.len() - 1] - usual[0]);
    figure(&format!("{fault}: least and most added, ms"), format!("{low:.2} {high:.2}"));
    assert!(low > 18.0 && low < 32.0 && high > 48.0, "{low} {high}");
    assert_eq!(bed.target.listing(), before, "{fault}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs root, and netem or NFQUEUE"]
async fn throughput_under_latency() {
    let bed = Bed::new();
    let stage = Stage::new(&bed);
    let injected = stage.inject("network-latency: { target: app, latency: 20ms }").await;
    let received = throughput(&bed.client, &bed.target, 9130, Duration::from_secs(2));
    stage.revert(&injected).await;
    figure("network-latency of 20ms: Mbit in a second that the target receives", (received * 8e-6).round());
    assert!(received > 0.0);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs root and tc"]
async fn somebody_elses_discipline_is_refused_and_left_alone() {
    let bed = Bed::new();
    let stage = Stage::new(&bed);
    bed.target
        .sh(&format!("tc qdisc add dev {} root handle 1: tbf rate 1gbit burst 50000 limit 100000", bed.target.device));
    let before = bed.target.listing();
    let refused = stage.prepare("network-bandwidth: { target: app, rate: 1mbit }").await.unwrap_err().to_string();
    assert!(refused.contains("tbf 1:") && refused.contains("tc qdisc del"), "{refused}");
    assert_eq!(bed.target.listing(), before);
}

/// A shaper does not expire in the kernel; its keeper takes it away.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs root and tc"]
async fn a_shaper_ends_by_itself_when_its_time_is_over() {
    let bed = Bed::new();
    let before = bed.target.listing();
    let stage = Stage::holding(&bed, "2s");
    let injected = stage.inject("network-bandwidth: { target: app, rate: 1mbit }").await;
    assert_ne!(bed.target.listing(), before);
    let gone = || (bed.target.listing() == before).then_some(());
    wait_for("the shaper to be taken away", gone, || bed.target.listing());
    assert_eq!(stage.touched(&injected).await, None);
}

/// Where the kernel has netem its effects are measured; where it has not they are refused with the reason. The figure
/// says which it was.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs root and tc"]
async fn packets_arrive_twice_damaged_or_in_another_order() {
    let bed = Bed::new();
    let stage = Stage::new(&bed);
    let before = bed.target.listing();
    let (count, share) = (5_000_u64, 0.2);
    for kind in ["duplicate", "corrupt", "reorder"] {
        let fault = format!("network-{kind}: {{ target: app, share: {}% }}", share * 100.0);
        if let Err(refused) = stage.prepare(&fault).await {
            figure(&format!("{fault}: refused"), &refused);
            assert!(refused.to_string().contains("sch_netem"), "{refused}");
            continue;
        }
        let injected = stage.inject(&fault).await;
        let arrived = arrive(&bed.target, &bed.client, 9140, count) as f64 / count as f64;
        let order = sequence(&bed.target, &bed.client, 9141, 300);
        assert!(stage.touched(&injected).await.is_some_and(|touched| touched >= count));
        stage.revert(&injected).await;
        assert_eq!(bed.target.listing(), before, "{fault}");
        let early = order.windows(2).filter(|pair| pair[1] < pair[0]).count();
        figure(&format!("{fault}: share of {count} that arrived"), arrived);
        let deviation = 5.0 * (share * (1.0 - share) / count as f64).sqrt();
        match kind {
            "duplicate" => assert!((arrived - 1.0 - share).abs() < deviation, "{arrived}"),
            // A bit in the sender's hardware address is damage that nobody notices.
            "corrupt" => assert!((0.7 * share..share + deviation).contains(&(1.0 - arrived)), "{arrived}"),
            _ => assert!(early > 20 && order.len() == 300, "{early} of {} came too late", order.len()),
        }
    }
}
