//! The JSON Schema of `result.json`, made from the types.

use crate::result::RunResult;

/// The schema as pretty JSON, ending in a newline. `schema/result.schema.json` holds it.
pub fn schema() -> String {
    // What is written has every field, also those that a reader may do without.
    let generator = schemars::generate::SchemaSettings::draft2020_12().for_serialize().into_generator();
    let schema = generator.into_root_schema_for::<RunResult>();
    // A schema is plain JSON with text keys; writing it into memory cannot fail.
    let mut text = serde_json::to_string_pretty(&schema).expect("a schema is JSON");
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_schema_is_current() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/schema/result.schema.json");
        if std::env::var_os("UPDATE_SCHEMA").is_some() {
            std::fs::write(path, schema()).unwrap();
        }
        let published = std::fs::read_to_string(path).unwrap_or_default();
        assert!(published == schema(), "{path} is not current: run this test with UPDATE_SCHEMA=1 and commit the file");
    }
}
