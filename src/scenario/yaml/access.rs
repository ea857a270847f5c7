//! The parts of a node, one by one, as serde asks for them: elements, keys and values, variants.

use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, IntoDeserializer, MapAccess, SeqAccess, VariantAccess, Visitor,
};
use serde::forward_to_deserialize_any;

use super::de::{De, Result};
use super::error::{At, DeError};
use super::node::{Entry, Node, Value};

/// The elements of a list.
pub(super) struct Items<'de>(std::slice::Iter<'de, Node>);

impl<'de> Items<'de> {
    pub fn of(items: &'de [Node]) -> Self {
        Items(items.iter())
    }
}

impl<'de> SeqAccess<'de> for Items<'de> {
    type Error = DeError;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>> {
        self.0.next().map(|node| De(node).place(seed.deserialize(De(node)))).transpose()
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.0.len())
    }
}

/// The entries of a map, and the value whose key was read last.
pub(super) struct Entries<'de>(std::slice::Iter<'de, Entry>, Option<&'de Node>);

impl<'de> Entries<'de> {
    pub fn of(entries: &'de [Entry]) -> Self {
        Entries(entries.iter(), None)
    }
}

impl<'de> MapAccess<'de> for Entries<'de> {
    type Error = DeError;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>> {
        let Some(entry) = self.0.next() else { return Ok(None) };
        self.1 = Some(&entry.value);
        seed.deserialize(Key(&entry.key)).map(Some).map_err(|e| e.or_at(At::Key(entry.value.id)))
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value> {
        match self.1.take() {
            Some(node) => De(node).place(seed.deserialize(De(node))),
            None => Err(DeError::wrong("a value was asked for before its key")),
        }
    }
}

/// A key as a typed value: text, or what can be read from it.
struct Key<'de>(&'de str);

macro_rules! parsed_keys {
    ($($method:ident $visit:ident;)+) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
            let n = self.0.parse().map_err(|_| DeError::wrong(format!("the key `{}` must be a number", self.0)))?;
            visitor.$visit(n)
        }
    )+};
}

impl<'de> Deserializer<'de> for Key<'de> {
    type Error = DeError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        visitor.visit_borrowed_str(self.0)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value> {
        visitor.visit_enum(IntoDeserializer::<DeError>::into_deserializer(self.0))
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        visitor.visit_some(self)
    }

    parsed_keys! {
        deserialize_u8 visit_u8; deserialize_u16 visit_u16; deserialize_u32 visit_u32; deserialize_u64 visit_u64;
        deserialize_i8 visit_i8; deserialize_i16 visit_i16; deserialize_i32 visit_i32; deserialize_i64 visit_i64;
        deserialize_f32 visit_f32; deserialize_f64 visit_f64;
    }

    forward_to_deserialize_any! {
        bool i128 u128 char str string bytes byte_buf unit unit_struct seq tuple tuple_struct map struct identifier
        ignored_any
    }
}

/// A variant: its bare name, or the one entry of a map.
pub(super) enum Choice<'de> {
    Name(&'de Node),
    Entry(&'de Entry),
}

impl<'de> EnumAccess<'de> for Choice<'de> {
    type Error = DeError;
    type Variant = Self;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self)> {
        let variant = match self {
            Choice::Entry(entry) => seed.deserialize(Key(&entry.key)).map_err(|e| e.or_at(At::Key(entry.value.id)))?,
            Choice::Name(node) => De(node).place(seed.deserialize(Key(node.scalar_text().unwrap_or(""))))?,
        };
        Ok((variant, self))
    }
}

impl<'de> Choice<'de> {
    fn content(&self) -> Result<De<'de>> {
        match self {
            Choice::Entry(entry) => Ok(De(&entry.value)),
            Choice::Name(node) => {
                let name = node.scalar_text().unwrap_or("");
                let error = DeError::wrong(format!("`{name}` needs more than its name"));
                Err(error.hint(Some(format!("write it as a map: `{name}: …`"))).or_at(At::Value(node.id)))
            }
        }
    }
}

impl<'de> VariantAccess<'de> for Choice<'de> {
    type Error = DeError;

    fn unit_variant(self) -> Result<()> {
        match self {
            Choice::Entry(entry) if entry.value.value != Value::Null => {
                De(&entry.value).expected("nothing after this choice")
            }
            _ => Ok(()),
        }
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value> {
        let content = self.content()?;
        content.place(seed.deserialize(content))
    }

    fn tuple_variant<V: Visitor<'de>>(self, length: usize, visitor: V) -> Result<V::Value> {
        self.content()?.deserialize_tuple(length, visitor)
    }

    fn struct_variant<V: Visitor<'de>>(self, fields: &'static [&'static str], visitor: V) -> Result<V::Value> {
        self.content()?.deserialize_struct("", fields, visitor)
    }
}
