//! Tables as data: the same words stand in the terminal, in Markdown and in HTML.

use crate::result::Outcome;

/// How a cell is to be read beyond its text. Formats give it a colour; the text and its symbol say the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Tone {
    /// Nothing particular.
    #[default]
    Plain,
    /// As it should be.
    Pass,
    /// It could not be told.
    Inconclusive,
    /// Not as it should be.
    Breach,
    /// Beside the point: missing values.
    Faint,
}

impl Tone {
    /// The class in the style sheet of the HTML report.
    pub(crate) const fn class(self) -> &'static str {
        match self {
            Tone::Plain => "",
            Tone::Pass => "pass",
            Tone::Inconclusive => "inconclusive",
            Tone::Breach => "breach",
            Tone::Faint => "faint",
        }
    }
}

impl From<Outcome> for Tone {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Pass => Tone::Pass,
            Outcome::Inconclusive => Tone::Inconclusive,
            Outcome::Breach => Tone::Breach,
        }
    }
}

/// One cell.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Cell {
    pub text: String,
    pub tone: Tone,
}

impl Cell {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Cell { text: text.into(), tone: Tone::Plain }
    }

    pub(crate) fn toned(text: impl Into<String>, tone: Tone) -> Self {
        Cell { text: text.into(), tone }
    }

    /// The mark of a missing value.
    pub(crate) fn missing() -> Self {
        Cell::toned("–", Tone::Faint)
    }

    /// The value, or the mark of a missing one.
    pub(crate) fn maybe(value: Option<impl ToString>) -> Self {
        value.map_or_else(Cell::missing, |v| Cell::new(v.to_string()))
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Cell::new(text)
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Cell::new(text)
    }
}

/// One column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Column {
    pub name: &'static str,
    /// Numbers are set flush right.
    pub number: bool,
    /// Left out where there is no room for all columns.
    pub spare: bool,
}

/// A table with its title.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Table {
    pub title: String,
    pub columns: Vec<Column>,
    pub rows: Vec<Vec<Cell>>,
}

impl Table {
    /// A table without rows. A column whose name starts with `#` holds numbers; one that starts with `-` is spare.
    pub(crate) fn new(title: impl Into<String>, columns: &[&'static str]) -> Self {
        let column = |marked: &&'static str| {
            let (name, spare) = marked.strip_prefix('-').map_or((*marked, false), |name| (name, true));
            let (name, number) = name.strip_prefix('#').map_or((name, false), |name| (name, true));
            Column { name, number, spare }
        };
        Table { title: title.into(), columns: columns.iter().map(column).collect(), rows: Vec::new() }
    }

    /// The same table without its spare columns.
    pub(crate) fn essential(&self) -> Table {
        let kept = |i: &usize| !self.columns[*i].spare;
        let pick = |row: &Vec<Cell>| (0..row.len()).filter(kept).map(|i| row[i].clone()).collect();
        Table {
            title: self.title.clone(),
            columns: self.columns.iter().copied().filter(|c| !c.spare).collect(),
            rows: self.rows.iter().map(pick).collect(),
        }
    }

    /// Adds a row; it has as many cells as there are columns.
    pub(crate) fn row<const N: usize>(&mut self, cells: [Cell; N]) {
        debug_assert_eq!(N, self.columns.len(), "{}", self.title);
        self.rows.push(cells.into());
    }
}
