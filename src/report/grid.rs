//! A table on a terminal: drawn where it fits, stacked row by row where it does not.

use tabled::builder::Builder;
use tabled::settings::object::{Cell as At, Columns, Rows};
use tabled::settings::{Alignment, Color, Modify, Style};

use super::table::{Table, Tone};

/// Widest that a word may make its column.
const WORDY: usize = 16;

/// Two blanks and a border for each column.
const EDGES: usize = 3;

/// The widths of the columns within `total`: as wide as their texts where there is room; else, step by step, the column
/// gives way that costs the fewest lines, text before numbers. None when not even the words fit.
fn widths(table: &Table, total: usize) -> Option<Vec<usize>> {
    let room = total.checked_sub(table.columns.len() * EDGES + 1)?;
    let measure = |i: usize, size: fn(&str) -> usize| {
        let cells = table.rows.iter().map(|row| size(&row[i].text)).max().unwrap_or(0);
        size(table.columns[i].name).max(cells)
    };
    let word = |text: &str| pieces(text).iter().map(|piece| piece.chars().count()).max().unwrap_or(0);
    let least: Vec<usize> = (0..table.columns.len()).map(|i| measure(i, word).min(WORDY)).collect();
    let mut widths: Vec<usize> = (0..table.columns.len()).map(|i| measure(i, |text| text.chars().count())).collect();
    let mut lines: Vec<Vec<usize>> = (0..widths.len()).map(|i| heights(table, i, widths[i])).collect();
    while widths.iter().sum::<usize>() > room {
        let narrower = (0..widths.len()).filter(|i| widths[*i] > least[*i]).map(|i| {
            let heights = heights(table, i, widths[i] - 1);
            (i, added(&lines, &heights), heights)
        });
        let key = |i: &usize, added: &usize| (table.columns[*i].number, *added, std::cmp::Reverse(widths[*i]));
        let (i, _, heights) = narrower.min_by_key(|(i, added, _)| key(i, added))?;
        widths[i] -= 1;
        lines[i] = heights;
    }
    Some(widths)
}

/// How many lines each cell of a column has at a width.
fn heights(table: &Table, column: usize, width: usize) -> Vec<usize> {
    table.rows.iter().map(|row| wrap(&row[column].text, width).len()).collect()
}

/// How many lines the table grows by when a column's cells get other heights.
fn added(lines: &[Vec<usize>], heights: &[usize]) -> usize {
    let row = |r: usize| lines.iter().map(|column| column[r]).max().unwrap_or(0);
    (0..heights.len()).map(|r| heights[r].max(row(r)) - row(r)).sum::<usize>()
}

/// Draws the table within `width` columns.
pub(crate) fn draw(table: &Table, width: usize, colour: bool) -> String {
    if let Some(widths) = widths(table, width) {
        return boxed(table, &widths, colour);
    }
    let essential = table.essential();
    match widths(&essential, width) {
        Some(widths) if essential.columns.len() < table.columns.len() => boxed(&essential, &widths, colour),
        _ => stacked(table, width, colour),
    }
}

fn boxed(table: &Table, widths: &[usize], colour: bool) -> String {
    let fit = |(text, width): (&str, &usize)| wrap(&printable(text), *width).join("\n");
    let mut builder = Builder::with_capacity(table.rows.len() + 1, table.columns.len());
    builder.push_record(table.columns.iter().map(|c| c.name).zip(widths).map(fit));
    for row in &table.rows {
        builder.push_record(row.iter().map(|cell| cell.text.as_str()).zip(widths).map(fit));
    }
    let mut grid = builder.build();
    grid.with(Style::rounded());
    for (i, column) in table.columns.iter().enumerate() {
        if column.number {
            grid.with(Modify::new(Columns::one(i)).with(Alignment::right()));
        }
    }
    if colour {
        grid.with(Modify::new(Rows::first()).with(Color::BOLD));
        for (r, row) in table.rows.iter().enumerate() {
            for (c, cell) in row.iter().enumerate() {
                if let Some(ink) = ink(cell.tone) {
                    grid.with(Modify::new(At::new(r + 1, c)).with(ink));
                }
            }
        }
    }
    grid.to_string()
}

