//! Papers that are true: what they name exists, and what exists is named.

use clap::CommandFactory;
use simulacro::cli::args::Cli;
use simulacro::scenario::bundle;
use simulacro::scenario::fault::FaultSpec;

use crate::none;
use crate::source::{read, root, walk};

/// Every exit code there is.
const EXIT_CODES: [u8; 15] = [0, 1, 2, 10, 11, 12, 13, 14, 15, 20, 21, 22, 23, 30, 31];

#[test]
fn every_kind_of_fault_is_complete() {
    let scenarios: String = walk("scenarios", &[".yaml"]).iter().map(|p| read(p)).collect();
    let index = read("docs/faults/README.md");
    let mut wrong = Vec::new();
    for kind in FaultSpec::KINDS {
        let file = kind.replace('-', "_");
        for path in
            [format!("src/scenario/fault/{file}.rs"), format!("src/fault/{file}.rs"), format!("docs/faults/{kind}.md")]
        {
            if !root().join(&path).is_file() {
                wrong.push(format!("{kind}: {path} is missing"));
            }
        }
        if !scenarios.lines().any(|l| l.trim_start().starts_with(&format!("{kind}:"))) {
            wrong.push(format!("{kind}: no scenario shows it (and so nothing simulates it)"));
        }
        if !index.contains(&format!("({kind}.md)")) {
            wrong.push(format!("{kind}: docs/faults/README.md does not lead to its page"));
        }
    }
    none("a fault is one spec, one file, one page, one scenario (docs/adding-a-fault.md)", &wrong);
}

/// The sections that a reader looks for on the page of a fault.
#[test]
fn pages_of_faults_are_alike() {
    let sections = ["What clients see", "How the effect is observed", "Undo", "Limits"];
    let mut wrong = Vec::new();
    for kind in FaultSpec::KINDS {
        let page = read(&format!("docs/faults/{kind}.md"));
        let titles = page.lines().filter_map(|l| l.strip_prefix("## "));
        let titles: Vec<_> = titles.filter(|title| sections.contains(title)).collect();
        wrong.extend((titles != sections).then(|| format!("{kind}: {titles:?}")));
    }
    none("sections of a fault's page", &wrong);
}

#[test]
fn every_exit_code_is_explained() {
    let page = read("docs/exit-codes.md");
    let explained = |code: &&u8| page.lines().any(|l| l.starts_with(&format!("| {code} |")));
    let missing: Vec<_> = EXIT_CODES.iter().filter(|c| !explained(c)).collect();
    assert!(missing.is_empty(), "docs/exit-codes.md has no row for {missing:?}");
}

#[test]
fn every_verb_is_in_the_readme() {
    let readme = read("README.md");
    let verbs = Cli::command();
    let verbs = verbs.get_subcommands().filter(|v| !v.is_hide_set()).map(|v| v.get_name().to_owned());
    let missing: Vec<_> = verbs.filter(|v| !readme.contains(&format!("simulacro {v}"))).collect();
    assert!(missing.is_empty(), "README.md does not mention {missing:?}");
}

/// Every key of a scenario has its place on the page about writing them.
#[test]
fn every_key_of_a_scenario_is_explained() {
    let schema: serde_json::Value = serde_json::from_str(&read("schema/scenario.schema.json")).unwrap();
    let page = read("docs/writing-scenarios.md");
    let keys = schema["properties"].as_object().unwrap().keys();
    let missing: Vec<_> = keys.filter(|key| !page.contains(&format!("`{key}`"))).collect();
    assert!(missing.is_empty(), "docs/writing-scenarios.md does not mention {missing:?}");
}

