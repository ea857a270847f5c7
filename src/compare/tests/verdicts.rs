//! Verdicts on single cases.

use super::*;

fn row(comparison: &Comparison, metric: Metric) -> &Row {
    comparison.rows.iter().find(|row| row.metric == metric).unwrap_or_else(|| panic!("{metric}: {comparison:?}"))
}

#[test]
fn the_same_runs_and_seed_give_the_same_numbers() {
    let mut world = World::new(1);
    let (base, run) = (world.runs(3, 1.0), world.runs(3, 1.1));
    assert_eq!(compared(&base, &run, &Options::default()), compared(&base, &run, &Options::default()));
    let other = compared(&base, &run, &Options { seed: 2, ..Options::default() });
    assert_ne!(other.rows[0].interval, compared(&base, &run, &Options::default()).rows[0].interval);
}

#[test]
fn quantiles_are_those_of_all_requests_together() {
    let hist = |values: &[u64]| {
        let mut hist = Hist::default();
        values.iter().for_each(|us| hist.record(*us));
        hist
    };
    // Medians of 1 ms and 9 ms; of all 40 requests together 1 ms, not the mean of 5 ms.
    let (fast, slow) = (hist(&[1_000; 30]), hist(&[9_000; 10]));
    let base = [sample("a", fast, 0), sample("b", slow, 0)];
    let run = [sample("c", hist(&[1_000; 40]), 0)];
    let median = row(&compared(&base, &run, &Options::default()), Metric::Quantile(0.5)).clone();
    assert_eq!((median.base, median.run, median.samples), (1_000.0, 1_000.0, (40, 40)));
}

#[test]
fn failures_rank_as_the_slowest() {
    let mut world = World::new(2);
    let base = world.runs(3, 1.0);
    let mut failing = world.runs(3, 1.0);
    for run in &mut failing {
        run.streams[0].rows[0].failed = 2_000;
    }
    let comparison = compared(&base, &failing, &Options::default());
    assert_eq!((comparison.verdict, comparison.exit_code), (Change::Worse, 15));
    let p95 = row(&comparison, Metric::Quantile(0.95));
    assert_eq!((p95.verdict, p95.run.round()), (Change::Worse, 600_000_000.0), "{p95:?}");
    assert_eq!(row(&comparison, Metric::ErrorRate).verdict, Change::Worse);
    assert!((row(&comparison, Metric::ErrorRate).change - 1.0 / 6.0).abs() < 0.01);
    // Where both fail, a quantile says nothing.
    let mut as_bad = base.clone();
    for (n, run) in as_bad.iter_mut().enumerate() {
        run.id = RunId(format!("bad-{n}"));
        run.streams[0].rows[0].failed = 2_000;
    }
    assert_eq!(
        row(&compared(&as_bad, &failing, &Options::default()), Metric::Quantile(0.95)).verdict,
        Change::CannotTell
    );
}

#[test]
fn one_run_a_side_is_told_apart_only_when_the_change_is_larger_than_the_assumption_explains() {
    let mut world = World::new(3);
    let base = world.runs(1, 1.0);
    let alike = compared(&base, &world.runs(1, 1.0), &Options::default());
    assert_eq!((alike.verdict, alike.exit_code), (Change::CannotTell, 20));
    assert!(alike.summary.contains("3 or more, or --noise") && alike.notes[0].contains("assumed"), "{}", alike.summary);
    assert_eq!(compared(&base, &world.runs(1, 2.0), &Options::default()).verdict, Change::Worse);
    let known = Options { noise: Some(0.005), ..Options::default() };
    let mut calm = World { noise: 0.0, made: 9, ..world };
    let same = compared(&calm.runs(1, 1.0), &calm.runs(1, 1.0), &known);
    assert_eq!(row(&same, Metric::Quantile(0.5)).noise_from, NoiseFrom::Given);
    assert_eq!(same.verdict, Change::Same, "{}", same.summary);
}

#[test]
fn a_quantile_with_too_few_requests_is_left_out_unless_it_was_asked_for() {
    let mut world = World { requests: 150.0, ..World::new(4) };
    let (base, run) = (world.runs(3, 1.0), world.runs(3, 1.0));
    let usual = compared(&base, &run, &Options::default());
    assert!(usual.skipped.iter().any(|s| s.metric == Some(Metric::Quantile(0.99)) && s.why.contains("of 1000")));
    let asked = compared(&base, &run, &Options { quantiles: vec![0.99], asked: true, ..Options::default() });
    assert!(asked.rows.iter().any(|row| row.metric == Metric::Quantile(0.99)));
    assert_eq!(asked.verdict, Change::CannotTell, "{asked:?}");
}

