//! Problems on a terminal: each with its lines of the file and the wrong part underlined.

use miette::{GraphicalReportHandler, GraphicalTheme, LabeledSpan, MietteDiagnostic, NamedSource, Report};

use super::problem::{Problem, Problems, Severity};

/// How a terminal wants it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    /// Colours.
    pub color: bool,
    /// Box-drawing characters; plain ASCII without.
    pub unicode: bool,
    /// Columns.
    pub width: usize,
}

/// All problems with excerpts, ready for a terminal.
pub fn graphical(problems: &Problems, look: Look) -> String {
    let theme = match (look.unicode, look.color) {
        (true, true) => GraphicalTheme::unicode(),
        (true, false) => GraphicalTheme::unicode_nocolor(),
        (false, _) => GraphicalTheme::none(),
    };
    let handler =
        GraphicalReportHandler::new_themed(theme).with_width(look.width).with_context_lines(1).with_links(false);
    let mut out = String::new();
    for problem in problems.iter() {
        if handler.render_report(&mut out, report(problems, problem).as_ref()).is_err() {
            // Writing to a string does not fail; should the renderer, the plain line says the same.
            out.push_str(&problem.to_string());
        }
        out.push('\n');
    }
    out
}

fn report(problems: &Problems, problem: &Problem) -> Report {
    let severity = match problem.severity {
        Severity::Error => miette::Severity::Error,
        Severity::Warning => miette::Severity::Warning,
    };
    let message = match problem.path.as_str() {
        "" => problem.message.clone(),
        path => format!("{path}: {}", problem.message),
    };
    let mut diagnostic = MietteDiagnostic::new(message).with_severity(severity);
    if let Some(hint) = &problem.hint {
        diagnostic = diagnostic.with_help(hint);
    }
    let file = problem.file.display().to_string();
    let text = problems.text(&problem.file).filter(|text| !text.is_empty());
    match text {
        Some(text) => {
            let length = problem.span.end.saturating_sub(problem.span.start).max(1);
            let first_line = text[problem.span.start..].lines().next().map_or(1, str::len).max(1);
            let label = LabeledSpan::new(None, problem.span.start, length.min(first_line));
            Report::new(diagnostic.with_label(label)).with_source_code(NamedSource::new(file, text.to_string()))
        }
        None => Report::new(diagnostic.with_labels(None)).wrap_err(file),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::scenario::yaml::Span;

    #[test]
    fn the_excerpt_shows_the_line_and_the_hint() {
        let text = "name: x\nproxy-latency: {latencyy: 5ms}\n";
        let problem = Problem {
            file: "a.yaml".into(),
            span: Span { start: 24, end: 32, line: 2, column: 17 },
            path: "faults[0]".into(),
            message: "unknown key `latencyy`".into(),
            hint: Some("did you mean `latency`?".into()),
            severity: Severity::Error,
        };
        let problems = Problems::new(Path::new("a.yaml"), text.into(), vec![problem.clone(), problem]);
        assert_eq!(problems.to_string(), "a.yaml:2:17: unknown key `latencyy` (did you mean `latency`?)");
        let shown = graphical(&problems, Look { color: false, unicode: true, width: 100 });
        for part in ["faults[0]: unknown key", "a.yaml:2:17", "proxy-latency: {latencyy", "did you mean `latency`?"] {
            assert!(shown.contains(part), "{part} is missing in\n{shown}");
        }
    }

    #[test]
    fn a_file_without_text_has_no_excerpt() {
        let problem = Problem {
            file: "gone.yaml".into(),
            span: Span::START,
            path: String::new(),
            message: "no such file".into(),
            hint: None,
            severity: Severity::Error,
        };
        let problems = Problems::new(Path::new("gone.yaml"), "".into(), vec![problem]);
        let shown = graphical(&problems, Look { color: false, unicode: false, width: 80 });
        assert!(shown.contains("gone.yaml") && shown.contains("no such file"), "{shown}");
    }
}
