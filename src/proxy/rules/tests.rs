//! The composition of rules.

use std::sync::Arc;

use super::*;
use crate::model::{HumanDuration, Ratio};
use proptest::prelude::*;

fn latency(millis: u64) -> LinkRule {
    LinkRule::latency(HumanDuration::from_millis(millis), HumanDuration::default())
}

fn set(rules: &[LinkRule]) -> RuleSet {
    rules.iter().zip(0..).fold(RuleSet::default(), |set, (spec, n)| {
        set.with(Arc::new(ActiveRule::new(RuleId(format!("run/{n}")), spec.clone(), n, Offset::ZERO)))
    })
}

fn chunk(lot: u64) -> Chunk {
    Chunk { direction: Direction::Down, arrived: Offset::from_millis(100), len: 10, lot, hold: None }
}

fn affected(set: &RuleSet) -> (Passage, Vec<u64>) {
    let passage = set.passage(&chunk(1), &mut set.lives(&Default::default(), Offset::ZERO));
    (passage, set.iter().filter(|rule| rule.status().touched > 0).map(|rule| rule.serial()).collect())
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
    assert_eq!(affected(&set(&[LinkRule::black_hole(), latency(30)])), (Passage::Held, vec![0]));
}

#[test]
fn the_strictest_gate_counts_and_names_its_rule() {
    let rules = set(&[latency(1), LinkRule::black_hole(), LinkRule::down()]);
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
        let spec = LinkRule::latency(HumanDuration::from_secs(1), HumanDuration::from_millis(jitter));
        let chunk = || chunk(lot(seed, connection, Direction::Down, sequence));
        let (one, other) = (set(std::slice::from_ref(&spec)), set(&[spec]));
        let passage = |set: &RuleSet| set.passage(&chunk(), &mut set.lives(&Default::default(), Offset::ZERO));
        prop_assert_eq!(passage(&one), passage(&other));
    }

    #[test]
    fn directions_connections_and_places_draw_their_own_lots(seed: u64, connection in 0u64..1 << 40, n in 0u64..1 << 40) {
        let here = lot(seed, connection, Direction::Up, n);
        prop_assert_ne!(here, lot(seed, connection, Direction::Down, n));
        prop_assert_ne!(here, lot(seed, connection + 1, Direction::Up, n));
        prop_assert_ne!(here, lot(seed, connection, Direction::Up, n + 1));
    }
}

#[test]
fn a_rule_covers_its_share_of_the_connections_the_same_ones_in_every_run() {
    let scope = Scope { direction: Ways::Both, probability: Ratio(0.3) };
    let rules = |run: &str| {
        let id = RuleId(format!("{run}/cut"));
        Arc::new(RuleSet::default().with(Arc::new(ActiveRule::new(id, LinkRule::Down { scope }, 1, Offset::ZERO))))
    };
    let (one, other) = (rules("a"), rules("b"));
    let covered = |set: &Arc<RuleSet>, n: u64| !set.of_connection((9, n)).is_empty();
    let count = (0..10_000).filter(|n| covered(&one, *n)).count();
    // A 99.99 % interval of the binomial.
    assert!((2820..=3180).contains(&count), "{count} of 10,000 at 30 %");
    assert!((0..10_000).all(|n| covered(&one, n) == covered(&other, n)));
    assert!(one.of_all().is_empty());
}

#[test]
fn a_rule_for_one_way_leaves_the_other_alone() {
    let scope = Scope { direction: Ways::Up, probability: Ratio(1.0) };
    let rules = set(&[LinkRule::Timeout { timeout: HumanDuration::default(), scope }]);
    assert_eq!(affected(&rules), (Passage::At(Offset::from_millis(100)), vec![]));
    let up = Chunk { direction: Direction::Up, ..chunk(1) };
    assert_eq!(rules.passage(&up, &mut rules.lives(&Default::default(), Offset::ZERO)), Passage::Held);
}
