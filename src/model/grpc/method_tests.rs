//! Methods against a set that holds one of each kind of field.

use proptest::prelude::*;
use prost_reflect::prost_types::field_descriptor_proto::{Label, Type};
use prost_reflect::prost_types::{
    DescriptorProto, FieldDescriptorProto, FileDescriptorProto, FileDescriptorSet, MethodDescriptorProto,
    ServiceDescriptorProto,
};
use serde_json::json;

use super::super::{Assembler, HEALTH_CHECK, is_serving};
use super::*;

fn field(name: &str, number: i32, kind: Type, label: Label, type_name: Option<&str>) -> FieldDescriptorProto {
    FieldDescriptorProto {
        name: Some(name.into()),
        number: Some(number),
        label: Some(label.into()),
        r#type: Some(kind.into()),
        type_name: type_name.map(str::to_owned),
        ..Default::default()
    }
}

/// The set, for tests of whoever reads one.
pub(crate) fn set(imports: &[&str]) -> FileDescriptorSet {
    let order = DescriptorProto {
        name: Some("Order".into()),
        field: vec![
            field("id", 1, Type::String, Label::Optional, None),
            field("unit_price", 2, Type::Double, Label::Optional, None),
            field("number", 3, Type::Uint64, Label::Optional, None),
            field("tags", 4, Type::String, Label::Repeated, None),
            field("parts", 5, Type::Message, Label::Repeated, Some(".shop.v1.Order")),
            field("raw", 6, Type::Bytes, Label::Optional, None),
            field("signed", 7, Type::Sint32, Label::Optional, None),
            field("paid", 8, Type::Bool, Label::Optional, None),
        ],
        ..Default::default()
    };
    let method = |name: &str, from: bool, to: bool| MethodDescriptorProto {
        name: Some(name.into()),
        input_type: Some(".shop.v1.Order".into()),
        output_type: Some(".shop.v1.Order".into()),
        client_streaming: Some(from),
        server_streaming: Some(to),
        ..Default::default()
    };
    let shop = ServiceDescriptorProto {
        name: Some("Shop".into()),
        method: vec![method("Echo", false, false), method("Watch", false, true), method("Load", true, false)],
        ..Default::default()
    };
    let file = FileDescriptorProto {
        name: Some("shop.proto".into()),
        package: Some("shop.v1".into()),
        dependency: imports.iter().map(|name| (*name).to_owned()).collect(),
        message_type: vec![order],
        service: vec![shop],
        syntax: Some("proto3".into()),
        ..Default::default()
    };
    FileDescriptorSet { file: vec![file] }
}

fn shop() -> Descriptors {
    Descriptors::read(&set(&[]).encode_to_vec()).unwrap()
}

fn echo(message: &Value) -> Result<Value, GrpcError> {
    let method = shop().method("shop.v1.Shop/Echo")?;
    let mut body = Assembler::new(1 << 20);
    body.push(&method.encode(&message.to_string())?).unwrap();
    method.decode(&body.finish().unwrap().unwrap())
}

#[test]
fn a_method_is_found_or_what_there_is_is_named() {
    let (shop, said) = (shop(), |e: GrpcError| e.to_string());
    assert_eq!(shop.method("shop.v1.Shop/Echo").unwrap().path(), "/shop.v1.Shop/Echo");
    assert!(said(shop.method("shop.v1.Shop/Ecko").unwrap_err()).ends_with("it has Echo, Watch, Load"));
    assert!(said(shop.method("shop.Shop/Echo").unwrap_err()).ends_with("it has shop.v1.Shop"));
    for stream in ["shop.v1.Shop/Watch", "shop.v1.Shop/Load"] {
        assert_eq!(shop.method(stream), Err(GrpcError::Stream(stream.into())));
    }
    for wrong in ["Echo", "/shop.v1.Shop/Echo", "shop.v1.Shop/Echo/x", "", "/"] {
        assert_eq!(shop.method(wrong), Err(GrpcError::Name(wrong.into())));
    }
}

