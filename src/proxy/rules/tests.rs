//! The composition of rules.

use super::*;
use crate::model::HumanDuration;
use proptest::prelude::*;

fn latency(millis: u64) -> LinkRule {
    LinkRule::Latency { latency: HumanDuration::from_millis(millis), jitter: HumanDuration::default() }
}

fn set(rules: &[LinkRule]) -> RuleSet {
    rules.iter().zip(0..).fold(RuleSet::default(), |set, (spec, n)| {
        set.with(Arc::new(ActiveRule::new(RuleId(format!("run/{n}")), spec.clone(), n)))
    })
}

fn chunk(lot: u64) -> Chunk {
    Chunk { direction: Direction::Down, arrived: Offset::from_millis(100), len: 10, lot }
}

fn affected(set: &RuleSet) -> (Passage, Vec<u64>) {
    let mut serials = Vec::new();
    (set.passage(&chunk(1), |rule| serials.push(rule.serial())), serials)
}

#[test]
fn no_rule_passes_at_once_and_lets_everybody_in() {
    let none = RuleSet::default();
    assert_eq!(affected(&none), (Passage::At(Offset::from_millis(100)), vec![]));
    assert_eq!(none.gate().0, Gate::Open);
    assert!(none.gate().1.is_none());
}

#[test]
fn zero_latency_passes_and_touches_nothing() {
    assert_eq!(affected(&set(&[latency(0)])), (Passage::At(Offset::from_millis(100)), vec![]));
}

#[test]
fn latencies_add_up_and_a_black_hole_wins() {
    assert_eq!(affected(&set(&[latency(20), latency(30)])), (Passage::At(Offset::from_millis(150)), vec![0, 1]));
    assert_eq!(affected(&set(&[LinkRule::Timeout {}, latency(30)])), (Passage::Held, vec![0]));
}

#[test]
fn the_strictest_gate_counts_and_names_its_rule() {
    let rules = set(&[latency(1), LinkRule::Timeout {}, LinkRule::Down {}]);
    let (gate, by) = rules.gate();
    assert_eq!((gate, by.map(ActiveRule::serial)), (Gate::Cut, Some(2)));
    let left = rules.without(&RuleId("run/2".into()));
    let (gate, by) = left.gate();
    assert_eq!((gate, by.map(ActiveRule::serial)), (Gate::Held, Some(1)));
}

#[test]
fn removing_one_rule_leaves_the_others() {
    let rules = set(&[latency(20), latency(30)]);
    let left = rules.without(&RuleId("run/0".into()));
    assert_eq!(affected(&left), (Passage::At(Offset::from_millis(130)), vec![1]));
    assert!(left.get(&RuleId("run/1".into())).is_some() && left.get(&RuleId("run/0".into())).is_none());
}

proptest! {
    #[test]
    fn the_same_seed_decides_the_same(seed: u64, connection: u64, sequence: u64, jitter in 1u64..1000) {
        let spec = LinkRule::Latency { latency: HumanDuration::from_secs(1), jitter: HumanDuration::from_millis(jitter) };
        let chunk = || chunk(lot(seed, connection, Direction::Down, sequence));
        let (one, other) = (set(std::slice::from_ref(&spec)), set(&[spec]));
        prop_assert_eq!(one.passage(&chunk(), |_| ()), other.passage(&chunk(), |_| ()));
    }

    #[test]
    fn directions_connections_and_places_draw_their_own_lots(seed: u64, connection in 0u64..1 << 40, n in 0u64..1 << 40) {
        let here = lot(seed, connection, Direction::Up, n);
        prop_assert_ne!(here, lot(seed, connection, Direction::Down, n));
        prop_assert_ne!(here, lot(seed, connection + 1, Direction::Up, n));
        prop_assert_ne!(here, lot(seed, connection, Direction::Up, n + 1));
    }
}
