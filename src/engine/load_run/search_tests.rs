use super::*;
use proptest::prelude::*;

const SECOND: Duration = Duration::from_secs(1);

fn breakpoint(rates: &str) -> Breakpoint {
    serde_json::from_str(&format!("{{ {rates}, \"hold\": \"10s\", \"confirm\": \"30s\", \"until\": [\"p95 < 1s\"] }}"))
        .unwrap()
}

fn held() -> StepLook {
    StepLook::Held { measured: "p95 1 ms".into() }
}

fn broke() -> StepLook {
    StepLook::Broke { why: "p95 2 s".into() }
}

fn unclear(ours: bool) -> StepLook {
    StepLook::Unclear { why: "too little".into(), ours }
}

/// Everything that a search did against a target that `shows` something at each rate, told whether it is confirmed.
fn drive(search: &mut Search, mut shows: impl FnMut(u32, bool) -> StepLook) -> Vec<Move> {
    let mut all = Vec::new();
    while let Some(step) = search.step() {
        all.extend(search.announce(step.to));
        all.extend(search.looked(shows(step.per_second, step.confirm), step.to + SECOND));
    }
    all
}

fn marks(moves: &[Move]) -> Vec<&SearchMark> {
    moves.iter().filter_map(|m| if let Move::Mark(mark) = m { Some(mark) } else { None }).collect()
}

fn over(moves: &[Move]) -> &str {
    assert_eq!(moves.last(), Some(&Move::Stop), "{moves:?}");
    match marks(moves).last() {
        Some(SearchMark::Over { why }) => why,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_rate_before_the_one_that_breaks_is_held_to_confirm_it() {
    let mut search = Search::new(&breakpoint("\"start_rate\": 100, \"max_rate\": 1000, \"step\": 100"), Offset::ZERO);
    let moves = drive(&mut search, |rate, _| if rate > 300 { broke() } else { held() });
    assert_eq!(over(&moves), "300/s is the highest rate that holds, 400/s breaks");
    let holds: Vec<_> = moves.iter().filter(|m| matches!(m, Move::Hold { .. })).collect();
    // Judged one second after the end of the fourth step, and 200 ms ahead.
    let order = Offset::ZERO + SECOND * 41 + ORDER_AHEAD;
    assert_eq!(holds, [&Move::Hold { per_second: 300, from: order }]);
    let confirm = marks(&moves).into_iter().find(|m| matches!(m, SearchMark::Step { confirm: true, .. })).unwrap();
    let from = order + MOST_REST;
    assert_eq!(*confirm, SearchMark::Step { per_second: 300, from, to: from + SECOND * 30, confirm: true });
}

#[test]
fn a_rate_that_breaks_when_it_is_confirmed_did_not_hold() {
    let mut search = Search::new(&breakpoint("\"start_rate\": 100, \"max_rate\": 1000, \"step\": 100"), Offset::ZERO);
    let moves =
        drive(&mut search, |rate, confirm| if rate > if confirm { 200 } else { 400 } { broke() } else { held() });
    assert_eq!(over(&moves), "200/s is the highest rate that holds, 300/s breaks");
}

#[test]
fn the_other_ends() {
    let of = |shows: fn(u32, bool) -> StepLook| {
        let breakpoint = breakpoint("\"start_rate\": 100, \"max_rate\": 300, \"step\": 100");
        over(&drive(&mut Search::new(&breakpoint, Offset::ZERO), shows)).to_owned()
    };
    assert_eq!(of(|_, _| held()), "nothing breaks up to 300/s");
    assert_eq!(of(|_, _| broke()), "the first rate, 100/s, breaks already");
    assert_eq!(of(|_, confirm| if confirm { broke() } else { held() }), "the first rate, 100/s, breaks already");
    assert_eq!(of(|_, _| unclear(true)), "our side could not drive 100/s: too little");
    assert_eq!(of(|_, _| unclear(false)), "at no rate enough was seen");
    assert_eq!(
        of(|rate, _| if rate > 100 { broke() } else { unclear(false) }),
        "200/s breaks, and at no lower rate enough was seen"
    );
    assert_eq!(
        of(|_, confirm| if confirm { unclear(false) } else { held() }),
        "300/s could not be confirmed: too little"
    );
}

proptest! {
    /// Whatever a target does, the search ends, confirms only rates that held, and says nothing twice of one step.
    #[test]
    fn a_search_ends_and_is_consistent(
        factor in 1.05f64..3.0,
        answers in proptest::collection::vec(0u8..4, 1..200),
    ) {
        let text = format!("\"start_rate\": 7, \"max_rate\": 5000, \"factor\": {factor}");
        let mut search = Search::new(&breakpoint(&text), Offset::ZERO);
        let mut next = answers.iter().cycle();
        let moves = drive(&mut search, |_, _| match next.next() {
            Some(0) => broke(),
            Some(1) => unclear(false),
            _ => held(),
        });
        over(&moves);
        let mut steps = std::collections::BTreeMap::new();
        let mut judged = std::collections::BTreeSet::new();
        for mark in marks(&moves) {
            match mark {
                SearchMark::Step { per_second, from, to, .. } => {
                    prop_assert!(from < to);
                    prop_assert_eq!(steps.insert(*from, *per_second), None, "announced once");
                }
                SearchMark::Judged { from, .. } => {
                    prop_assert!(steps.contains_key(from), "announced before it is judged");
                    prop_assert!(judged.insert(*from), "judged once");
                }
                SearchMark::Over { .. } => {}
            }
        }
        prop_assert_eq!(marks(&moves).into_iter().filter(|m| matches!(m, SearchMark::Over { .. })).count(), 1);
    }
}
