//! The report on a terminal: what a person reads right after the drill.

use std::fmt::Write as _;

use crate::result::RunResult;

use super::grid::{draw, paint, printable, wrap};
use super::table::{Table, Tone};
use super::words::Headline;
use super::{load, restore, tables, words};

/// How a terminal report is to look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct View {
    /// Columns of the terminal; tables are wrapped or stacked to stay within.
    pub width: usize,
    /// Whether to use ANSI colours. The caller looks at `NO_COLOR` and at whether it is a terminal.
    pub colour: bool,
    /// Where the run's folder is, to be named at the end.
    pub folder: Option<String>,
}

impl Default for View {
    /// 100 columns, no colour, no folder: what a CI log gets.
    fn default() -> Self {
        View { width: 100, colour: false, folder: None }
    }
}

/// The report as text, ending in a newline. No line is wider than the view, but for words that cannot be broken.
pub fn terminal(result: &RunResult, view: &View) -> String {
    let view = &View { width: view.width.max(40), ..view.clone() };
    let mut out = Page { text: String::new(), view };
    out.head(result);
    out.table(&tables::objectives(result));
    out.table(&tables::latency(result, result.load.is_some()));
    out.table(&load::stages(result, false));
    out.table(&load::service(result));
    out.searches(result);
    out.table(&load::budget(result.error_budget.as_ref()));
    out.faults(result);
    out.table(&tables::outages(result));
    out.table(&tables::steps(&result.steps));
    out.ledger(result);
    out.restores(result);
    out.notes(result);
    if let Some(folder) = &view.folder {
        out.title("Report");
        // Never wrapped: people copy it.
        let _ = writeln!(out.text, "  {}", printable(folder));
    }
    out.text
}

struct Page<'a> {
    text: String,
    view: &'a View,
}

