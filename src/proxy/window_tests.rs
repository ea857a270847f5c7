//! Order, completeness and bounds of what is held, under rules that come and go at any moment.

use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::model::{DataRate, HumanDuration, LinkRule, Ratio, RuleId, Scope, Size};
use crate::proxy::rules::{ActiveRule, Direction, lot};

#[derive(Debug, Clone)]
enum Op {
    Arrive(usize),
    Pass(i64),
    Write(usize),
    Set(u8, LinkRule),
    Remove(u8),
}

fn rule() -> impl Strategy<Value = LinkRule> {
    prop_oneof![
        (0u64..50, 0u64..60).prop_map(|(latency, jitter)| LinkRule::latency(
            HumanDuration::from_millis(latency),
            HumanDuration::from_millis(jitter),
        )),
        Just(LinkRule::black_hole()),
        (0u64..20_000).prop_map(|rate| LinkRule::Bandwidth { rate: DataRate(rate), scope: Scope::default() }),
        (0u64..50).prop_map(|delay| LinkRule::SlowClose {
            delay: HumanDuration::from_millis(delay),
            scope: Scope::default(),
        }),
        (0u64..20, 0u64..30, 0u64..5).prop_map(|(size, variation, delay)| LinkRule::Slicer {
            average_size: Size(size),
            size_variation: Size(variation),
            delay: HumanDuration::from_millis(delay),
            scope: Scope::default(),
        }),
        (0u64..100).prop_map(|bytes| LinkRule::LimitData { bytes: Size(bytes), scope: Scope::default() }),
        (0.0f64..1.0).prop_map(|loss| LinkRule::PacketLoss {
            loss: Ratio(loss),
            retransmit: HumanDuration::from_millis(20),
            scope: Scope::default(),
        }),
        Just(LinkRule::Reset { after: HumanDuration::from_millis(5), scope: Scope::default() }),
    ]
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        4 => (1usize..40).prop_map(Op::Arrive),
        3 => (0i64..40).prop_map(Op::Pass),
        4 => (1usize..60).prop_map(Op::Write),
        1 => (0u8..3, rule()).prop_map(|(id, rule)| Op::Set(id, rule)),
        1 => (0u8..3).prop_map(Op::Remove),
    ]
}

fn id(n: u8) -> RuleId {
    RuleId(format!("run/{n}"))
}

/// One direction of a link, with the bytes 0, 1, 2, … as its stream.
#[derive(Default)]
struct Lane {
    window: Window,
    rules: RuleSet,
    lives: Lives,
    now: i64,
    sent: usize,
    received: Vec<u8>,
    serial: u64,
}

impl Lane {
    fn arrive(&mut self, len: usize) {
        let bytes: Vec<u8> = (self.sent..self.sent + len).map(|n| n as u8).collect();
        let lot = lot(1, 1, Direction::Up, self.sent as u64);
        let chunk = Chunk { direction: Direction::Up, arrived: Offset::from_millis(self.now), len, lot, hold: None };
        self.window.push(chunk, Load::Bytes(bytes.into()));
        self.sent += len;
    }

    /// Writes what is due, `most` bytes at a time; returns when the head may leave, if it may not yet.
    fn write(&mut self, most: usize) -> Option<Offset> {
        loop {
            let now = Offset::from_millis(self.now);
            let taken = match self.window.due(&self.rules, &mut self.lives, || now) {
                Due::Now(Load::Bytes(bytes)) => bytes.slice(..most.min(bytes.len())),
                Due::At(at) => return Some(at),
                Due::Now(_) | Due::Held | Due::Nothing => return None,
            };
            self.received.extend_from_slice(&taken);
            self.window.advance(taken.len(), &self.rules, &mut self.lives, || now);
        }
    }

    fn changed(&mut self, rules: RuleSet) {
        self.lives = rules.lives(&self.lives, Offset::ZERO);
        self.rules = rules;
    }

    fn touched(&self) -> u64 {
        self.rules.iter().map(|rule| rule.status().touched).sum()
    }

