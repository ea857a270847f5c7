//! From intervals to verdicts.
//!
//! A row is worse when its whole interval lies beyond the smallest effect that matters, better when it lies beyond on
//! the other side, the same when it lies between (two one-sided tests: D. J. Schuirmann, 1987), and else it cannot be
//! told. So each verdict is a claim about the true change that is wrong at most once in 40 times.
//!
//! Many rows make many chances of a false alarm. Worse and better therefore also ask that "nothing changed" is refuted
//! at 5 % for all rows together (S. Holm, A Simple Sequentially Rejective Multiple Test Procedure, 1979).

use super::sample::RunSample;
use super::{
    CONFIDENCE, Change, Comparison, Difference, FALSE_ALARM, Found, Metric, NoiseFrom, Options, Row, SideInfo, Skipped,
    VERSION, names,
};
use crate::timeline::latency::HIGHEST_US;

/// Why a row of a run in doubt cannot be told; the notes say more.
const IN_DOUBT: &str = "in doubt: see the notes";

/// More runs than this are not recommended to anybody.
const MANY: f64 = 50.0;

/// Decides all rows together.
pub(super) fn conclude(
    base: &[RunSample],
    run: &[RunSample],
    span: &str,
    options: &Options,
    found: Found,
    differences: Vec<Difference>,
) -> Comparison {
    let Found { mut rows, lower, mut skipped, unseen } = found;
    let worse = holm(&rows.iter().map(|row| row.chance).collect::<Vec<_>>());
    let better = holm(&lower);
    for (n, row) in rows.iter_mut().enumerate() {
        (row.verdict, row.why) = one(row, worse[n], better[n], options);
    }
    let doubts = doubts(base, run, &mut rows);
    let told = |row: &Row| too_few_to_say_none(row, options).map_or(Ok(()), Err);
    rows.retain(|row| match told(row) {
        Ok(()) => true,
        Err(why) => {
            let (stream, request) = (row.stream.clone(), row.request.clone());
            skipped.push(Skipped { stream, request, metric: Some(row.metric), why });
            false
        }
    });
    let verdict = overall(&rows, unseen, options.requests);
    Comparison {
        version: VERSION,
        program: env!("CARGO_PKG_VERSION").into(),
        verdict,
        exit_code: verdict.exit_code(),
        summary: summary(verdict, &rows, &doubts),
        scenario: run[0].scenario.clone(),
        span: span.to_owned(),
        effect: options.effect,
        error_effect: options.error_effect,
        confidence: CONFIDENCE,
        seed: options.seed,
        base: side(base),
        run: side(run),
        notes: doubts.into_iter().chain(notes(base, run, &rows)).collect(),
        rows,
        skipped,
        differences,
    }
}

fn side(runs: &[RunSample]) -> SideInfo {
    let mut hosts: Vec<String> = runs.iter().map(|run| run.host.clone()).collect();
    hosts.sort();
    hosts.dedup();
    SideInfo {
        runs: runs.iter().map(|run| run.id.clone()).collect(),
        hosts,
        started: runs.iter().map(|run| run.started.clone()).min().unwrap_or_default(),
    }
}

/// For each chance whether "nothing changed" is refuted, so that one false refutation among all is as rare as
/// [`FALSE_ALARM`].
fn holm(chances: &[f64]) -> Vec<bool> {
    let mut order: Vec<usize> = (0..chances.len()).collect();
    order.sort_by(|a, b| chances[*a].total_cmp(&chances[*b]));
    let mut refuted = vec![false; chances.len()];
    for (k, n) in order.into_iter().enumerate() {
        if chances[n] > FALSE_ALARM / (chances.len() - k) as f64 {
            break;
        }
        refuted[n] = true;
    }
    refuted
}

fn one(row: &Row, worse: bool, better: bool, options: &Options) -> (Change, String) {
    let effect = if row.metric.is_ratio() { options.effect } else { options.error_effect };
    if row.metric != Metric::Throughput && row.metric.is_ratio() && failing(row.base) && failing(row.run) {
        return (Change::CannotTell, "failures reach into it on both sides".into());
    }
    let (low, high) = row.interval;
    let (up, down) = (low > effect, high < -effect);
    let (is_worse, is_better) = if row.metric.sign() > 0.0 { (up, down) } else { (down, up) };
    let said = |text: &str| text.to_owned();
    match (is_worse, is_better) {
        (true, _) if worse => (Change::Worse, said("the whole interval is beyond the effect")),
        (_, true) if better => (Change::Better, said("the whole interval is beyond the effect")),
        (true, _) | (_, true) => {
            (Change::CannotTell, said("beyond the effect, but among so many rows one like it is no surprise"))
        }
        _ if low > -effect && high < effect => (Change::Same, said("the whole interval is within the effect")),
        _ => (Change::CannotTell, undecided(row, effect)),
    }
}

fn failing(us: f64) -> bool {
    us >= HIGHEST_US as f64
}

/// Why a row could not be decided: what would help.
fn undecided(row: &Row, effect: f64) -> String {
    if row.noise_from == NoiseFrom::Assumed {
        return "one run a side: give 3 or more, or --noise".into();
    }
    let scale = |change: f64| if row.metric.is_ratio() { change.ln_1p() } else { change };
    let bound = scale(if row.change < 0.0 { -effect } else { effect });
    let gap = (scale(row.change) - bound).abs();
    // The change as measured, with an interval just short enough. 2.1: Student's t at 97.5 % for about twenty runs.
    let runs = (2.0 * (2.1 * row.noise / gap).powi(2)).ceil() + 1.0;
    if runs > MANY {
        return format!("needs more than {MANY} runs a side");
    }
    let most = row.runs.0.max(row.runs.1) as f64;
    format!("needs about {} runs a side", runs.max(most + 1.0).max(3.0))
}

