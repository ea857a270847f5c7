//! The report as GitHub-flavoured Markdown, for pull-request comments and job summaries.

use std::fmt::Write as _;

use crate::result::RunResult;

use super::table::Table;
use super::{load, restore, tables, words};

/// The report as Markdown. Every text of the run is escaped: a name cannot make a link, a cell or an HTML element.
pub fn markdown(result: &RunResult) -> String {
    let mut out = String::new();
    head(&mut out, result);
    table(&mut out, &tables::objectives(result));
    table(&mut out, &tables::outages(result));
    table(&mut out, &tables::latency(result, result.load.is_some()));
    table(&mut out, &load::stages(result, false));
    table(&mut out, &load::service(result));
    for search in result.load.iter().flat_map(|load| &load.searches) {
        table(&mut out, &load::search(search));
        let _ = write!(out, "\n{}\n", escape(&load::found(search).0));
    }
    table(&mut out, &load::budget(result.error_budget.as_ref()));
    if let Some(ledger) = &result.ledger {
        let (line, _) = tables::ledger_line(ledger);
        let _ = write!(out, "\n### Ledger\n\n{}\n", escape(&line));
        table(&mut out, &tables::rpa(ledger));
    }
    table(&mut out, &restore::overview(&result.restores));
    for (name, proof) in &result.restores {
        table(&mut out, &restore::steps(name, proof));
    }
    table(&mut out, &tables::steps(&result.steps));
    if !result.notes.is_empty() {
        out.push_str("\n### Notes\n\n");
        for note in &result.notes {
            let _ = writeln!(out, "- {} {}", note.at, escape(&note.text));
        }
    }
    out
}

fn head(out: &mut String, result: &RunResult) {
    let head = words::headline(result);
    let run = &result.run;
    let title = run.title.as_deref().unwrap_or(run.scenario.as_str());
    // Letters outside the ASCII signs: ✅ ⚠️ ❌ show in colour on the pages that render this.
    let sign = match head.sign {
        "✓" => "✅",
        "?" => "⚠️",
        _ => "❌",
    };
    let _ = write!(out, "## {sign} {}: {}\n\n", capital(head.word), escape(title));
    let _ = write!(out, "{}\n\n", escape(&result.end.summary));
    if let Some(retry) = words::retry(result) {
        let _ = write!(out, "**{}.**\n\n", escape(&retry));
    }
    let rejudged = if result.verdict.rejudged { ", judged again against other objectives" } else { "" };
    let simulated = if run.simulated { ", simulated" } else { "" };
    let _ = writeln!(
        out,
        "Exit code {}: {}{rejudged}. Run `{}`{simulated}, {}, seed {}.",
        result.end.exit_code,
        head.meaning,
        run.id.0.replace('`', "'"),
        words::span(run.took),
        run.seed
    );
    if !result.end.remaining.is_empty() {
        out.push_str("\n**Undo that remains: do this by hand**\n\n");
        for left in &result.end.remaining {
            let _ = writeln!(out, "- {}", escape(left));
        }
    }
}

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// A table with its title; nothing where it has no rows.
pub(super) fn table(out: &mut String, table: &Table) {
    if table.rows.is_empty() {
        return;
    }
    let _ = write!(out, "\n### {}\n\n", escape(&table.title));
    let line = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
    out.push_str(&line(table.columns.iter().map(|c| escape(c.name)).collect()));
    out.push_str(&line(table.columns.iter().map(|c| if c.number { "---:" } else { "---" }.into()).collect()));
    for row in &table.rows {
        out.push_str(&line(row.iter().map(|cell| escape(&cell.text)).collect()));
    }
}

/// Takes their meaning from all characters that have one in Markdown or HTML, and puts the text on one line.
pub(super) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            // A mention would notify somebody.
            '@' => out.push_str("&#64;"),
            '|' | '\\' | '`' | '*' | '_' | '[' | ']' | '~' | '!' | '#' => out.extend(['\\', c]),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;
    use proptest::prelude::*;

    #[test]
    fn the_report_of_a_rich_run() {
        insta::assert_snapshot!(markdown(&sample::rich()));
    }

    #[test]
    fn the_report_of_a_load_alone() {
        insta::assert_snapshot!(markdown(&sample::load()));
    }

    #[test]
    fn a_refused_run_has_no_empty_tables() {
        let text = markdown(&sample::refused());
        assert!(text.starts_with("## ⚠️ Not run"), "{text}");
        assert!(!text.contains("| --- |"));
    }

    proptest! {
        #[test]
        fn no_text_breaks_out_of_its_cell(text in "\\PC{0,60}") {
            let safe = escape(&text);
            prop_assert!(!safe.contains(['<', '>', '@', '\n']));
            let bare = safe.replace("\\\\", "");
            for special in ['|', '`', '*', '[', '!'] {
                prop_assert!(bare.match_indices(special).all(|(i, _)| bare[..i].ends_with('\\')), "{safe}");
            }
        }
    }
}
