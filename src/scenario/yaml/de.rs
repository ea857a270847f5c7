//! serde over the tree: the same types that read JSON read a [`Node`], and every error knows the node it is about.
//!
//! Stricter than serde's own rules in one thing: a struct never ignores a key. More lenient in one: a number or a truth
//! value may stand where text is wanted (`args: [sleep, 5]`) and is taken as written.

use serde::de::{Deserializer, Visitor};
use serde::forward_to_deserialize_any;

use super::access::{Choice, Entries, Items};
use super::error::{At, DeError, Kind};
use super::node::{Entry, Node, Number, Value, shorten};
use super::suggest::advice;

/// Reads a node as a typed value.
#[derive(Clone, Copy)]
pub(super) struct De<'de>(pub &'de Node);

pub(super) type Result<T> = std::result::Result<T, DeError>;

impl<'de> De<'de> {
    /// Places an error at this node unless it has a deeper place, and makes sure that it quotes a wrong text.
    pub(super) fn place<T>(self, result: Result<T>) -> Result<T> {
        result.map_err(|e| {
            if e.at.is_some() {
                return e;
            }
            let e = match &self.0.value {
                Value::Text(text) if e.kind == Kind::Wrong && !e.message.contains(&shorten(text)) => {
                    DeError { message: format!("`{}`: {}", shorten(text), e.message), ..e }
                }
                _ => e,
            };
            e.or_at(At::Value(self.0.id))
        })
    }

    pub(super) fn expected<T>(self, what: &str) -> Result<T> {
        let error = match &self.0.value {
            Value::Invalid => DeError { kind: Kind::Known, ..DeError::wrong("invalid") },
            found => DeError::wrong(format!("expected {what}, found {}", found.describe())),
        };
        let hint = match (&self.0.value, what) {
            (Value::Null, _) => Some("give it a value, or remove the key".to_owned()),
            (Value::Text(t), "`true` or `false`") if ["yes", "on", "y"].contains(&t.as_str()) => {
                Some("write `true`".to_owned())
            }
            (Value::Text(t), "`true` or `false`") if ["no", "off", "n"].contains(&t.as_str()) => {
                Some("write `false`".to_owned())
            }
            (Value::Text(t), w) if w.contains("number") && t.parse::<f64>().is_ok() => {
                Some("write it without quotes".to_owned())
            }
            _ => None,
        };
        Err(error.hint(hint).or_at(At::Value(self.0.id)))
    }

    /// A whole number between `least` and `most`.
    fn whole(self, least: i128, most: i128) -> Result<i128> {
        let n = match self.0.value {
            Value::Number(Number::Unsigned(n), _) => i128::from(n),
            Value::Number(Number::Signed(n), _) => i128::from(n),
            // 1e3 is a float to YAML and a whole number to people.
            Value::Number(Number::Float(n), _) if n.fract() == 0.0 && n.abs() < 1e15 => n as i128,
            _ => return self.expected("a whole number"),
        };
        if (least..=most).contains(&n) {
            Ok(n)
        } else {
            self.expected(&format!("a whole number from {least} to {most}"))
        }
    }
}

macro_rules! whole {
    ($($method:ident $visit:ident $t:ty;)+) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
            let n = self.whole(<$t>::MIN as i128, <$t>::MAX as i128)?;
            self.place(visitor.$visit(n as $t))
        }
    )+};
}