/// Where nothing or little failed, how many requests it takes to exclude that more than `error_effect` fail (the rule
/// of three: none in n bounds the share at 3 / n with 95 %). Fewer cannot say it, so the row is left out unless it
/// shows a change.
fn too_few_to_say_none(row: &Row, options: &Options) -> Option<String> {
    let needed = (3.0 / options.error_effect).ceil();
    let fewest = row.samples.0.min(row.samples.1);
    let doubted = row.why == IN_DOUBT;
    let unclear = row.metric == Metric::ErrorRate && row.verdict == Change::CannotTell && !doubted;
    (unclear && (fewest as f64) < needed).then(|| {
        format!("too few requests to tell a change of {}: {fewest} of {needed}", percent(options.error_effect))
    })
}

/// Why some runs may not decide anything, each once; the rows that they would decide cannot be told.
fn doubts(base: &[RunSample], run: &[RunSample], rows: &mut [Row]) -> Vec<String> {
    let mut doubts: Vec<String> = Vec::new();
    for run in base.iter().chain(run) {
        let of_streams = run.streams.iter().filter_map(|stream| Some((Some(&stream.name), stream.doubt.as_ref()?)));
        for (stream, doubt) in run.doubt.as_ref().map(|doubt| (None, doubt)).into_iter().chain(of_streams) {
            let mut meant = rows.iter_mut().filter(|row| stream.is_none_or(|name| row.stream == *name)).peekable();
            if meant.peek().is_some() && !doubts.contains(doubt) {
                doubts.push(doubt.clone());
            }
            meant.for_each(|row| (row.verdict, row.why) = (Change::CannotTell, IN_DOUBT.into()));
        }
    }
    doubts
}

/// A single request name can make it worse. That it cannot be told counts only where names were asked for: the row of
/// the whole stream covers its requests, too, and every name has few of them.
fn overall(rows: &[Row], unseen: bool, requests: bool) -> Change {
    let any = |verdict| rows.iter().any(|row| row.verdict == verdict);
    let unclear = |row: &Row| row.verdict == Change::CannotTell && (requests || row.request.is_none());
    match () {
        () if any(Change::Worse) => Change::Worse,
        // Nothing compared is not the same as nothing changed.
        () if rows.iter().any(unclear) || rows.is_empty() || unseen => Change::CannotTell,
        () if any(Change::Better) => Change::Better,
        () => Change::Same,
    }
}

fn summary(verdict: Change, rows: &[Row], doubts: &[String]) -> String {
    let of: Vec<&Row> = rows.iter().filter(|row| row.verdict == verdict).collect();
    let more = if of.len() > 1 { format!(" (and {} more)", of.len() - 1) } else { String::new() };
    let first = of.first().map(|row| named(row));
    match (verdict, first) {
        (Change::Same, _) => {
            let open = rows.len() - of.len();
            let open = if open > 0 { format!("; {open} single requests cannot be told") } else { String::new() };
            format!("Same: no change that matters in {} rows{open}.", of.len())
        }
        (_, None) if rows.is_empty() => "Cannot tell: nothing could be compared.".into(),
        (_, None) => "Cannot tell: a stream of BASE could not be compared.".into(),
        (Change::CannotTell, Some(_)) if !doubts.is_empty() => format!("Cannot tell: {}.", doubts.join("; ")),
        (Change::CannotTell, Some(first)) => format!("Cannot tell: {first}{more}: {}.", of[0].why),
        (Change::Better, Some(first)) => format!("Better: {first}{more}."),
        (Change::Worse, Some(first)) => format!("Worse: {first}{more}."),
    }
}

fn named(row: &Row) -> String {
    let request = row.request.as_ref().map_or(String::new(), |request| format!(", {request}"));
    let (low, high) = row.interval;
    let [change, low, high] = [row.change, low, high].map(|x| super::signed(row.metric, x));
    format!("{} of {}{request} by {change} [{low}, {high}]", row.metric, row.stream)
}

fn percent(share: f64) -> String {
    format!("{} %", (share * 1e4).round() / 1e2)
}

fn notes(base: &[RunSample], run: &[RunSample], rows: &[Row]) -> Vec<String> {
    let mut notes = Vec::new();
    if rows.iter().any(|row| row.noise_from == NoiseFrom::Assumed) {
        notes.push(format!(
            "one run a side: how much runs differ by themselves is not known, and assumed to be {}",
            percent(super::ASSUMED_NOISE)
        ));
    }
    for (side, other) in [("RUN", NoiseFrom::Base), ("BASE", NoiseFrom::Run)] {
        if rows.iter().any(|row| row.noise_from == other) {
            notes.push(format!("{side} is one run: it is taken to be as noisy as each run of the other side"));
        }
    }
    let gone: Vec<String> =
        names(base).into_iter().filter(|name| !names(run).contains(name)).map(ToString::to_string).collect();
    if !gone.is_empty() {
        notes.push(format!("RUN does not have the stream {}", gone.join(", ")));
    }
    notes
}
