//! Rows of data files, read one after the other.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};

use serde_json::{Map, Value};

use super::DataFile;
use crate::scenario::yaml::nearest;

/// The largest data file, in bytes.
pub const MOST_BYTES: u64 = 256 << 20;

impl DataFile {
    /// Its path, as it is written.
    pub fn path(&self) -> &str {
        self.csv.as_deref().or(self.jsonl.as_deref()).unwrap_or_default()
    }

    /// Its size in bytes.
    ///
    /// # Errors
    /// When there is no such file, or it is too large.
    pub fn size(&self) -> Result<u64, String> {
        self.open().map(|(_, size)| size)
    }

    /// The names of its fields: the header of a CSV file, the keys of the first object of a JSON-lines file.
    ///
    /// # Errors
    /// When it cannot be read, or there are none.
    pub fn fields(&self) -> Result<Vec<String>, String> {
        let (file, _) = self.open()?;
        if self.csv.is_some() {
            return self.header(&mut csv::Reader::from_reader(file));
        }
        let mut first = None;
        self.each_object(file, &mut |_, object| {
            first = Some(object.keys().cloned().collect());
            Ok(false)
        })?;
        first.ok_or_else(|| self.wrong("it is empty: one JSON object a line is needed"))
    }

    /// Reads all rows and gives `cell` the wanted fields of each, in the order of `wanted`; says how many there are.
    ///
    /// # Errors
    /// When it cannot be read, has no rows, a row without a wanted field or, in CSV, with another number of fields than
    /// the header has; with the line.
    pub fn each_row(&self, wanted: &[String], cell: &mut dyn FnMut(&str)) -> Result<u64, String> {
        let (file, _) = self.open()?;
        let rows = if self.csv.is_some() {
            self.each_record(file, wanted, cell)?
        } else {
            let mut rows = 0;
            self.each_object(file, &mut |line, object| {
                rows += 1;
                for field in wanted {
                    match object.get(field) {
                        Some(Value::String(text)) => cell(text),
                        Some(other) => cell(&other.to_string()),
                        None => return Err(self.wrong(format_args!("line {line}: there is no field `{field}`"))),
                    }
                }
                Ok(true)
            })?;
            rows
        };
        match rows {
            0 => Err(self.wrong("it has no rows")),
            rows => Ok(rows),
        }
    }

    fn each_record(&self, file: File, wanted: &[String], cell: &mut dyn FnMut(&str)) -> Result<u64, String> {
        let mut reader = csv::Reader::from_reader(file);
        let header = self.header(&mut reader)?;
        let place = |field: &String| {
            let place = header.iter().position(|name| name == field);
            place.ok_or_else(|| self.wrong(no_field(field, &header)))
        };
        let places = wanted.iter().map(place).collect::<Result<Vec<_>, _>>()?;
        let (mut record, mut rows) = (csv::StringRecord::new(), 0);
        while reader.read_record(&mut record).map_err(|e| self.wrong(of_csv(&e)))? {
            rows += 1;
            // Every record is as long as the header: the reader sees to it.
            places.iter().for_each(|place| cell(record.get(*place).unwrap_or_default()));
        }
        Ok(rows)
    }

    fn header(&self, reader: &mut csv::Reader<File>) -> Result<Vec<String>, String> {
        let header = reader.headers().map_err(|e| self.wrong(of_csv(&e)))?;
        let names: Vec<String> = header.iter().map(str::to_owned).collect();
        if let Some(twice) = names.iter().enumerate().find_map(|(i, name)| names[..i].contains(name).then_some(name)) {
            return Err(self.wrong(format_args!("its header has the field `{twice}` twice")));
        }
        match names.iter().all(String::is_empty) {
            true => Err(self.wrong("it is empty: the first line names the fields, each other line is a row")),
            false => Ok(names),
        }
    }

    /// Reads objects until `each` has enough.
    fn each_object(
        &self,
        file: File,
        each: &mut dyn FnMut(usize, Map<String, Value>) -> Result<bool, String>,
    ) -> Result<(), String> {
        for (nth, line) in BufReader::new(file).lines().enumerate() {
            let line = line.map_err(|e| self.wrong(format_args!("line {}: {e}", nth + 1)))?;
            if line.trim().is_empty() {
                continue;
            }
            let object = serde_json::from_str(&line)
                .map_err(|e| self.wrong(format_args!("line {}: this is no JSON object: {e}", nth + 1)))?;
            if !each(nth + 1, object)? {
                return Ok(());
            }
        }
        Ok(())
    }

    fn open(&self) -> Result<(File, u64), String> {
        let file = File::open(self.path()).and_then(|file| Ok((file.metadata()?, file)));
        let (about, file) = file.map_err(|e| match e.kind() {
            std::io::ErrorKind::NotFound => self.wrong("there is no such file; paths are relative to the profile's"),
            _ => self.wrong(format_args!("it cannot be read: {e}")),
        })?;
        if about.is_dir() {
            return Err(self.wrong("this is a directory"));
        }
        match about.len() {
            size if size > MOST_BYTES => Err(self.wrong(format_args!(
                "it is larger than {} MiB: rows are kept in memory; is every one of them needed?",
                MOST_BYTES >> 20
            ))),
            size => Ok((file, size)),
        }
    }

    fn wrong(&self, what: impl std::fmt::Display) -> String {
        format!("data file {}: {what}", self.path())
    }
}

/// Says that there is no such field, and which one may be meant.
pub fn no_field(field: &str, known: &[String]) -> String {
    let meant = nearest(field, known.iter().map(String::as_str));
    let meant = meant.map_or_else(String::new, |meant| format!(" (did you mean `{meant}`?)"));
    format!("there is no field `{field}`{meant}: it has {}", known.join(", "))
}

/// What is wrong with a CSV file, by line.
fn of_csv(error: &csv::Error) -> String {
    let line = |pos: &Option<csv::Position>| pos.as_ref().map_or(1, csv::Position::line);
    match error.kind() {
        csv::ErrorKind::UnequalLengths { pos, expected_len, len } => {
            format!("line {} has {len} fields, and the header has {expected_len}", line(pos))
        }
        csv::ErrorKind::Utf8 { pos, .. } => format!("line {} is not UTF-8 text", line(pos)),
        _ => error.to_string(),
    }
}

/// Reads a file of at most `limit` bytes.
///
/// # Errors
/// Why it cannot be read, without its path.
pub fn read_small(path: &str, limit: u64) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(limit + 1).read_to_end(&mut bytes));
    match read {
        Ok(size) if size as u64 > limit => Err(format!("it is larger than {} MiB", limit >> 20)),
        Ok(_) => Ok(bytes),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
            Err("there is no such file; paths are relative to the profile's".into())
        }
        Err(e) => Err(format!("it cannot be read: {e}")),
    }
}

#[cfg(test)]
#[path = "rows_tests.rs"]
mod tests;
