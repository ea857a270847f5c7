//! What may stand between `${` and `}`.

use std::str::FromStr;

use super::TemplateError;

/// The most characters of a `${hex:…}` or a `${text:…}`.
pub const MOST_CHARACTERS: u32 = 65_536;

/// A value of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// `${seq}`: unique among the stream's requests, from 0.
    Seq,
    /// `${user}`: the user's number in a closed model, the sender's in an open one; from 0.
    User,
    /// `${iteration}`: how often the user has gone through its journey, from 0; equals `seq` in an open model.
    Iteration,
    /// `${stream}`: the stream's name.
    Stream,
    /// `${random:LOW-HIGH}`: a whole number, bounds included.
    Random {
        /// The smallest.
        low: u64,
        /// The largest.
        high: u64,
    },
    /// `${uuid}`: a UUID of version 4 (RFC 9562).
    Uuid,
    /// `${choice:a|b|c}`: one of these words.
    Choice(Vec<String>),
    /// `${hex:16}`: so many hexadecimal digits.
    Hex(u32),
    /// `${text:20}`: so many letters and digits.
    Text(u32),
    /// `${env:NAME}`: a secret from the environment of whoever sends.
    Env(String),
    /// `${file:PATH}`: a secret from a file.
    File(String),
    /// A name of the profile's: a variable, a field of a data file, or a value taken from an answer.
    Name(String),
}

impl Value {
    /// Values without a colon that are not names.
    pub const WORDS: [&'static str; 5] = ["seq", "user", "iteration", "stream", "uuid"];
}

impl FromStr for Value {
    type Err = TemplateError;

    fn from_str(inner: &str) -> Result<Self, Self::Err> {
        let Some((kind, rest)) = inner.split_once(':') else {
            return match inner {
                "seq" => Ok(Value::Seq),
                "user" => Ok(Value::User),
                "iteration" => Ok(Value::Iteration),
                "stream" => Ok(Value::Stream),
                "uuid" => Ok(Value::Uuid),
                empty if empty.trim().is_empty() => Err(TemplateError::Empty(empty.into())),
                name => Ok(Value::Name(name.into())),
            };
        };
        if rest.trim().is_empty() {
            return Err(TemplateError::Empty(inner.into()));
        }
        let length = || {
            let length = rest.trim().parse().ok().filter(|length| (1..=MOST_CHARACTERS).contains(length));
            length.ok_or_else(|| TemplateError::Length(inner.into()))
        };
        match kind {
            "env" => Ok(Value::Env(rest.into())),
            "file" => Ok(Value::File(rest.into())),
            "choice" => Ok(Value::Choice(rest.split('|').map(str::to_owned).collect())),
            "hex" => Ok(Value::Hex(length()?)),
            "text" => Ok(Value::Text(length()?)),
            "random" => {
                let numbers = rest.split_once('-').and_then(|(low, high)| {
                    let (low, high): (u64, u64) = (low.trim().parse().ok()?, high.trim().parse().ok()?);
                    (low <= high).then_some(Value::Random { low, high })
                });
                numbers.ok_or_else(|| TemplateError::Bounds(rest.into()))
            }
            _ => Err(TemplateError::Unknown(inner.into())),
        }
    }
}