impl<'de> Deserializer<'de> for De<'de> {
    type Error = DeError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        let result = match &self.0.value {
            Value::Null => visitor.visit_unit(),
            Value::Bool(b) => visitor.visit_bool(*b),
            Value::Number(Number::Unsigned(n), _) => visitor.visit_u64(*n),
            Value::Number(Number::Signed(n), _) => visitor.visit_i64(*n),
            Value::Number(Number::Float(n), _) => visitor.visit_f64(*n),
            Value::Text(text) => visitor.visit_borrowed_str(text),
            Value::List(items) => visitor.visit_seq(Items::of(items)),
            Value::Map(entries) => visitor.visit_map(Entries::of(entries)),
            Value::Invalid => return self.expected("a value"),
        };
        self.place(result)
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        match self.0.value {
            Value::Bool(b) => self.place(visitor.visit_bool(b)),
            _ => self.expected("`true` or `false`"),
        }
    }

    whole! {
        deserialize_i8 visit_i8 i8; deserialize_i16 visit_i16 i16; deserialize_i32 visit_i32 i32;
        deserialize_i64 visit_i64 i64; deserialize_u8 visit_u8 u8; deserialize_u16 visit_u16 u16;
        deserialize_u32 visit_u32 u32; deserialize_u64 visit_u64 u64;
    }

    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        self.deserialize_f64(visitor)
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        let n = match self.0.value {
            Value::Number(Number::Unsigned(n), _) => n as f64,
            Value::Number(Number::Signed(n), _) => n as f64,
            Value::Number(Number::Float(n), _) => n,
            _ => return self.expected("a number"),
        };
        self.place(visitor.visit_f64(n))
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        match self.0.scalar_text() {
            Some(text) => self.place(visitor.visit_borrowed_str(text)),
            // Visitors of own types say better what they expect.
            None if !matches!(self.0.value, Value::Invalid | Value::Null) => self.deserialize_any(visitor),
            None => self.expected("text"),
        }
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        self.deserialize_str(visitor)
    }

    fn deserialize_char<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        self.deserialize_str(visitor)
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        match self.0.value {
            Value::Null => self.place(visitor.visit_none()),
            _ => self.place(visitor.visit_some(self)),
        }
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        match self.0.value {
            Value::Null => self.place(visitor.visit_unit()),
            _ => self.expected("nothing"),
        }
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value> {
        self.deserialize_unit(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value> {
        self.place(visitor.visit_newtype_struct(self))
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        match &self.0.value {
            Value::List(items) => self.place(visitor.visit_seq(Items::of(items))),
            _ => self.expected("a list"),
        }
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, length: usize, visitor: V) -> Result<V::Value> {
        match &self.0.value {
            Value::List(items) if items.len() == length => self.place(visitor.visit_seq(Items::of(items))),
            _ => self.expected(&format!("a list of {length}")),
        }
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(self, _: &'static str, n: usize, visitor: V) -> Result<V::Value> {
        self.deserialize_tuple(n, visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        match &self.0.value {
            Value::Map(entries) => self.place(visitor.visit_map(Entries::of(entries))),
            _ => self.expected("a map"),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value> {
        if let Value::Map(entries) = &self.0.value
            && let Some(stray) = entries.iter().find(|e| !fields.contains(&e.key.as_str()))
        {
            let error = <DeError as serde::de::Error>::unknown_field(&stray.key, fields);
            return Err(error.or_at(At::Key(stray.value.id)));
        }
        self.deserialize_map(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value> {
        let choice = match &self.0.value {
            Value::Map(entries) => Choice::Entry(one_variant(self.0, entries, variants)?),
            Value::Null | Value::List(_) | Value::Invalid => {
                return self.expected(&choices(variants));
            }
            _ => Choice::Name(self.0),
        };
        self.place(visitor.visit_enum(choice))
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! { i128 u128 bytes byte_buf }
}

fn choices(variants: &[&str]) -> String {
    match variants {
        [one] => format!("`{one}`"),
        many => format!("one of `{}`", many.join("`, `")),
    }
}

/// The one key that names a variant; every other key is an error of its own.
fn one_variant<'de>(node: &Node, entries: &'de [Entry], variants: &'static [&'static str]) -> Result<&'de Entry> {
    if let Some(stray) = entries.iter().find(|e| !variants.contains(&e.key.as_str())) {
        let error = DeError::wrong(format!("unknown key `{}`", stray.key));
        return Err(error.hint(advice(&stray.key, variants.iter().copied())).or_at(At::Key(stray.value.id)));
    }
    match entries {
        [one] => Ok(one),
        [] => {
            Err(DeError::wrong(format!("expected {}, found an empty map", choices(variants))).or_at(At::Value(node.id)))
        }
        [first, second, ..] => {
            let message = format!("`{}` and `{}` exclude each other", first.key, second.key);
            let hint = format!("give only {}", choices(variants));
            Err(DeError::wrong(message).hint(Some(hint)).or_at(At::Key(second.value.id)))
        }
    }
}
