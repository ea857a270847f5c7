//! From a profile's templates to texts that can be filled.

use super::escape::Escape;
use super::random::{mix, of_name};
use super::rows::Rows;
use super::text::{Chance, Piece, Text};
use crate::model::Name;
use crate::scenario::profile::{Form, Named, Part, Profile, Template, Value};

/// A template whose variables stand for more parts than this was not written by hand.
const MOST_PARTS: usize = 10_000;
/// Variables within variables.
const DEEPEST: usize = 32;

/// Where secrets come from: they are read where the requests are sent, so that they stand in no plan and no record.
pub trait Secrets {
    /// The value of an environment variable.
    fn env(&self, name: &str) -> Option<String>;
    /// The content of a file, without a final line end.
    fn file(&self, path: &str) -> Option<String>;
}

/// How a template is written where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// What the profile's author wrote.
    literal: Escape,
    /// Everything else.
    value: Escape,
}

impl Place {
    /// A path, which is written as it goes out, but for the values in it.
    pub const PATH: Place = Place { literal: Escape::None, value: Escape::Percent };
    /// The query that is given as a map: all of it is plain text.
    pub const QUERY: Place = Place { literal: Escape::Percent, value: Escape::Percent };
    /// Headers, bodies: everything is as it is.
    pub const ELSEWHERE: Place = Place { literal: Escape::None, value: Escape::None };

    fn with(self, form: Form) -> Place {
        match form {
            Form::Plain => self,
            Form::Json => Place { literal: Escape::Json, value: Escape::Json },
            Form::Raw => Place::ELSEWHERE,
        }
    }
}

/// What templates are made ready with. What they use of data files and answers gets its place here.
pub struct Compiler<'a> {
    profile: &'a Profile,
    stream: &'a str,
    secrets: &'a dyn Secrets,
    tables: Vec<(&'a Name, Vec<String>)>,
    slots: Vec<String>,
    /// How many texts were made ready: each has chances of its own.
    texts: u64,
}

/// How far a text has come.
struct Course {
    /// Where its chances begin.
    salt: u64,
    depth: usize,
    left: usize,
}

impl<'a> Compiler<'a> {
    /// For the profile of a stream.
    pub fn new(profile: &'a Profile, stream: &'a str, secrets: &'a dyn Secrets) -> Compiler<'a> {
        Compiler { profile, stream, secrets, tables: Vec::new(), slots: Vec::new(), texts: 0 }
    }

    /// The profile.
    pub fn profile(&self) -> &'a Profile {
        self.profile
    }

    /// Makes a template ready.
    ///
    /// # Errors
    ///
    /// What is wrong with it; a secret is named, never shown.
    pub fn text(&mut self, template: &str, place: Place) -> Result<Text, String> {
        let mut text = Text::default();
        self.texts += 1;
        let mut course = Course { salt: mix(self.texts), depth: 0, left: MOST_PARTS };
        self.add(template, place, &mut course, &mut text)?;
        Ok(text)
    }

    /// The place of a value taken from answers.
    pub fn slot(&mut self, name: &str) -> usize {
        let known = self.slots.iter().position(|slot| slot == name);
        known.unwrap_or_else(|| {
            self.slots.push(name.to_owned());
            self.slots.len() - 1
        })
    }

    /// How many values are taken from answers.
    pub fn slots(&self) -> usize {
        self.slots.len()
    }

    /// Reads the data files that were used.
    ///
    /// # Errors
    ///
    /// As [`Rows::add`].
    pub fn rows(&self) -> Result<Rows, String> {
        let mut rows = Rows::default();
        for (name, wanted) in &self.tables {
            if let Some(file) = self.profile.data.get(name.as_str()) {
                rows.add(name.as_str(), file, wanted)?;
            }
        }
        Ok(rows)
    }