/// Every key of a load profile has its place on their page.
#[test]
fn every_key_of_a_profile_is_explained() {
    let schema: serde_json::Value = serde_json::from_str(&read("schema/profile.schema.json")).unwrap();
    let page = read("docs/load-profiles.md");
    let types = schema["$defs"].as_object().unwrap().values().chain([&schema]);
    let keys = types.filter_map(|kind| kind["properties"].as_object()).flat_map(|keys| keys.keys());
    let named = |key: &&String| {
        page.contains(&format!("`{key}`")) || page.contains(&format!("{key}:")) || page.contains(&format!(" {key} "))
    };
    let missing: std::collections::BTreeSet<_> = keys.filter(|key| !named(key)).collect();
    assert!(missing.is_empty(), "docs/load-profiles.md does not mention {missing:?}");
}

/// The whole profile on the page about them is one.
#[test]
fn the_profile_on_its_page_is_valid() {
    let page = read("docs/load-profiles.md");
    let blocks: Vec<_> = page.split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    let whole = blocks.iter().find(|block| block.starts_with("simulacro_profile")).unwrap();
    bundle::profile_text(&root().join("docs/example.yaml"), whole).unwrap_or_else(|problems| panic!("{problems}"));
}

/// Links and names of files in the papers lead to files.
#[test]
fn papers_lead_somewhere() {
    let mut wrong = Vec::new();
    let papers = [walk("docs", &[".md"]), ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"].map(String::from).to_vec()];
    for paper in papers.concat() {
        let text = read(&paper);
        let folder = root().join(&paper).parent().unwrap().to_owned();
        let links = text.split("](").skip(1).filter_map(|rest| rest.split([')', '#']).next());
        for link in links.filter(|l| !l.is_empty() && !l.contains("://")) {
            if !folder.join(link).exists() {
                wrong.push(format!("{paper}: {link}"));
            }
        }
        let ours = ["scenarios/", "loadprofiles/", "docs/", "src/", "tests/", "scripts/", "schema/"];
        for name in text.split(|c: char| c.is_whitespace() || "`()[],;:\"'".contains(c)) {
            let name = name.trim_end_matches('.');
            let plain = !name.contains(['*', '<', '{', '…', '$', '=']);
            if plain && ours.iter().any(|o| name.starts_with(o)) && !root().join(name).exists() {
                wrong.push(format!("{paper}: {name}"));
            }
        }
    }
    none("papers that name what does not exist", &wrong);
}

#[test]
fn decisions_are_numbered_without_a_gap() {
    let records = walk("docs/decisions", &[".md"]);
    let numbers: Vec<usize> =
        records.iter().filter_map(|p| p.rsplit('/').next()?.split('-').next()?.parse::<usize>().ok()).collect();
    assert_eq!(numbers, (1..=numbers.len()).collect::<Vec<_>>(), "{records:?}");
}

#[test]
fn schemas_are_current() {
    use simulacro::cli::schema::{SchemaOf, schema};
    let all = [
        (SchemaOf::Scenario, "scenario"),
        (SchemaOf::Profile, "profile"),
        (SchemaOf::Result, "result"),
        (SchemaOf::Comparison, "comparison"),
        (SchemaOf::Baseline, "baseline"),
    ];
    for (of, name) in all {
        let mut made = Vec::new();
        schema(of, &mut made).unwrap();
        let path = format!("schema/{name}.schema.json");
        let stale = read(&path) != String::from_utf8(made).unwrap();
        assert!(!stale, "{path} is not current: run `cargo run -- schema {name} > {path}`");
    }
}

/// The examples of the page about writing scenarios, put together, are a scenario; the last one is a load profile.
#[test]
fn the_examples_are_valid() {
    let page = read("docs/writing-scenarios.md");
    let blocks: Vec<_> = page.split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    let (profile, scenario) = blocks.split_last().unwrap();
    let file = root().join("docs/examples.yaml");
    if let Err(problems) = bundle::open_text(&file, &scenario.concat(), &[]) {
        panic!("{problems}\n{}", scenario.concat());
    }
    bundle::profile_text(&file, profile).unwrap_or_else(|problems| panic!("{problems}"));
}
