//! The folders are the layers: each may use only those before it.

use crate::none;
use crate::source::{File, Token, files, occurrences};

/// In order; a layer may use those before it.
const LAYERS: [&str; 17] = [
    "model", "scenario", "timeline", "result", "clock", "safety", "world", "fault", "proxy", "observe", "backup",
    "engine", "judge", "compare", "report", "demo", "cli",
];

/// Uses against the order: file, layer, why it is right all the same.
const EXCEPTIONS: &[(&str, &str, &str)] = &[];

/// Crates that stay in their folders: the crate, where it may be named, why.
const FENCED: &[(&str, &[&str], &str)] = &[
    ("goose", &["src/observe/load/"], "it stays in the load worker, a process of its own"),
    ("bollard", &["src/world/docker"], "its types stay behind the driver"),
    ("tokio_postgres", &["src/world/database/"], "its types stay behind the driver"),
    ("redis", &["src/world/database/"], "its types stay behind the driver"),
    ("kube", &["src/world/k8s"], "its types stay behind the driver"),
    ("plotters", &["src/report/"], "charts are drawn by reports only"),
    ("askama", &["src/report/"], "templates are filled by reports only"),
    ("rusqlite", &["src/backup/", "src/demo/"], "the database of the demo and of the backup proof"),
    ("axum", &["src/demo/"], "the demo's service is the only server with a framework"),
    ("tokio_postgres", &["src/world/database/", "src/demo/"], "drivers speak to databases, and the demo keeps orders"),
    ("redis", &["src/world/database/", "src/demo/"], "drivers speak to databases, and the demo has a cache"),
    ("prost_reflect", &["src/model/grpc/"], "whoever calls by gRPC knows methods and JSON, not descriptors"),
    ("nfq", &["src/world/network/"], "the queue in user space is one process's own"),
    ("clap", &["src/cli/", "src/demo/"], "the command line is parsed at the top only"),
];

/// What the pure layers may not name.
const IMPURE: [&str; 10] = [
    "tokio",
    "std::fs",
    "std::net",
    "std::process",
    "std::env",
    "std::thread",
    "crate::world",
    "crate::clock",
    "crate::engine",
    "crate::safety",
];

fn layer(path: &str) -> Option<usize> {
    let name = path.strip_prefix("src/")?.split('/').next()?.trim_end_matches(".rs");
    LAYERS.iter().position(|l| *l == name)
}

/// How many modules lie above the top of a file's own: 1 for `src/model/mod.rs`.
fn depth(path: &str) -> usize {
    let parts: Vec<_> = path.trim_start_matches("src/").split('/').collect();
    match parts.last() {
        Some(&"mod.rs") => parts.len() - 1,
        // `#[path]`: the tests of a file stand beside it and are a module within it.
        Some(name) if name.ends_with("_tests.rs") => parts.len() + 1,
        _ => parts.len(),
    }
}

/// The names that a path leads to just below the crate's root, with their lines: `crate::x`, `crate::{x, y}` and as
/// many `super` as lead there.
fn roots(tokens: &[Token], depth: usize) -> Vec<(String, usize, bool)> {
    let text = |i: usize| tokens.get(i).map_or("", |t: &Token| t.text.as_str());
    let colons = |i: usize| text(i) == ":" && text(i + 1) == ":";
    let mut found = Vec::new();
    for i in 0..tokens.len() {
        let mut next = match text(i) {
            "crate" => i + 1,
            "super" if !(i >= 2 && colons(i - 2)) => {
                let mut supers = 1;
                let mut at = i + 1;
                while colons(at) && text(at + 2) == "super" {
                    supers += 1;
                    at += 3;
                }
                // Modules within a file lie deeper: then more `super` are needed, and fewer lead nowhere above.
                if supers < depth {
                    continue;
                }
                at
            }
            _ => continue,
        };
        if !colons(next) {
            continue;
        }
        next += 2;
        if text(next) != "{" {
            found.push((text(next).to_owned(), tokens[i].line, tokens[i].test));
            continue;
        }
        let (mut level, mut first) = (0, true);
        for token in &tokens[next..] {
            match token.text.as_str() {
                "{" => level += 1,
                "}" => level -= 1,
                "," if level == 1 => first = true,
                name if level == 1 && first => {
                    found.push((name.to_owned(), token.line, token.test));
                    first = false;
                }
                _ => {}
            }
            if level == 0 {
                break;
            }
        }
    }
    found
}

