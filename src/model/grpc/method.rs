//! Descriptor sets, and methods found in them.

use bytes::Bytes;
use prost_reflect::prost::Message as _;
use prost_reflect::{
    DescriptorPool, DeserializeOptions, DynamicMessage, MessageDescriptor, MethodDescriptor, SerializeOptions,
};
use serde_json::Value;

use super::{frame, health};

/// Why a method cannot be called, or its answer not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GrpcError {
    /// The bytes are no descriptor set, or one with gaps.
    #[error("it is no whole descriptor set: {0}; make one with `protoc --include_imports --descriptor_set_out=FILE`")]
    Descriptors(String),
    /// The name is not of the form `package.Service/Method`.
    #[error("`{0}` is not of the form `package.Service/Method`")]
    Name(String),
    /// There is no such service or method.
    #[error("there is no {what} `{name}` in the descriptor set; it has {known}")]
    Missing {
        /// Service or method.
        what: &'static str,
        /// What was asked for.
        name: String,
        /// What there is.
        known: String,
    },
    /// The method is a stream.
    #[error("`{0}` is a stream, and only methods with one request and one answer can be called")]
    Stream(String),
    /// The message does not fit the method's input.
    #[error("the message is no {kind}: {why}")]
    Message {
        /// The type that is asked for.
        kind: String,
        /// What is wrong.
        why: String,
    },
    /// The answer does not fit the method's output.
    #[error("the answer is no {kind}: {why}")]
    Answer {
        /// The type that was promised.
        kind: String,
        /// What is wrong.
        why: String,
    },
}

/// A descriptor set: services, their methods, and the types of all messages.
#[derive(Debug, Clone)]
pub struct Descriptors(DescriptorPool);

impl Descriptors {
    /// Reads what `protoc --include_imports --descriptor_set_out` writes.
    ///
    /// # Errors
    /// When the bytes are something else, or an import is missing.
    pub fn read(bytes: &[u8]) -> Result<Descriptors, GrpcError> {
        DescriptorPool::decode(bytes).map(Descriptors).map_err(|e| GrpcError::Descriptors(e.to_string()))
    }

    /// The health check alone; needs no file.
    ///
    /// # Errors
    /// None in fact: the set is part of the program.
    pub fn health() -> Result<Descriptors, GrpcError> {
        let pool = DescriptorPool::from_file_descriptor_set(health::descriptors());
        pool.map(Descriptors).map_err(|e| GrpcError::Descriptors(e.to_string()))
    }

    /// Looks up `package.Service/Method`.
    ///
    /// # Errors
    /// When there is no such method, with what there is; when it is a stream.
    pub fn method(&self, name: &str) -> Result<Method, GrpcError> {
        let parts = name.split_once('/').filter(|(service, method)| !service.is_empty() && !method.contains('/'));
        let (service, method) = parts.ok_or_else(|| GrpcError::Name(name.to_owned()))?;
        let missing = |what, name: &str, known: Vec<String>| {
            let known = if known.is_empty() { "none".into() } else { known.join(", ") };
            GrpcError::Missing { what, name: name.to_owned(), known }
        };
        let Some(found) = self.0.get_service_by_name(service) else {
            let known = self.0.services().map(|s| s.full_name().to_owned()).take(10).collect();
            return Err(missing("service", service, known));
        };
        let methods: Vec<MethodDescriptor> = found.methods().collect();
        let Some(found) = methods.iter().find(|m| m.name() == method) else {
            let known = methods.iter().map(|m| m.name().to_owned()).collect();
            return Err(missing("method", method, known));
        };
        if found.is_client_streaming() || found.is_server_streaming() {
            return Err(GrpcError::Stream(name.to_owned()));
        }
        Ok(Method { path: format!("/{name}"), input: found.input(), output: found.output() })
    }
}

/// A unary method. Clones share the descriptors.
#[derive(Debug, Clone, PartialEq)]
pub struct Method {
    path: String,
    input: MessageDescriptor,
    output: MessageDescriptor,
}

impl Method {
    /// The path of its requests: `/package.Service/Method`.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// A JSON message (protobuf's JSON mapping; field names as in the `.proto` or in camelCase) as the body of a
    /// request.
    ///
    /// # Errors
    /// When it is no JSON, or does not fit the method's input: unknown fields are errors.
    pub fn encode(&self, message: &str) -> Result<Bytes, GrpcError> {
        let wrong =
            |e: serde_json::Error| GrpcError::Message { kind: self.input.full_name().into(), why: e.to_string() };
        let mut json = serde_json::Deserializer::from_str(message);
        let options = DeserializeOptions::new().deny_unknown_fields(true);
        let read = DynamicMessage::deserialize_with_options(self.input.clone(), &mut json, &options).map_err(wrong)?;
        json.end().map_err(wrong)?;
        Ok(frame(&read.encode_to_vec()))
    }

    /// Whether the names of a dotted path are fields of the answer, one within the other.
    ///
    /// # Errors
    /// In words: which name is none, and what there is.
    pub fn leads_to(&self, path: &str) -> Result<(), String> {
        let mut within = Some(self.output.clone());
        for name in path.split('.') {
            let Some(message) = within else { return Err(format!("`{path}`: there is nothing within a plain value")) };
            let Some(field) = message.get_field_by_name(name) else {
                let known: Vec<String> = message.fields().map(|field| field.name().to_owned()).collect();
                let (kind, known) = (message.full_name(), known.join(", "));
                return Err(format!("`{name}` is no field of {kind}; it has {known}"));
            };
            within = field.kind().as_message().cloned().filter(|_| !field.is_map());
        }
        Ok(())
    }

    /// An answer's message as JSON: field names as in the `.proto`, 64-bit numbers as numbers, enumerations by name,
    /// and fields at their defaults shown, so that what is looked for in it is there whatever its value.
    ///
    /// # Errors
    /// When it does not fit the method's output.
    pub fn decode(&self, message: &[u8]) -> Result<Value, GrpcError> {
        let wrong = |why: String| GrpcError::Answer { kind: self.output.full_name().into(), why };
        let read = DynamicMessage::decode(self.output.clone(), message).map_err(|e| wrong(e.to_string()))?;
        let options = SerializeOptions::new()
            .stringify_64_bit_integers(false)
            .use_proto_field_name(true)
            .skip_default_fields(false);
        read.serialize_with_options(serde_json::value::Serializer, &options).map_err(|e| wrong(e.to_string()))
    }
}

#[cfg(test)]
#[path = "method_tests.rs"]
pub(crate) mod tests;
