//! `junit.xml`: one test case for each objective, so that CI shows a drill among its tests.
//!
//! JUnit knows no "inconclusive". A breach is a `failure`; an inconclusive objective is an `error`, because `skipped`
//! would let a drill that saw nothing pass for a good one.

use std::time::Duration;

use quick_junit::{NonSuccessKind, Report, SerializeError, TestCase, TestCaseStatus, TestSuite};

use crate::result::verdict::Part;
use crate::result::{Outcome, RunResult};

use super::table::Tone;
use super::words;

/// The report as JUnit XML.
///
/// Beside the objectives, one case stands for the drill itself: it went through all its phases and left nothing behind.
/// So a drill that was refused, stopped or judged nothing is never an empty, green report.
///
/// # Errors
/// The writer's own; it writes into memory.
pub fn junit(result: &RunResult) -> Result<String, SerializeError> {
    let run = &result.run;
    let took = Duration::from_nanos(run.took.nanos().max(0).unsigned_abs());
    let mut suite = TestSuite::new(run.scenario.as_str());
    suite.set_time(took);
    // A started time that is no date is left out: the attribute is optional.
    suite.timestamp = run.started.parse().ok();
    let properties = [
        ("run", run.id.0.clone()),
        ("seed", run.seed.to_string()),
        ("exit_code", result.end.exit_code.to_string()),
        ("outcome", result.verdict.outcome.to_string()),
        ("scenario_digest", run.digest.clone()),
        ("objectives_digest", result.verdict.objectives_digest.clone()),
        ("rejudged", result.verdict.rejudged.to_string()),
        ("simulated", run.simulated.to_string()),
        ("environment", run.environment.clone()),
        ("host", run.host.clone()),
        ("program", result.program.clone()),
    ];
    suite.add_properties(properties.iter().map(|(name, value)| (*name, value.as_str())));
    if let Some(first) = &result.run.retry_of {
        suite.add_property(("retry_of", first.run.0.as_str()));
    }
    suite.add_test_case(ending(result));
    suite.add_test_cases(result.verdict.parts.iter().map(|part| case(result, part)));
    let mut report = Report::new(format!("simulacro {}", run.scenario));
    report.set_time(took);
    report.add_test_suite(suite);
    report.to_string()
}

fn ending(result: &RunResult) -> TestCase {
    let head = words::headline(result);
    let status = match (result.end.remaining.as_slice(), result.end.exit_code) {
        ([], 0 | 10..=15 | 20) => TestCaseStatus::success(),
        ([], _) => {
            let kind = if head.tone == Tone::Breach { NonSuccessKind::Failure } else { NonSuccessKind::Error };
            status(kind, head.word, &result.end.summary, head.meaning)
        }
        (left, _) => status(NonSuccessKind::Failure, "undo incomplete", &left.join("; "), &result.end.summary),
    };
    let load = result.load.is_some();
    let name = if load { "it ran to its end" } else { "it ran to its end and left nothing behind" };
    let mut case = TestCase::new(name, status);
    case.set_classname(format!("{}.{}", result.run.scenario, if load { "load" } else { "drill" }));
    if let Some(retry) = words::retry(result) {
        case.set_system_out(retry);
    }
    case
}

fn case(result: &RunResult, part: &Part) -> TestCase {
    let measured = if part.measured.is_empty() { "nothing" } else { &part.measured };
    let message = format!("asked {}, measured {measured}: {}", part.asked, part.why);
    let mut detail = format!(
        "objective: {}\nsubject:   {}\nasked:     {}\nmeasured:  {measured}\nwhy:       {}\nrun:       {}",
        part.objective.as_str(),
        part.subject,
        part.asked,
        part.why,
        result.run.id
    );
    if !part.evidence.is_empty() {
        let places = part.evidence.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        detail.push_str(&format!("\nlook at:   {places}"));
    }
    let status = match part.outcome {
        Outcome::Pass => TestCaseStatus::success(),
        Outcome::Inconclusive => status(NonSuccessKind::Error, "inconclusive", &message, &detail),
        Outcome::Breach => status(NonSuccessKind::Failure, "breach", &message, &detail),
    };
    let mut case = TestCase::new(format!("{} {} {}", part.objective.as_str(), part.subject, part.asked), status);
    case.set_classname(format!("{}.{}", result.run.scenario, part.objective.as_str().replace(' ', "-")));
    if part.outcome == Outcome::Pass {
        case.set_system_out(detail);
    }
    case
}

fn status(kind: NonSuccessKind, kind_word: &str, message: &str, detail: &str) -> TestCaseStatus {
    let mut status = TestCaseStatus::non_success(kind);
    status.set_type(kind_word).set_message(message).set_description(detail);
    status
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[test]
    fn the_report_of_a_rich_run() {
        insta::assert_snapshot!(junit(&sample::rich()).unwrap());
    }

    fn counts(xml: &str) -> [usize; 3] {
        ["<testcase ", "<failure ", "<error "].map(|tag| xml.matches(tag).count())
    }

    #[test]
    fn every_part_is_a_case_and_only_a_pass_is_green() {
        let result = sample::rich();
        let of = |outcome| result.verdict.parts.iter().filter(|p| p.outcome == outcome).count();
        let xml = junit(&result).unwrap();
        assert_eq!(
            counts(&xml),
            [result.verdict.parts.len() + 1, of(Outcome::Breach), of(Outcome::Inconclusive)],
            "the drill's own case ran to its end"
        );
    }

    #[test]
    fn a_refused_drill_is_an_error_and_an_undo_that_remains_a_failure() {
        let mut result = sample::refused();
        assert_eq!(counts(&junit(&result).unwrap()), [1, 0, 1]);
        result.end.exit_code = 30;
        result.end.remaining = vec!["kill -CONT 4711".into()];
        let xml = junit(&result).unwrap();
        assert_eq!(counts(&xml), [1, 1, 0]);
        assert!(xml.contains("kill -CONT 4711"));
    }

    #[test]
    fn hostile_text_stays_text() {
        let mut result = sample::rich();
        result.verdict.parts[0].why = "</failure><script>\"'&\u{0}\u{1b}[31m]]>".into();
        let xml = junit(&result).unwrap();
        assert!(!xml.contains("<script>"));
        assert!(!xml.contains(['\u{0}', '\u{1b}']));
    }
}
