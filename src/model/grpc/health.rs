//! The health check that every gRPC server may offer (doc/health-checking.md of gRPC), known without a descriptor set.

use prost_reflect::prost_types::field_descriptor_proto::{Label, Type};
use prost_reflect::prost_types::{
    DescriptorProto, EnumDescriptorProto, EnumValueDescriptorProto, FieldDescriptorProto, FileDescriptorProto,
    FileDescriptorSet, MethodDescriptorProto, ServiceDescriptorProto,
};
use serde_json::Value;

/// The health check's method.
pub const HEALTH_CHECK: &str = "grpc.health.v1.Health/Check";

/// Whether the health check's answer says that the service serves.
pub fn is_serving(answer: &Value) -> bool {
    answer.get("status").and_then(Value::as_str) == Some("SERVING")
}

/// `grpc/health/v1/health.proto`, without its stream.
pub(super) fn descriptors() -> FileDescriptorSet {
    let field = |name: &str, kind: Type, type_name: Option<&str>| FieldDescriptorProto {
        name: Some(name.into()),
        number: Some(1),
        label: Some(Label::Optional.into()),
        r#type: Some(kind.into()),
        type_name: type_name.map(str::to_owned),
        ..Default::default()
    };
    let values = ["UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN"];
    let value = |(number, name): (i32, &&str)| EnumValueDescriptorProto {
        name: Some((*name).into()),
        number: Some(number),
        ..Default::default()
    };
    let request = DescriptorProto {
        name: Some("HealthCheckRequest".into()),
        field: vec![field("service", Type::String, None)],
        ..Default::default()
    };
    let response = DescriptorProto {
        name: Some("HealthCheckResponse".into()),
        field: vec![field("status", Type::Enum, Some(".grpc.health.v1.HealthCheckResponse.ServingStatus"))],
        enum_type: vec![EnumDescriptorProto {
            name: Some("ServingStatus".into()),
            value: (0..).zip(&values).map(value).collect(),
            ..Default::default()
        }],
        ..Default::default()
    };
    let check = MethodDescriptorProto {
        name: Some("Check".into()),
        input_type: Some(".grpc.health.v1.HealthCheckRequest".into()),
        output_type: Some(".grpc.health.v1.HealthCheckResponse".into()),
        ..Default::default()
    };
    let file = FileDescriptorProto {
        name: Some("grpc/health/v1/health.proto".into()),
        package: Some("grpc.health.v1".into()),
        message_type: vec![request, response],
        service: vec![ServiceDescriptorProto {
            name: Some("Health".into()),
            method: vec![check],
            ..Default::default()
        }],
        syntax: Some("proto3".into()),
        ..Default::default()
    };
    FileDescriptorSet { file: vec![file] }
}
