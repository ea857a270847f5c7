//! How often the gate is wrong, and how often it sees: by simulation, with a fixed seed. `docs/comparing.md` has the
//! table of many trials.

use super::*;

/// Trials of each case: enough for the bounds below; `SIMULACRO_COMPARE_TRIALS` asks for more, and for the table.
fn trials() -> (usize, bool) {
    match std::env::var("SIMULACRO_COMPARE_TRIALS").ok().and_then(|n| n.parse().ok()) {
        Some(n) => (n, true),
        None => (25, false),
    }
}

/// What one case is made of.
struct Case {
    what: &'static str,
    /// Runs of BASE and of RUN.
    runs: (usize, usize),
    noise: f64,
    bursts: f64,
    factor: f64,
    /// Whether every test run tries it.
    always: bool,
}

/// Shares of the trials that came out as better, same, cannot tell, worse; and of intervals of p95 that hold the truth.
fn tried(case: &Case, seed: u64, trials: usize) -> ([f64; 4], f64) {
    let mut world = World { noise: case.noise, bursts: case.bursts, ..World::new(seed) };
    let (mut verdicts, mut held) = ([0; 4], 0);
    for n in 0..trials {
        let (base, run) = (world.runs(case.runs.0, 1.0), world.runs(case.runs.1, case.factor));
        let comparison = compared(&base, &run, &Options { seed: n as u64, ..Options::default() });
        verdicts[comparison.verdict as usize] += 1;
        let p95 = comparison.rows.iter().find(|row| row.metric == Metric::Quantile(0.95)).unwrap();
        let truth = case.factor - 1.0;
        held += usize::from(p95.interval.0 <= truth && truth <= p95.interval.1);
    }
    (verdicts.map(|n| n as f64 / trials as f64), held as f64 / trials as f64)
}

const fn case(what: &'static str, runs: (usize, usize), noise: f64, bursts: f64, factor: f64) -> Case {
    Case { what, runs, noise, bursts, factor, always: false }
}

/// Nothing changed, and it may not be called worse.
const fn calm(runs: (usize, usize), noise: f64) -> Case {
    Case { always: true, ..case("nothing changed", runs, noise, 0.0, 1.0) }
}

/// The cases of the table.
const CASES: [Case; 21] = [
    calm((5, 5), 0.03),
    case("nothing changed", (3, 3), 0.03, 0.0, 1.0),
    case("nothing changed", (5, 1), 0.03, 0.0, 1.0),
    case("nothing changed", (10, 1), 0.03, 0.0, 1.0),
    case("nothing changed", (1, 1), 0.03, 0.0, 1.0),
    case("nothing changed", (5, 5), 0.10, 0.0, 1.0),
    case("nothing changed", (5, 5), 0.30, 0.0, 1.0),
    case("nothing changed", (3, 3), 0.30, 0.0, 1.0),
    calm((5, 1), 0.30),
    calm((1, 1), 0.10),
    case("nothing changed", (1, 1), 0.20, 0.0, 1.0),
    case("nothing changed, a burst in every 5th run", (5, 5), 0.03, 0.2, 1.0),
    case("nothing changed, a burst in every 5th run", (5, 1), 0.03, 0.2, 1.0),
    case("10 % slower", (5, 5), 0.03, 0.0, 1.10),
    case("15 % slower", (5, 5), 0.03, 0.0, 1.15),
    case("20 % slower", (5, 5), 0.03, 0.0, 1.20),
    case("20 % slower", (3, 3), 0.03, 0.0, 1.20),
    case("20 % slower", (5, 1), 0.03, 0.0, 1.20),
    case("20 % slower", (10, 1), 0.03, 0.0, 1.20),
    case("50 % slower", (1, 1), 0.03, 0.0, 1.50),
    case("20 % faster", (5, 5), 0.03, 0.0, 0.80),
];

#[test]
fn nothing_changed_is_called_worse_at_most_once_in_twenty() {
    let (trials, table) = trials();
    for (n, case) in CASES.iter().enumerate().filter(|(_, case)| table || case.always) {
        let ([better, same, unclear, worse], held) = tried(case, n as u64, trials);
        let (b, r) = case.runs;
        println!(
            "| {} | {b} : {r} | {:.0} % | {:.1} % | {:.1} % | {:.1} % | {:.1} % | {:.1} % |",
            case.what,
            case.noise * 100.0,
            worse * 100.0,
            unclear * 100.0,
            same * 100.0,
            better * 100.0,
            held * 100.0
        );
        if case.always {
            assert!(worse <= 0.05 && better <= 0.05, "{}: worse {worse}, better {better}", case.what);
        }
    }
}

#[test]
fn a_fifth_slower_is_seen_with_five_runs_a_side() {
    let (trials, _) = trials();
    let ([_, same, _, worse], _) = tried(&case("20 % slower", (5, 5), 0.03, 0.0, 1.20), 99, trials);
    assert!(worse >= 0.8, "power {worse}");
    assert_eq!(same, 0.0);
    let ([.., worse], _) = tried(&case("20 % slower", (10, 1), 0.03, 0.0, 1.20), 98, trials);
    assert!(worse >= 0.5, "power of one run against a baseline of ten {worse}");
}

#[test]
fn what_did_not_change_is_called_the_same_with_five_runs_a_side() {
    let ([_, same, ..], _) = tried(&calm((5, 5), 0.03), 97, trials().0);
    assert!(same >= 0.8, "same {same}");
}