    fn add(&mut self, template: &str, place: Place, course: &mut Course, out: &mut Text) -> Result<(), String> {
        let template: Template =
            template.parse().map_err(|e: crate::scenario::profile::TemplateError| e.to_string())?;
        for part in template.parts() {
            course.left = course.left.checked_sub(1).ok_or("its variables stand for more than 10000 parts")?;
            match part {
                Part::Text(text) => out.push_text(&place.literal.text(text)),
                Part::Value(value, form) => self.value(value, place.with(*form), course, out)?,
            }
        }
        Ok(())
    }

    fn value(&mut self, value: &Value, place: Place, course: &mut Course, out: &mut Text) -> Result<(), String> {
        let escape = place.value;
        match value {
            Value::Seq => out.push(Piece::Seq),
            Value::User => out.push(Piece::User),
            Value::Iteration => out.push(Piece::Iteration),
            Value::Stream => out.push_text(&escape.text(self.stream)),
            Value::Env(name) => {
                let secret = self.secrets.env(name).ok_or_else(|| missing("env", name))?;
                out.sensitive = true;
                out.push_text(&escape.text(&secret));
            }
            Value::File(path) => {
                let secret = self.secrets.file(path).ok_or_else(|| missing("file", path))?;
                out.sensitive = true;
                out.push_text(&escape.text(&secret));
            }
            Value::Random { low, high } => {
                let span = (high - low).wrapping_add(1);
                out.push(course.chance(Chance::Number { low: *low, span }));
            }
            Value::Choice(words) => {
                // They are the author's own words, as much as the text around them.
                let words = words.iter().map(|word| place.literal.text(word)).collect();
                out.push(course.chance(Chance::Choice(words)));
            }
            Value::Uuid => out.push(course.chance(Chance::Uuid)),
            Value::Hex(digits) => out.push(course.chance(Chance::Hex(*digits))),
            Value::Text(digits) => out.push(course.chance(Chance::Letters(*digits))),
            Value::Name(name) => return self.name(name, place, course, out),
        }
        Ok(())
    }

    fn name(&mut self, name: &str, place: Place, course: &mut Course, out: &mut Text) -> Result<(), String> {
        let escape = place.value;
        let profile = self.profile;
        match profile.named(name) {
            Some(Named::Variable(template)) if course.depth < DEEPEST => {
                // Its chances are its own: the same wherever it is used.
                let outer = std::mem::replace(&mut course.salt, of_name(name));
                course.depth += 1;
                self.add(template, place, course, out)?;
                course.depth -= 1;
                course.salt = outer;
            }
            Some(Named::Variable(_)) => return Err(format!("the variable `{name}` stands for itself in the end")),
            Some(Named::Field { file, field }) => {
                let (table, column) = self.column(file.as_str(), field);
                out.push(Piece::Field { table, column, escape });
            }
            Some(Named::Taken) => {
                out.sensitive = true;
                let slot = self.slot(name);
                out.push(Piece::Taken { slot, escape });
            }
            None => return Err(format!("`${{{name}}}` is not known")),
        }
        Ok(())
    }

    fn column(&mut self, file: &str, field: &str) -> (usize, usize) {
        let table = self.tables.iter().position(|(name, _)| name.as_str() == file).unwrap_or_else(|| {
            self.tables.extend(self.profile.data.get_key_value(file).map(|(name, _)| (name, Vec::new())));
            self.tables.len() - 1
        });
        let columns = &mut self.tables[table].1;
        let column = columns.iter().position(|name| name == field).unwrap_or_else(|| {
            columns.push(field.to_owned());
            columns.len() - 1
        });
        (table, column)
    }
}

impl Course {
    fn chance(&mut self, kind: Chance) -> Piece {
        self.salt = self.salt.wrapping_add(1);
        Piece::Chance { kind, salt: self.salt }
    }
}

fn missing(kind: &str, name: &str) -> String {
    format!("the secret `${{{kind}:{name}}}` cannot be read: set the variable or make the file readable for this user")
}