/// Uses against the order, as (file, layer used, line).
fn broken(file: &File) -> Vec<(String, String, usize)> {
    let Some(own) = layer(&file.path) else { return Vec::new() };
    let uses = roots(&file.tokens, depth(&file.path));
    // Tests may look at a layer from above: they are no part of what ships.
    let uses = uses.into_iter().filter(|(_, _, test)| !test);
    uses.filter(|(name, _, _)| LAYERS.iter().position(|l| l == name).is_some_and(|theirs| theirs > own))
        .map(|(name, line, _)| (file.path.clone(), name, line))
        .collect()
}

#[test]
fn a_layer_uses_only_those_before_it() {
    let found: Vec<_> = files().iter().flat_map(broken).collect();
    let excepted =
        |f: &&(String, String, usize)| EXCEPTIONS.iter().any(|(path, layer, _)| f.0 == *path && f.1 == *layer);
    let wrong: Vec<_> = found
        .iter()
        .filter(|f| !excepted(f))
        .map(|(p, l, line)| format!("{p}:{line} uses {l}, a later layer"))
        .collect();
    none("layers, in order: model … cli (tests/tidy/layers.rs)", &wrong);
    let idle = EXCEPTIONS.iter().filter(|(p, l, _)| !found.iter().any(|f| f.0 == *p && f.1 == *l));
    none("exceptions that are not needed any more", &idle.map(|(p, l, _)| format!("{p}: {l}")).collect::<Vec<_>>());
}

#[test]
fn every_folder_is_a_layer_in_the_order_of_the_map() {
    let map = crate::source::read("src/lib.rs");
    let named: Vec<_> = map.lines().filter_map(|l| l.strip_prefix("pub mod ")?.strip_suffix(';')).collect();
    assert_eq!(named, LAYERS, "src/lib.rs is the map of the crate");
}

#[test]
fn foreign_crates_stay_in_their_folders() {
    let mut wrong = Vec::new();
    for file in files().iter().filter(|f| !f.test) {
        let tokens = &file.tokens;
        for (name, folders, why) in FENCED {
            if folders.iter().any(|folder| file.path.starts_with(folder)) {
                continue;
            }
            let paths = tokens.windows(3).filter(|w| w[0].text == *name && w[1].text == ":" && w[2].text == ":");
            wrong.extend(
                paths.filter(|w| !w[0].test).map(|w| format!("{}:{} names {name}: {why}", file.path, w[0].line)),
            );
        }
    }
    none("crates with a folder of their own", &wrong);
}

#[test]
fn judge_compare_and_report_touch_nothing_but_data() {
    let mut wrong = Vec::new();
    let pure = ["src/judge/", "src/compare/", "src/report/"];
    for file in files().iter().filter(|f| pure.iter().any(|layer| f.path.starts_with(layer))) {
        let tokens = &file.tokens;
        for path in IMPURE {
            let hits = occurrences(tokens, path).filter(|t| !t.test);
            wrong.extend(hits.map(|t| format!("{}:{} names {path}", file.path, t.line)));
        }
    }
    none("judge, compare and report are pure functions of what was recorded", &wrong);
}

#[test]
fn the_rule_sees_every_way_to_name_a_layer() {
    let sees = |path: &str, text: &str| {
        let mut file = File::new(path.into(), text.into());
        file.mark(false);
        broken(&file).len()
    };
    assert_eq!(sees("src/model/time.rs", "use crate::engine::Engine;"), 1);
    assert_eq!(sees("src/model/time.rs", "use crate::{model::Name, engine::{Engine, x}, cli};"), 2);
    assert_eq!(sees("src/model/time.rs", "fn f() { super::super::cli::main() }"), 1);
    assert_eq!(sees("src/model/mod.rs", "fn f() { println!(\"{}\", crate::report::x()) }"), 1);
    assert_eq!(sees("src/cli/run.rs", "use crate::engine::Engine; use super::super::model::Name;"), 0);
    assert_eq!(sees("src/model/time.rs", "#[cfg(test)] mod tests { use crate::engine::Engine; }"), 0);
}