impl Page<'_> {
    fn head(&mut self, result: &RunResult) {
        let head = words::headline(result);
        let title = result.run.title.as_deref().unwrap_or(result.run.scenario.as_str());
        let word = format!("{} {}", head.sign, head.word.to_uppercase());
        let rejudged = if result.verdict.rejudged { " (judged again, against other objectives)" } else { "" };
        self.banner(&word, &format!("{title}{rejudged}"), &head);
        self.para("  ", &format!("exit code {}: {}", result.end.exit_code, head.meaning), Tone::Plain);
        self.para("  ", &result.end.summary, Tone::Plain);
        if let Some(retry) = words::retry(result) {
            self.para("  ", &retry, Tone::Inconclusive);
        }
        let run = &result.run;
        let simulated = if run.simulated { ", simulated" } else { "" };
        let facts = format!(
            "{} on {} ({}{simulated}), {} from {}, seed {}",
            run.id,
            run.host,
            run.environment,
            words::span(run.took),
            words::wall(&run.started),
            run.seed
        );
        self.para("  ", &facts, Tone::Faint);
        if !result.end.remaining.is_empty() {
            self.title("Undo that remains: do this by hand");
            for left in &result.end.remaining {
                self.para("  ✗ ", left, Tone::Breach);
            }
        }
    }

    fn banner(&mut self, word: &str, title: &str, head: &Headline) {
        let room = self.view.width.saturating_sub(word.chars().count() + 2);
        for (i, line) in wrap(&printable(title), room).into_iter().enumerate() {
            let lead = if i == 0 { paint(word, head.tone, self.view.colour) } else { " ".repeat(word.chars().count()) };
            let _ = writeln!(self.text, "{lead}  {line}");
        }
    }

    fn title(&mut self, title: &str) {
        self.text.push('\n');
        for line in wrap(&printable(title), self.view.width) {
            let bold = if self.view.colour { format!("\u{1b}[1m{line}\u{1b}[0m") } else { line };
            let _ = writeln!(self.text, "{bold}");
        }
    }

    /// A paragraph; further lines are set in as far as the first one's lead is long.
    fn para(&mut self, lead: &str, text: &str, tone: Tone) {
        let indent = lead.chars().count();
        for (i, line) in wrap(&printable(text), self.view.width - indent).into_iter().enumerate() {
            let lead = if i == 0 { lead.to_owned() } else { " ".repeat(indent) };
            let _ = writeln!(self.text, "{lead}{}", paint(&line, tone, self.view.colour));
        }
    }

    fn table(&mut self, table: &Table) {
        if table.rows.is_empty() {
            return;
        }
        self.title(&table.title);
        let _ = writeln!(self.text, "{}", draw(table, self.view.width, self.view.colour));
    }

    fn faults(&mut self, result: &RunResult) {
        let troubled: Vec<_> = result.faults.iter().filter(|f| !f.problems.is_empty()).collect();
        if troubled.is_empty() {
            return;
        }
        self.title("Faults that did not go as planned");
        for fault in troubled {
            self.para("  ? ", &format!("{}: {}", fault.name, fault.problems.join("; ")), Tone::Inconclusive);
        }
    }

    fn searches(&mut self, result: &RunResult) {
        for search in result.load.iter().flat_map(|load| &load.searches) {
            self.table(&load::search(search));
            let (line, tone) = load::found(search);
            self.para("  ", &line, tone);
        }
    }

    fn ledger(&mut self, result: &RunResult) {
        let Some(ledger) = &result.ledger else { return };
        self.title("Ledger");
        let (line, tone) = tables::ledger_line(ledger);
        self.para("  ", &line, tone);
        for (fault, bounds) in &ledger.rpa {
            self.para("  ", &format!("RPA of {fault}: {}", bounds.display()), Tone::Plain);
        }
    }

    fn restores(&mut self, result: &RunResult) {
        self.table(&restore::overview(&result.restores));
        for (name, proof) in &result.restores {
            self.table(&restore::steps(name, proof));
            let mut failed = restore::checks(name, proof);
            // All of them stand in the HTML report; here, those that need a look.
            failed.rows.retain(|row| row.iter().any(|cell| matches!(cell.tone, Tone::Breach | Tone::Inconclusive)));
            failed.title = format!("Restore of {name}: checks that did not pass");
            self.table(&failed);
            for left in &proof.leftovers {
                self.para("  ? ", &format!("left behind: {left}"), Tone::Inconclusive);
            }
        }
    }

    fn notes(&mut self, result: &RunResult) {
        if result.notes.is_empty() {
            return;
        }
        self.title("Notes");
        for note in &result.notes {
            self.para(&format!("  {}  ", note.at), &note.text, Tone::Plain);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[test]
    fn the_report_of_a_rich_run() {
        let view = View { width: 120, folder: Some("reports/20261103T042900Z-orders-5f2a".into()), ..View::default() };
        insta::assert_snapshot!(terminal(&sample::rich(), &view));
    }

    #[test]
    fn the_report_of_a_load_alone() {
        insta::assert_snapshot!(terminal(&sample::load(), &View { width: 120, ..View::default() }));
    }

    #[test]
    fn the_report_of_a_rich_run_on_a_narrow_terminal() {
        insta::assert_snapshot!(terminal(&sample::rich(), &View { width: 60, ..View::default() }));
    }

    #[test]
    fn a_refused_run_says_why_and_shows_no_empty_tables() {
        let text = terminal(&sample::refused(), &View::default());
        insta::assert_snapshot!(text);
    }

    #[test]
    fn an_undo_that_remains_is_named_first() {
        let mut result = sample::rich();
        result.end.exit_code = 30;
        result.end.remaining = vec!["pid 4711 is stopped: kill -CONT 4711".into()];
        let text = terminal(&result, &View::default());
        let (undo, objectives) = (text.find("kill -CONT 4711").unwrap(), text.find("Objectives").unwrap());
        assert!(undo < objectives);
        assert!(text.starts_with("✗ UNDO INCOMPLETE"));
    }

    #[test]
    fn lines_keep_within_the_width_and_colour_only_adds_colour() {
        let colours = regex::Regex::new("\u{1b}\\[[0-9;]*m").unwrap();
        for width in [40, 60, 80, 100, 132, 200] {
            let plain = terminal(&sample::rich(), &View { width, ..View::default() });
            for line in plain.lines() {
                assert!(line.chars().count() <= width, "{width}: {line}");
            }
            let coloured = terminal(&sample::rich(), &View { width, colour: true, folder: None });
            assert!(coloured.contains("\u{1b}[31m"));
            let stripped = colours.replace_all(&coloured, "").into_owned();
            assert_eq!(stripped, plain);
        }
    }
}
