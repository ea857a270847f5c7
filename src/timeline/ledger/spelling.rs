//! One value in two spellings. What is written as JSON and stored by type comes back as its type is spelt: a number in
//! quotes or without, with zeros behind its point, under a name in camelCase or with underscores.

use serde_json::{Map, Value};

/// The field of a name; of a name in another spelling, where that is allowed and there is none of this one.
pub(super) fn field<'v>(fields: &'v Map<String, Value>, name: &str, respelt: bool) -> Option<&'v Value> {
    let plain = |name: &str| name.replace('_', "").to_ascii_lowercase();
    let other = || fields.iter().find(|(key, _)| respelt && plain(key) == plain(name)).map(|(_, value)| value);
    fields.get(name).or_else(other)
}

/// A text or a number, as text.
pub(super) fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// Whether two values are the same, spelling aside. Of objects, the fields that both have count.
pub(super) fn alike(sent: &Value, found: &Value) -> bool {
    match (sent, found) {
        (Value::Array(sent), Value::Array(found)) => {
            sent.len() == found.len() && sent.iter().zip(found).all(|(sent, found)| alike(sent, found))
        }
        (Value::Object(sent), Value::Object(found)) => {
            sent.iter().all(|(name, sent)| field(found, name, true).is_none_or(|found| alike(sent, found)))
        }
        (Value::Bool(truth), other) | (other, Value::Bool(truth)) => {
            // Databases without a type for it keep truth as 0 and 1.
            *other == Value::Bool(*truth) || text(other).is_some_and(|text| text == u8::from(*truth).to_string())
        }
        _ => match (text(sent), text(found)) {
            // Two texts are the same or not; only a number has more than one spelling.
            (Some(a), Some(b)) => a == b || ((sent.is_number() || found.is_number()) && same_number(&a, &b)),
            _ => sent == found,
        },
    }
}

/// Numbers of the same value: whole ones exactly, others as far as a 64-bit float goes.
fn same_number(a: &str, b: &str) -> bool {
    match (a.parse::<i128>(), b.parse::<i128>()) {
        (Ok(a), Ok(b)) => a == b,
        _ => matches!((a.parse::<f64>(), b.parse::<f64>()), (Ok(a), Ok(b)) if a == b),
    }
}

/// Whether it is what a field holds that nobody set.
pub(super) fn is_default(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(truth) => !truth,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.values().all(is_default),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn spelling_is_not_content() {
        for (sent, found) in [
            (json!(7), json!("7")),
            (json!("7"), json!(7)),
            (json!(7), json!(7.0)),
            (json!("1.50"), json!(1.5)),
            (json!(true), json!(1)),
            (json!({ "unitPrice": 1 }), json!({ "unit_price": "1", "more": 2 })),
            (json!([1, "2"]), json!(["1", 2])),
        ] {
            assert!(alike(&sent, &found), "{sent} and {found}");
        }
        for (sent, found) in [
            (json!(7), json!(8)),
            (json!("a"), json!("b")),
            (json!("a"), json!(null)),
            (json!("10"), json!("1e1")),
            (json!(true), json!(0)),
            (json!(9007199254740993u64), json!("9007199254740992")),
            (json!({ "a": 1 }), json!({ "a": 2 })),
            (json!([1]), json!([1, 2])),
            (json!("inf"), json!("infinity and beyond")),
        ] {
            assert!(!alike(&sent, &found), "{sent} and {found}");
        }
    }

    proptest! {
        #[test]
        fn whole_numbers_are_alike_exactly_when_they_are_equal(a in any::<u64>(), b in any::<u64>()) {
            prop_assert_eq!(alike(&json!(a), &json!(b.to_string())), a == b);
            prop_assert!(alike(&json!(a), &json!(a.to_string())));
        }
    }
}