fn ink(tone: Tone) -> Option<Color> {
    Some(match tone {
        Tone::Plain => return None,
        Tone::Pass => Color::FG_GREEN,
        Tone::Inconclusive => Color::FG_YELLOW,
        Tone::Breach => Color::FG_RED,
        Tone::Faint => Color::FG_BRIGHT_BLACK,
    })
}

fn stacked(table: &Table, width: usize, colour: bool) -> String {
    let label = table.columns.iter().map(|c| c.name.chars().count()).max().unwrap_or(0);
    let mut text = String::new();
    for (i, row) in table.rows.iter().enumerate() {
        if i > 0 {
            text.push('\n');
        }
        for (column, cell) in table.columns.iter().zip(row).filter(|(_, cell)| !cell.text.is_empty()) {
            let room = width.saturating_sub(label + 4);
            for (n, line) in wrap(&printable(&cell.text), room).into_iter().enumerate() {
                let name = if n == 0 { column.name } else { "" };
                text.push_str(&format!("  {name:<label$}  {}\n", paint(&line, cell.tone, colour)));
            }
        }
    }
    text.truncate(text.trim_end().len());
    text
}

/// The text in the colour of its tone.
pub(crate) fn paint(text: &str, tone: Tone, colour: bool) -> String {
    let code = match tone {
        _ if !colour => return text.to_owned(),
        Tone::Plain => return text.to_owned(),
        Tone::Pass => "32",
        Tone::Inconclusive => "33",
        Tone::Breach => "31",
        Tone::Faint => "90",
    };
    format!("\u{1b}[{code}m{text}\u{1b}[0m")
}

/// The text without control characters: a name or an answer from elsewhere must not steer the terminal.
pub(crate) fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// The pieces of a text between which a line may end: words, but a sign stays with its word, a number with its unit.
fn pieces(text: &str) -> Vec<String> {
    let mut pieces: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        let unit = matches!(
            word.trim_end_matches([',', ';', ']', ')']),
            "ms" | "s" | "µs" | "min" | "B" | "KiB" | "MiB" | "GiB"
        );
        match pieces.last_mut() {
            Some(last)
                if matches!(last.as_str(), "✓" | "?" | "✗" | "–")
                    || (unit && last.ends_with(|c: char| c.is_ascii_digit())) =>
            {
                last.push(' ');
                last.push_str(word);
            }
            _ => pieces.push(word.to_owned()),
        }
    }
    pieces
}

/// Breaks a text at blanks into lines of at most `width` characters; longer words are cut.
pub(crate) fn wrap(text: &str, width: usize) -> Vec<String> {
    let width = width.max(1);
    let mut lines = vec![String::new()];
    let mut used = 0;
    for piece in pieces(text) {
        let mut word: Vec<char> = piece.chars().collect();
        if used > 0 && used + 1 + word.len() > width {
            lines.push(String::new());
            used = 0;
        }
        while word.len() > width {
            let rest = word.split_off(width);
            let line = lines.last_mut().expect("there is always a line");
            line.extend(word);
            lines.push(String::new());
            word = rest;
        }
        let line = lines.last_mut().expect("there is always a line");
        if used > 0 {
            line.push(' ');
            used += 1;
        }
        used += word.len();
        line.extend(word);
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::table::Cell;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn nothing_is_wider_than_asked_and_no_word_is_lost(
            cells in prop::collection::vec(("[a-z ]{0,40}", "[a-zé✓ ]{0,80}"), 1..6),
            width in 24usize..160,
        ) {
            let mut table = Table::new("t", &["left", "#right"]);
            for (a, b) in &cells {
                table.row([Cell::new(a.as_str()), Cell::new(b.as_str())]);
            }
            let text = draw(&table, width, false);
            for line in text.lines() {
                prop_assert!(line.chars().count() <= width, "{line}");
            }
            let letters = |s: &str| s.chars().filter(|c| *c == 'z' || *c == 'é').count();
            let asked: usize = cells.iter().map(|(a, b)| letters(a) + letters(b)).sum();
            prop_assert_eq!(letters(&text), asked);
        }
    }

    #[test]
    fn a_hostile_text_cannot_steer_the_terminal() {
        let mut table = Table::new("t", &["name"]);
        table.row([Cell::new("a\u{1b}[2Jb\r\nc\u{9b}d")]);
        for width in [8, 80] {
            let text = draw(&table, width, false);
            assert!(!text.chars().any(|c| c.is_control() && c != '\n'), "{text:?}");
        }
    }
}
