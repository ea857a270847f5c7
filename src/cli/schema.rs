//! `simulacro schema`: JSON Schema of the files that this program reads and writes, from the types themselves.

use std::io::{self, Write};

use schemars::generate::SchemaSettings;

use crate::compare::Comparison;
use crate::compare::baseline::Baseline;
use crate::scenario::Scenario;
use crate::scenario::profile::Profile;

/// What a schema describes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum SchemaOf {
    /// A scenario.
    Scenario,
    /// A load profile.
    Profile,
    /// `result.json`.
    Result,
    /// `comparison.json`.
    Comparison,
    /// Baseline files.
    Baseline,
}

/// Writes a schema (draft 2020-12) as indented JSON.
///
/// # Errors
/// When `out` cannot be written to.
pub fn schema(of: SchemaOf, out: &mut dyn Write) -> io::Result<()> {
    let generator = SchemaSettings::draft2020_12().for_deserialize().into_generator();
    // What is written has every field, also those that a reader may do without.
    let written = SchemaSettings::draft2020_12().for_serialize().into_generator();
    let schema = match of {
        SchemaOf::Scenario => generator.into_root_schema_for::<Scenario>(),
        SchemaOf::Profile => generator.into_root_schema_for::<Profile>(),
        SchemaOf::Comparison => written.into_root_schema_for::<Comparison>(),
        SchemaOf::Baseline => generator.into_root_schema_for::<Baseline>(),
        SchemaOf::Result => return out.write_all(crate::report::schema::schema().as_bytes()),
    };
    serde_json::to_writer_pretty(&mut *out, &schema)?;
    writeln!(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(kind: SchemaOf) -> serde_json::Value {
        let mut out = Vec::new();
        schema(kind, &mut out).unwrap();
        serde_json::from_slice(&out).unwrap()
    }

    #[test]
    fn a_scenario_needs_its_name_and_nothing_else() {
        let scenario = of(SchemaOf::Scenario);
        assert_eq!(scenario["required"], serde_json::json!(["name"]));
        assert_eq!(scenario["additionalProperties"], serde_json::json!(false));
        assert!(scenario["properties"]["faults"]["description"].is_string());
        let fault = &scenario["$defs"]["Fault"]["properties"];
        for kind in crate::scenario::FaultSpec::KINDS {
            assert!(fault[kind].is_object(), "{kind} is not in the schema of a fault");
        }
    }

    #[test]
    fn all_other_formats_have_one() {
        assert!(of(SchemaOf::Comparison)["properties"]["rows"].is_object());
        assert!(of(SchemaOf::Baseline)["properties"]["simulacro_baseline"].is_object());
        assert!(of(SchemaOf::Profile)["required"].to_string().contains("simulacro_profile"));
        assert!(of(SchemaOf::Result)["properties"]["version"].is_object());
    }
}
