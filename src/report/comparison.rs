//! A comparison on a terminal, in Markdown, and as JUnit.

use std::fmt::Write as _;

use quick_junit::{NonSuccessKind, Report, SerializeError, TestCase, TestCaseStatus, TestSuite};

use super::grid::{draw, paint, printable, wrap};
use super::markdown::{self, escape};
use super::table::{Cell, Table, Tone};
use super::terminal::View;
use super::words;
use crate::compare::{Change, Comparison, Metric, NoiseFrom, Row, SideInfo, signed};
use crate::timeline::latency::HIGHEST_US;

const fn sign(change: Change) -> &'static str {
    match change {
        Change::Better | Change::Same => "✓",
        Change::CannotTell => "?",
        Change::Worse => "✗",
    }
}

const fn tone(change: Change) -> Tone {
    match change {
        Change::Better | Change::Same => Tone::Pass,
        Change::CannotTell => Tone::Inconclusive,
        Change::Worse => Tone::Breach,
    }
}

/// The rows, the worst first.
fn table(comparison: &Comparison) -> Table {
    let mut table = Table::new(
        format!("RUN against BASE, span {}", comparison.span),
        &["verdict", "stream", "metric", "#base", "#run", "#change", "95 % interval", "-noise", "-#requests", "why"],
    );
    let place = |row: &&Row| match row.verdict {
        Change::Worse => 0,
        Change::CannotTell => 1,
        Change::Better => 2,
        Change::Same => 3,
    };
    let mut rows: Vec<&Row> = comparison.rows.iter().collect();
    rows.sort_by_key(place);
    for row in rows {
        let name = row.request.as_ref().map_or_else(String::new, |request| format!(": {request}"));
        table.row([
            Cell::toned(format!("{} {}", sign(row.verdict), row.verdict.as_str()), tone(row.verdict)),
            format!("{}{name}", row.stream).into(),
            row.metric.to_string().into(),
            value(row.metric, row.base),
            value(row.metric, row.run),
            signed(row.metric, row.change).into(),
            interval(row).into(),
            noise(row).into(),
            format!("{} : {}", words::count(row.samples.0), words::count(row.samples.1)).into(),
            Cell::new(if row.verdict == Change::CannotTell { &row.why } else { "" }),
        ]);
    }
    table
}

fn interval(row: &Row) -> String {
    let [low, high] = [row.interval.0, row.interval.1].map(|bound| signed(row.metric, bound));
    // The unit stands once where both bounds have it.
    let unit = high.find(' ').map_or("", |at| &high[at..]);
    format!("{} to {high}", low.strip_suffix(unit).unwrap_or(&low))
}

fn value(metric: Metric, value: f64) -> Cell {
    match metric {
        Metric::Quantile(_) if value >= HIGHEST_US as f64 => Cell::toned("failures", Tone::Breach),
        Metric::Quantile(_) => words::micros(value.round() as u64).into(),
        Metric::ErrorRate => words::percent(value).into(),
        Metric::Throughput => words::rate(value).into(),
    }
}

/// The noise of a single run, and where it comes from unless both sides show it.
fn noise(row: &Row) -> String {
    let from = match row.noise_from {
        NoiseFrom::Both => "",
        NoiseFrom::Base => " (BASE)",
        NoiseFrom::Run => " (RUN)",
        NoiseFrom::Given => " (given)",
        NoiseFrom::Assumed => " (assumed)",
        NoiseFrom::Requests => " (requests)",
    };
    match row.metric.is_ratio() {
        true => format!("{:.1} %{from}", row.noise * 100.0),
        false => format!("{:.2} points{from}", row.noise * 100.0),
    }
}

fn skipped(comparison: &Comparison) -> Table {
    let mut table = Table::new("Not compared", &["stream", "metric", "why"]);
    for s in &comparison.skipped {
        let name = s.request.as_ref().map_or_else(String::new, |request| format!(": {request}"));
        let metric = s.metric.map_or_else(|| "all".into(), |metric| metric.to_string());
        table.row([format!("{}{name}", s.stream).into(), metric.into(), s.why.as_str().into()]);
    }
    table
}

/// Who was compared with whom, and how.
fn facts(comparison: &Comparison) -> Vec<String> {
    let side = |name: &str, side: &SideInfo| {
        let runs = match side.runs.as_slice() {
            [one] => format!("run {one}"),
            runs => format!("{} runs", runs.len()),
        };
        format!("{name}: {runs}, since {}, on {}", words::wall(&side.started), side.hosts.join(", "))
    };
    let mut facts = vec![
        side("BASE", &comparison.base),
        side("RUN", &comparison.run),
        format!(
            "smallest effect that matters: {} % of a latency or a rate, {} points of failures; seed {}",
            short(comparison.effect * 100.0),
            short(comparison.error_effect * 100.0),
            comparison.seed
        ),
    ];
    facts.extend(comparison.differences.iter().map(|d| format!("differs: {}", d.words)));
    facts.extend(comparison.notes.iter().cloned());
    facts
}

fn short(x: f64) -> f64 {
    (x * 1e6).round() / 1e6
}

fn headline(comparison: &Comparison) -> String {
    format!("{} {}", sign(comparison.verdict), comparison.verdict.as_str())
}

