//! What the names in a profile's templates stand for.

use std::collections::BTreeSet;

use super::template::{Template, Value};
use super::{Name, Profile};

/// What a name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Named<'a> {
    /// A variable, with its template.
    Variable(&'a str),
    /// A field of a data file.
    Field {
        /// The file's name in the profile.
        file: &'a Name,
        /// The field.
        field: &'a str,
    },
    /// A value taken from an answer.
    Taken,
}

/// What a template holds once its variables are put in.
#[derive(Debug, Default)]
pub(super) struct Expanded {
    /// The names that are no variables, each once.
    pub names: Vec<String>,
    /// All names, variables too.
    pub met: BTreeSet<String>,
    /// The texts of the profile's author.
    pub texts: Vec<String>,
    /// Whether there is a secret in it.
    pub secret: bool,
    /// Whether it changes from request to request.
    pub changes: bool,
}

impl Profile {
    /// What `name` stands for, if anything. A data file's own name stands for nothing: a field is needed.
    pub fn named<'a>(&'a self, name: &'a str) -> Option<Named<'a>> {
        if let Some(template) = self.vars.get(name) {
            return Some(Named::Variable(template));
        }
        if self.all_requests().any(|request| request.extract.contains_key(name)) {
            return Some(Named::Taken);
        }
        // Names may hold dots: the longest file name that fits is meant.
        let fields = self.data.keys().filter_map(|file| {
            let field = name.strip_prefix(file.as_str())?.strip_prefix('.')?;
            (!field.is_empty()).then_some(Named::Field { file, field })
        });
        fields.max_by_key(|field| if let Named::Field { file, .. } = field { file.as_str().len() } else { 0 })
    }

    /// What a template holds once its variables are put in. What is wrong within a variable is told at the variable.
    pub(super) fn expanded(&self, template: &Template) -> Expanded {
        let mut seen = BTreeSet::new();
        let mut all = Expanded::default();
        let mut open = vec![template.clone()];
        while let Some(template) = open.pop() {
            all.texts.extend(template.literals().map(str::to_owned));
            for value in template.values() {
                let Value::Name(name) = value else {
                    all.secret |= matches!(value, Value::Env(_) | Value::File(_));
                    all.changes |= !matches!(value, Value::Env(_) | Value::File(_) | Value::Stream);
                    continue;
                };
                if !seen.insert(name.clone()) {
                    continue;
                }
                match self.named(name) {
                    Some(Named::Variable(text)) => open.extend(text.parse()),
                    _ => {
                        all.changes = true;
                        all.names.push(name.clone());
                    }
                }
            }
        }
        all.met = seen;
        all
    }

    /// The names that templates may use, for whoever mistook one; fields of data files as `users.…`.
    pub(super) fn known_names(&self) -> Vec<String> {
        let mut known: Vec<String> = Value::WORDS.map(str::to_owned).to_vec();
        known.extend(self.vars.keys().map(Name::to_string));
        known.extend(self.data.keys().map(|file| format!("{file}.…")));
        let taken: BTreeSet<&Name> = self.all_requests().flat_map(|request| request.extract.keys()).collect();
        known.extend(taken.into_iter().map(Name::to_string));
        known
    }
}