#[test]
fn what_was_not_seen_never_passes() {
    let mut world = World::new(5);
    let (base, run) = (world.runs(5, 1.0), world.runs(5, 1.0));
    assert_eq!(compared(&base, &run, &Options::default()).verdict, Change::Same);
    let mut lost = run.clone();
    lost[2].streams[0].doubt = Some("part of steady is missing".into());
    let comparison = compared(&base, &lost, &Options::default());
    assert_eq!(comparison.verdict, Change::CannotTell);
    assert!(comparison.rows.iter().all(|row| row.why.contains("in doubt")));
    assert!(comparison.summary.contains("is missing") && comparison.notes[0].contains("is missing"));
    let mut stopped = run.clone();
    stopped[0].doubt = Some("stopped by a guard".into());
    assert_eq!(compared(&base, &stopped, &Options::default()).verdict, Change::CannotTell);
    let mut second = base.clone();
    for run in &mut second {
        run.streams.push(StreamSample { name: name("users"), ..run.streams[0].clone() });
    }
    let allowed = Options { allowed: vec![Differs::Load], ..Options::default() };
    let missing = compared(&second, &run, &allowed);
    assert_eq!(missing.verdict, Change::CannotTell, "a stream that is gone was not compared");
}

#[test]
fn fewer_requests_a_second_are_worse() {
    let mut world = World::new(6);
    let base = world.runs(3, 1.0);
    let mut slow = world.runs(3, 1.0);
    slow.iter_mut().for_each(|run| run.streams[0].rows[0].rate *= 0.7);
    let comparison = compared(&base, &slow, &Options::default());
    assert_eq!(row(&comparison, Metric::Throughput).verdict, Change::Worse);
    assert_eq!(row(&compared(&slow, &base, &Options::default()), Metric::Throughput).verdict, Change::Better);
}

#[test]
fn unlike_sides_are_refused_with_the_differences_unless_that_is_allowed() {
    let mut world = World::new(7);
    let (base, mut run) = (world.runs(2, 1.0), world.runs(2, 1.0));
    run[0].host = "two".into();
    run[1].streams[0].asked_rate = Some(200.0);
    run.iter_mut().for_each(|run| run.program = "0.2.0".into());
    let why = compare(&base, &run, "total", &Options::default()).unwrap_err().to_string();
    for part in ["machine: BASE one; RUN one, two", "200/s", "version of simulacro", "--allow-different load"] {
        assert!(why.contains(part), "{part} in {why}");
    }
    assert!(!why.contains("--allow-different program"), "{why}");
    let allowed = Options { allowed: vec![Differs::Host, Differs::Load], ..Options::default() };
    assert_eq!(compared(&base, &run, &allowed).differences.len(), 3);
    let twice = compare(&base, &base, "total", &Options::default()).unwrap_err().to_string();
    assert!(twice.contains("given twice"), "{twice}");
    assert!(compare(&base, &[], "total", &Options::default()).is_err());
}

#[test]
fn runners_of_one_kind_are_one_machine_whatever_they_are_called() {
    let machine = |cores: u32, kernel: &str| {
        let machine =
            Machine { cpu: "EPYC".into(), cores, memory_gib: 16, arch: "x86_64".into(), kernel: kernel.into() };
        Some(machine)
    };
    let mut world = World::new(7);
    let (mut base, mut run) = (world.runs(2, 1.0), world.runs(2, 1.0));
    for (i, one) in base.iter_mut().chain(&mut run).enumerate() {
        one.host = format!("runner-{i}");
        one.machine = machine(4, "6.8");
    }
    assert_eq!(compared(&base, &run, &Options::default()).differences, []);
    run[1].machine = machine(4, "6.11");
    let told = compared(&base, &run, &Options::default()).differences;
    assert_eq!(told.iter().map(|d| d.differs).collect::<Vec<_>>(), [Differs::Kernel], "told, and not refused");
    run[1].machine = machine(2, "6.8");
    let why = compare(&base, &run, "total", &Options::default()).unwrap_err().to_string();
    assert!(why.contains("4 × EPYC") && why.contains("2 × EPYC") && why.contains("--allow-different host"), "{why}");
    // A baseline of an older version knows names only.
    base[0].machine = None;
    let why = compare(&base, &run, "total", &Options::default()).unwrap_err().to_string();
    assert!(why.contains("runner-0") && why.contains("runner-3"), "{why}");
}

#[test]
fn among_many_rows_one_small_chance_is_no_surprise() {
    // One request name of twenty seems slower by luck: its interval alone would call it worse.
    let mut world = World { requests: 60.0, noise: 0.25, ..World::new(8) };
    let mut side = |n: usize| -> Vec<RunSample> {
        (0..4)
            .map(|_| {
                let mut run = world.run(1.0);
                let rows: Vec<RowSample> = (0..20)
                    .map(|k| RowSample {
                        request: Some(format!("r{k}")),
                        ..world.run(1.0).streams.remove(0).rows.remove(0)
                    })
                    .collect();
                run.id = RunId(format!("{n}-{}", run.id));
                run.streams[0].rows.extend(rows);
                run
            })
            .collect()
    };
    let (mut alarms, mut surprises) = (0, 0);
    for n in 0..20 {
        let comparison = compared(&side(n), &side(n + 100), &Options { seed: n as u64, ..Options::default() });
        surprises += usize::from(comparison.rows.iter().any(|row| row.why.contains("no surprise")));
        alarms += usize::from(comparison.verdict == Change::Worse);
    }
    assert!(alarms <= 2 && surprises > 2 * alarms, "{alarms} false alarms, {surprises} were none");
}
