//! Data files in memory: which row belongs to which request or pass is a pure function of its number.

use super::random::{mix, of_name, scaled};
use crate::scenario::profile::{DataFile, DataOrder};

/// The rows of all data files that templates use.
#[derive(Debug, Default)]
pub struct Rows {
    tables: Vec<Table>,
}

/// One data file. Its fields stand one after the other in one text: a million rows are a million small texts otherwise.
#[derive(Debug)]
struct Table {
    order: DataOrder,
    /// Sets its random order apart from those of other files.
    salt: u64,
    columns: usize,
    rows: u64,
    text: String,
    /// Where each field ends in the text, row by row.
    ends: Vec<u32>,
}

impl Rows {
    /// Reads a file; of its fields only those that are `wanted`. They are asked for by their places.
    ///
    /// # Errors
    ///
    /// When it cannot be read as it should be, with its name and the line.
    pub fn add(&mut self, name: &str, file: &DataFile, wanted: &[String]) -> Result<(), String> {
        let (mut text, mut ends) = (String::new(), Vec::new());
        let rows = file.each_row(wanted, &mut |cell| {
            text.push_str(cell);
            ends.push(text.len() as u32);
        })?;
        // Files are limited to 256 MiB: only numbers that are longer when written out could lead here.
        if text.len() > u32::MAX as usize {
            return Err(format!("data file {}: its fields are larger than 4 GiB", file.path()));
        }
        let (order, salt) = (file.order, of_name(name));
        self.tables.push(Table { order, salt, columns: wanted.len(), rows, text, ends });
        Ok(())
    }

    /// A field for the request or pass `number`, counted over all workers of the stream: one of several would ask for
    /// its own count × workers + its place among them. `None` when no row is left.
    pub fn field(&self, table: usize, column: usize, number: u64, seed: u64) -> Option<&str> {
        let table = self.tables.get(table)?;
        let row = match table.order {
            DataOrder::Circular => number % table.rows,
            DataOrder::Random => scaled(mix(seed ^ table.salt ^ mix(number)), table.rows),
            DataOrder::Once => (number < table.rows).then_some(number)?,
        };
        let at = row as usize * table.columns + column;
        let begin = if at == 0 { 0 } else { table.ends[at - 1] as usize };
        table.text.get(begin..table.ends[at] as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::io::Write;

    fn rows(order: DataOrder) -> (Rows, tempfile::NamedTempFile) {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        writeln!(file, "id,name,mail\n1,ann,a@x\n2,\"b, b\",b@x\n3,,c@x").unwrap();
        let csv = Some(file.path().to_str().unwrap().to_owned());
        let mut rows = Rows::default();
        rows.add("users", &DataFile { csv, jsonl: None, order }, &["mail".into(), "name".into()]).unwrap();
        (rows, file)
    }

    fn mails(rows: &Rows, count: u64, seed: u64) -> Vec<Option<&str>> {
        (0..count).map(|n| rows.field(0, 0, n, seed)).collect()
    }

    #[test]
    fn rows_come_in_the_order_that_was_asked_for() {
        let (circular, _file) = rows(DataOrder::Circular);
        assert_eq!(mails(&circular, 4, 1), [Some("a@x"), Some("b@x"), Some("c@x"), Some("a@x")]);
        assert_eq!((circular.field(0, 1, 1, 1), circular.field(0, 1, 2, 1)), (Some("b, b"), Some("")));
        let (once, _file) = rows(DataOrder::Once);
        assert_eq!(mails(&once, 5, 1), [Some("a@x"), Some("b@x"), Some("c@x"), None, None]);
        let (random, _file) = rows(DataOrder::Random);
        assert_eq!(mails(&random, 50, 7), mails(&random, 50, 7));
        assert_ne!(mails(&random, 50, 7), mails(&random, 50, 8));
        assert_eq!(mails(&random, 50, 7).into_iter().collect::<BTreeSet<_>>().len(), 3);
    }
}