/// The comparison on a terminal.
pub fn terminal(comparison: &Comparison, view: &View) -> String {
    let mut out = String::new();
    let head = paint(&headline(comparison).to_uppercase(), tone(comparison.verdict), view.colour);
    let _ = writeln!(out, "{head}  {}", printable(comparison.scenario.as_str()));
    let lines = [format!("exit code {}", comparison.exit_code), comparison.summary.clone()].into_iter();
    for line in lines.chain(facts(comparison)) {
        for line in wrap(&printable(&line), view.width.max(40) - 2) {
            let _ = writeln!(out, "  {line}");
        }
    }
    for table in [table(comparison), skipped(comparison)].iter().filter(|table| !table.rows.is_empty()) {
        let _ = writeln!(out, "\n{}\n{}", table.title, draw(table, view.width.max(40), view.colour));
    }
    out
}

/// The comparison as GitHub-flavoured Markdown.
pub fn markdown(comparison: &Comparison) -> String {
    let sign = match comparison.verdict {
        Change::Better | Change::Same => "✅",
        Change::CannotTell => "⚠️",
        Change::Worse => "❌",
    };
    let mut out = format!("## {sign} Compared: {}\n\n", escape(comparison.scenario.as_str()));
    let _ = writeln!(out, "{} Exit code {}.\n", escape(&comparison.summary), comparison.exit_code);
    for fact in facts(comparison) {
        let _ = writeln!(out, "- {}", escape(&fact));
    }
    markdown::table(&mut out, &table(comparison));
    markdown::table(&mut out, &skipped(comparison));
    out
}

/// The comparison as JUnit XML: one case for each row. As in a drill's report, what cannot be told is an error.
///
/// # Errors
/// The writer's own; it writes into memory.
pub fn junit(comparison: &Comparison) -> Result<String, SerializeError> {
    let mut suite = TestSuite::new(format!("{} compared", comparison.scenario));
    suite.add_properties([("seed", comparison.seed.to_string().as_str()), ("span", comparison.span.as_str())]);
    let status = |verdict: Change, why: &str| match verdict {
        Change::Better | Change::Same => TestCaseStatus::success(),
        Change::CannotTell | Change::Worse => {
            let worse = verdict == Change::Worse;
            let mut status =
                TestCaseStatus::non_success(if worse { NonSuccessKind::Failure } else { NonSuccessKind::Error });
            status.set_type(verdict.as_str()).set_message(why);
            status
        }
    };
    // Stands for all rows, so that the file is never empty and green.
    let mut whole = TestCase::new("not worse than BASE", status(comparison.verdict, &comparison.summary));
    whole.set_classname(format!("{}.regression", comparison.scenario));
    suite.add_test_case(whole);
    for row in &comparison.rows {
        let name = row.request.as_ref().map_or_else(String::new, |request| format!(" {request}"));
        let change = format!("{} ({}): {}", signed(row.metric, row.change), interval(row), row.why);
        // A single name that cannot be told does not make the whole so, and must not make the job's tests red either.
        let beside = row.request.is_some() && row.verdict == Change::CannotTell && comparison.verdict != row.verdict;
        let status = if beside { TestCaseStatus::skipped() } else { status(row.verdict, &change) };
        let mut case = TestCase::new(format!("{}{name} {}", row.stream, row.metric), status);
        case.set_classname(format!("{}.regression", comparison.scenario));
        suite.add_test_case(case);
    }
    let mut report = Report::new(format!("simulacro compare {}", comparison.scenario));
    report.add_test_suite(suite);
    report.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::sample::sample;
    use crate::compare::{Options, compare};
    use crate::report::sample as made;

    /// The rich run against itself with another stream's failures, all of it hostile.
    fn comparison() -> Comparison {
        let (mut base, mut run) = (made::hostile(), made::hostile());
        for (result, id) in [(&mut base, "base"), (&mut run, "run")] {
            result.run.id.0 = id.into();
            result.latency.rows.iter_mut().for_each(|row| row.span = "total".into());
        }
        run.run.host = "<b>@other</b>|".into();
        let allowed = Options { allowed: vec![crate::compare::Differs::Host], ..Options::default() };
        let cut = |result| sample(result, "total", None).unwrap();
        compare(&[cut(&base)], &[cut(&run)], "total", &allowed).unwrap()
    }

    #[test]
    fn every_format_tells_verdict_differences_and_doubts() {
        let comparison = comparison();
        let (text, page) = (terminal(&comparison, &View::default()), markdown(&comparison));
        for text in [&text, &page] {
            for part in ["differs: machine", "one run a side", "latencies of", "in doubt"] {
                assert!(text.contains(part), "{part} in {text}");
            }
        }
        assert!(text.starts_with("? CANNOT TELL") && page.starts_with("## ⚠️ Compared"), "{text}");
        assert!(!page.contains("<b>") && !page.contains("@other"), "{page}");
        assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
    }

    #[test]
    fn junit_is_green_only_for_better_and_same() {
        let mut comparison = comparison();
        for (verdict, tags) in
            [(Change::Same, [0, 0]), (Change::Better, [0, 0]), (Change::CannotTell, [0, 1]), (Change::Worse, [1, 0])]
        {
            comparison.verdict = verdict;
            comparison.rows.clear();
            let xml = junit(&comparison).unwrap();
            assert_eq!(["<failure ", "<error "].map(|tag| xml.matches(tag).count()), tags, "{xml}");
        }
    }
}