    fn due(&mut self) -> Due<'_> {
        self.window.due(&self.rules, &mut self.lives, || Offset::ZERO)
    }

    fn act(&mut self, op: Op) {
        match op {
            Op::Arrive(len) => self.arrive(len),
            Op::Pass(millis) => self.now += millis,
            Op::Write(most) => assert!(self.write(most).is_none_or(|at| at > Offset::from_millis(self.now))),
            Op::Set(n, rule) => {
                self.serial += 1;
                let active = ActiveRule::new(id(n), rule, self.serial, Offset::from_millis(self.now));
                self.changed(self.rules.without(&id(n)).with(Arc::new(active)));
            }
            Op::Remove(n) => self.changed(self.rules.without(&id(n))),
        }
    }
}

proptest! {
    #[test]
    fn no_byte_is_lost_doubled_or_reordered_whenever_rules_come_and_go(ops in prop::collection::vec(op(), 0..200)) {
        let mut lane = Lane::default();
        for op in ops {
            lane.act(op);
            prop_assert!(lane.received.iter().enumerate().all(|(n, byte)| *byte == n as u8));
        }
        // The rules go: what is held flows on at once, without any time passing.
        lane.changed(RuleSet::default());
        prop_assert_eq!(lane.write(usize::MAX), None);
        prop_assert!(lane.window.is_empty());
        prop_assert_eq!(lane.received, (0..lane.sent).map(|n| n as u8).collect::<Vec<_>>());
        prop_assert_eq!(lane.window.cost, 0);
    }

    #[test]
    fn under_a_steady_latency_every_chunk_leaves_within_its_bounds(
        gaps in prop::collection::vec(0i64..30, 1..50), latency in 0u64..50, jitter in 0u64..60,
    ) {
        let mut lane = Lane::default();
        let rule = LinkRule::latency(HumanDuration::from_millis(latency), HumanDuration::from_millis(jitter));
        lane.act(Op::Set(0, rule));
        let (least, most) = (latency.saturating_sub(jitter) as i64, (latency + jitter) as i64);
        let mut arrived: Vec<i64> = Vec::new();
        let mut latest = 0;
        let long_after = most + 2;
        for gap in gaps.iter().chain([&long_after]) {
            for _ in 0..*gap {
                lane.now += 1;
                let before = lane.received.len();
                lane.write(usize::MAX);
                for at in &arrived[before..lane.received.len()] {
                    latest = latest.max(at + most);
                    prop_assert!(lane.now >= at + least, "left too early");
                    // A timer of whole milliseconds wakes up to one of them late.
                    prop_assert!(lane.now <= latest + 1, "left too late");
                }
            }
            lane.arrive(1);
            arrived.push(lane.now);
        }
        prop_assert!(lane.received.len() >= gaps.len());
    }
}

#[test]
fn the_window_is_bounded_also_for_single_bytes() {
    for len in [1, 1000, 65_536] {
        let mut lane = Lane::default();
        let mut chunks = 0;
        while lane.window.has_room() {
            lane.arrive(len);
            chunks += 1;
        }
        assert!(lane.window.cost < WINDOW + len + OVERHEAD);
        assert!(chunks <= WINDOW / OVERHEAD + 1);
    }
}

#[test]
fn the_end_of_the_stream_waits_for_the_bytes_before_it_and_is_held_like_them() {
    let mut lane = Lane::default();
    lane.arrive(3);
    let chunk = Chunk { direction: Direction::Up, arrived: Offset::ZERO, len: 0, lot: 0, hold: None };
    lane.window.push(chunk, Load::Fin);
    lane.act(Op::Set(0, LinkRule::black_hole()));
    assert_eq!(lane.due(), Due::Held);
    lane.act(Op::Remove(0));
    assert_eq!(lane.write(usize::MAX), None);
    assert_eq!(lane.received.len(), 3);
    assert_eq!(lane.due(), Due::Now(&Load::Fin));
}

#[test]
fn held_chunks_name_the_rule_that_holds_them_and_empty_windows_nobody() {
    let mut lane = Lane::default();
    lane.act(Op::Set(0, LinkRule::black_hole()));
    assert_eq!(lane.due(), Due::Nothing);
    assert_eq!(lane.touched(), 0);
    lane.arrive(1);
    assert_eq!(lane.due(), Due::Held);
    assert_eq!(lane.touched(), 1);
}
