//! What holds for every run.

use proptest::prelude::*;

use super::*;
use crate::judge::part::{agreed, at_most};
use crate::model::Delta;
use crate::result::Bounds;
use crate::timeline::event::{EventKind, Sight};

/// What each tenth of a second from the act on is like: good, bad or blind.
fn drill_of(cells: &[u8]) -> Script {
    let mut script = kill(&[]);
    script.events.retain(|(_, what)| !matches!(what, EventKind::Probe { .. }));
    script.probe("checkout", (50, 0, 15_000), |t| match cells.get(((t - 2_000).max(-1) as usize) / 100) {
        Some(1) => (refused(), 1),
        Some(2) => (blind(), 0),
        _ => (Sight::Good, 2),
    });
    script
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn the_whole_is_the_worst_of_its_parts(cells in prop::collection::vec(0u8..3, 0..60)) {
        let verdict = judged(KILL, &drill_of(&cells)).2;
        prop_assert_eq!(Some(verdict.outcome), verdict.parts.iter().map(|p| p.outcome).max());
    }

    #[test]
    fn blinding_never_turns_anything_to_pass(
        cells in prop::collection::vec(0u8..2, 1..60),
        blinded in prop::collection::vec(0usize..60, 1..8),
        rule in prop::sample::select(vec!["from: impact", "from: act", "max_bad_time: 300ms"]),
        impact in prop::sample::select(vec!["expected", "tolerated", "none"]),
    ) {
        let yaml = KILL.replace("fault: crash}", &format!("fault: crash, {rule}}}"));
        let yaml = yaml.replace("impact: expected", &format!("impact: {impact}"));
        let mut blind = cells.clone();
        blinded.iter().for_each(|n| if let Some(cell) = blind.get_mut(*n) { *cell = 2 });
        let (before, after) = (judged(&yaml, &drill_of(&cells)).2, judged(&yaml, &drill_of(&blind)).2);
        for (one, other) in before.parts.iter().zip(&after.parts) {
            let gained = one.outcome != Outcome::Pass && other.outcome == Outcome::Pass;
            // An unseen impact that is tolerated is none: that part never fails.
            prop_assert!(!gained, "{:?} became {:?}", one, other);
        }
    }

    #[test]
    fn widening_an_interval_never_turns_anything_to_pass_or_breach(
        lower in 0i64..1_000,
        width in 0i64..500,
        below in 0i64..300,
        above in prop::option::of(0i64..300),
        max in 0i64..1_500,
    ) {
        let ms = Delta::from_millis;
        let narrow = Bounds { value: ms(lower), lower: ms(lower), upper: Some(ms(lower + width)) };
        let upper = above.map(|above| ms(lower + width + above));
        let wide = Bounds { lower: ms((lower - below).max(0)), upper, ..narrow };
        let (one, other) = (at_most(narrow, ms(max)), at_most(wide, ms(max)));
        prop_assert!(other == one || other == Outcome::Inconclusive);
        prop_assert_eq!(agreed(one, other), other);
    }
}
