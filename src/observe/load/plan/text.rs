//! Templates made ready: names have become places, secrets text; filling one is a walk over its pieces.

use bytes::{BufMut, BytesMut};

use super::escape::Escape;
use super::random::{hex, letters, mix, scaled, uuid};
use super::rows::Rows;
use crate::observe::load::reason::Reason;

/// A template made ready.
#[derive(Default)]
pub struct Text {
    pieces: Vec<Piece>,
    /// Whether there is a secret in it, or a value that may be one.
    pub sensitive: bool,
}

/// A piece of a text.
pub enum Piece {
    /// What is the same each time.
    Text(String),
    /// The request's number.
    Seq,
    /// The user's or sender's number.
    User,
    /// The user's pass.
    Iteration,
    /// Something by chance; `salt` sets it apart from others.
    Chance {
        /// What.
        kind: Chance,
        /// Its own bits.
        salt: u64,
    },
    /// A field of a data file.
    Field {
        /// The file's place.
        table: usize,
        /// The field's place.
        column: usize,
        /// How it is written.
        escape: Escape,
    },
    /// A value taken from an answer.
    Taken {
        /// Its place.
        slot: usize,
        /// How it is written.
        escape: Escape,
    },
}

/// Something by chance.
pub enum Chance {
    /// A number of `span` numbers from `low` on; a span of 0 is all 2⁶⁴.
    Number {
        /// The smallest.
        low: u64,
        /// How many there are.
        span: u64,
    },
    /// One of these words.
    Choice(Vec<String>),
    /// A UUID.
    Uuid,
    /// Hexadecimal digits.
    Hex(u32),
    /// Letters and digits.
    Letters(u32),
}

/// Which request it is: everything that its values are made from, beside the seed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Turn {
    seq: u64,
    user: u64,
    iteration: u64,
    /// Which row of data files it has.
    row: u64,
    /// Where its chances come from.
    chance: u64,
}

impl Turn {
    /// Arrival `n` of an open model, sent by `sender`: all that it is made of follows from `n`.
    pub fn of_arrival(n: u64, sender: u64) -> Turn {
        Turn { seq: n, user: sender, iteration: n, row: n, chance: n }
    }

    #[cfg_attr(not(feature = "goose"), allow(dead_code, reason = "users are driven by goose only"))]
    /// A step of a user's: `seq` is unique among the stream's requests, `iteration` counts the user's own passes,
    /// `pass` those of all users and is the number of the row that the pass has. Chances follow from user and
    /// iteration, so that a user does the same things whatever the others do.
    pub fn of_user(seq: u64, user: u64, iteration: u64, pass: u64) -> Turn {
        Turn { seq, user, iteration, row: pass, chance: mix(user) ^ iteration }
    }
}

/// What texts are filled from.
#[derive(Debug, Clone, Copy)]
pub struct Values<'a> {
    /// The stream's seed.
    pub seed: u64,
    /// Which request it is.
    pub turn: Turn,
    /// The data files.
    pub rows: &'a Rows,
    /// The values taken from answers, by their places.
    pub taken: &'a [Option<Box<str>>],
}

impl Text {
    /// The text itself, when it is the same each time.
    pub fn constant(&self) -> Option<&str> {
        match self.pieces.as_slice() {
            [] => Some(""),
            [Piece::Text(text)] => Some(text),
            _ => None,
        }
    }

    /// Adds text that is the same each time.
    pub fn push_text(&mut self, text: &str) {
        match self.pieces.last_mut() {
            Some(Piece::Text(last)) => last.push_str(text),
            _ if text.is_empty() => {}
            _ => self.pieces.push(Piece::Text(text.to_owned())),
        }
    }

    /// Adds another text.
    pub fn extend(&mut self, other: Text) {
        self.sensitive |= other.sensitive;
        for piece in other.pieces {
            match piece {
                Piece::Text(text) => self.push_text(&text),
                piece => self.push(piece),
            }
        }
    }

    /// Whether the first thing in it is one of these characters, white space aside.
    pub fn begins_with(&self, any: [char; 2]) -> bool {
        matches!(self.pieces.first(), Some(Piece::Text(text)) if text.trim_start().starts_with(any))
    }

    /// Adds a piece.
    pub fn push(&mut self, piece: Piece) {
        self.pieces.push(piece);
    }

    /// The places of the values from answers that it needs.
    pub fn slots(&self) -> impl Iterator<Item = usize> {
        self.pieces.iter().filter_map(|piece| if let Piece::Taken { slot, .. } = piece { Some(*slot) } else { None })
    }

    /// Writes the text for one request to `out`.
    ///
    /// # Errors
    ///
    /// [`Reason::Exhausted`] and [`Reason::NoValue`].
    pub fn fill(&self, values: &Values<'_>, out: &mut BytesMut) -> Result<(), Reason> {
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => out.put_slice(text.as_bytes()),
                Piece::Seq => number(values.turn.seq, out),
                Piece::User => number(values.turn.user, out),
                Piece::Iteration => number(values.turn.iteration, out),
                Piece::Chance { kind, salt } => {
                    kind.write(mix(values.seed ^ mix(values.turn.chance) ^ mix(*salt)), out);
                }
                Piece::Field { table, column, escape } => {
                    let field = values.rows.field(*table, *column, values.turn.row, values.seed);
                    escape.write(field.ok_or(Reason::Exhausted)?, out);
                }
                Piece::Taken { slot, escape } => {
                    let value = values.taken.get(*slot).and_then(Option::as_deref);
                    escape.write(value.ok_or(Reason::NoValue)?, out);
                }
            }
        }
        Ok(())
    }
}

impl Chance {
    fn write(&self, bits: u64, out: &mut BytesMut) {
        match self {
            Chance::Number { low, span } => number(low.wrapping_add(scaled(bits, *span)), out),
            Chance::Choice(words) => {
                let chosen = words.get(scaled(bits, words.len() as u64) as usize);
                out.put_slice(chosen.map_or(&b""[..], |word| word.as_bytes()));
            }
            Chance::Uuid => uuid(bits, out),
            Chance::Hex(digits) => hex(bits, *digits, out),
            Chance::Letters(digits) => letters(bits, *digits, out),
        }
    }
}

fn number(number: u64, out: &mut BytesMut) {
    out.put_slice(itoa::Buffer::new().format(number).as_bytes());
}