#[test]
fn a_set_with_gaps_or_of_something_else_says_how_to_make_one() {
    for bytes in [set(&["other.proto"]).encode_to_vec(), b"syntax = \"proto3\";".to_vec()] {
        let said = Descriptors::read(&bytes).unwrap_err().to_string();
        assert!(said.contains("--include_imports"), "{said}");
    }
}

#[test]
fn a_message_that_does_not_fit_is_refused_with_type_and_reason() {
    for (wrong, why) in [
        (json!({ "idd": "a" }), "idd"),
        (json!({ "number": "many" }), "invalid"),
        (json!({ "signed": 1e12 }), "out of range"),
        (json!([]), "invalid type"),
    ] {
        let said = echo(&wrong).unwrap_err().to_string();
        assert!(said.contains("shop.v1.Order") && said.contains(why), "{wrong}: {said}");
    }
    let method = shop().method("shop.v1.Shop/Echo").unwrap();
    assert!(method.encode("{} tail").is_err() && method.encode("").is_err());
    assert!(matches!(method.decode(&[0xff]), Err(GrpcError::Answer { .. })));
}

#[test]
fn names_are_taken_in_both_spellings_and_defaults_are_shown() {
    let found = echo(&json!({ "unitPrice": 2.5, "number": "18446744073709551615" })).unwrap();
    let expected = json!({
        "id": "", "unit_price": 2.5, "number": 18446744073709551615u64, "tags": [], "parts": [],
        "raw": "", "signed": 0, "paid": false,
    });
    assert_eq!(found, expected);
}

#[test]
fn a_path_leads_through_fields() {
    let method = shop().method("shop.v1.Shop/Echo").unwrap();
    assert_eq!(method.leads_to("parts.parts.id"), Ok(()));
    assert_eq!(method.leads_to("tags"), Ok(()));
    assert!(method.leads_to("parts.name").unwrap_err().contains("unit_price"));
    assert!(method.leads_to("id.x").is_err() && method.leads_to("").is_err());
}

#[test]
fn the_health_check_needs_no_file() {
    let check = Descriptors::health().unwrap().method(HEALTH_CHECK).unwrap();
    // As in the wire format's specification: field 1, a text of two bytes.
    assert_eq!(&check.encode(r#"{"service": "db"}"#).unwrap()[..], [0, 0, 0, 0, 4, 0x0a, 2, b'd', b'b']);
    assert_eq!(&check.encode("{}").unwrap()[..], [0; 5]);
    assert!(is_serving(&check.decode(&[0x08, 1]).unwrap()));
    assert!(!is_serving(&check.decode(&[0x08, 2]).unwrap()));
    assert_eq!(check.decode(&[]).unwrap(), json!({ "status": "UNKNOWN" }));
}

fn orders() -> impl Strategy<Value = Value> {
    let one =
        (any::<String>(), any::<u64>(), any::<i32>(), any::<bool>(), prop::collection::vec(any::<String>(), 0..3))
            .prop_flat_map(|(id, number, signed, paid, tags)| {
                any::<i16>().prop_map(move |eighths| {
                    // Exact in binary and in a few digits.
                    let price = f64::from(eighths) / 8.0;
                    json!({ "id": id, "unit_price": price, "number": number, "tags": tags, "parts": [], "raw": "AAE=",
                        "signed": signed, "paid": paid })
                })
            });
    one.prop_recursive(2, 6, 2, |inner| {
        prop::collection::vec(inner, 1..3).prop_map(|parts| {
            json!({ "id": "", "unit_price": 0.0, "number": 0, "tags": [], "parts": parts, "raw": "", "signed": 0,
                    "paid": false })
        })
    })
}

proptest! {
    #[test]
    fn a_message_survives_the_way_there_and_back(order in orders()) {
        prop_assert_eq!(echo(&order).unwrap(), order);
    }

    #[test]
    fn no_bytes_are_too_strange(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
        let _ = Descriptors::read(&bytes);
        let _ = shop().method("shop.v1.Shop/Echo").unwrap().decode(&bytes);
    }
}
