//! Words that may not stand in the source, or only in some places.

use syn::visit::{self, Visit};

use crate::none;
use crate::source::{File, files, occurrences, read, walk};

/// Reads of raw time outside `src/clock.rs`: file, what, why.
const RAW_TIME: &[(&str, &str, &str)] = &[
    ("src/cli/compare.rs", "Timestamp::now", "a baseline says when it was saved, for people"),
    (
        "src/cli/consent.rs",
        "Timestamp::now",
        "freezes and plan tokens are of the calendar, and asked before a drill only",
    ),
    ("src/cli/plan.rs", "Timestamp::now", "the same, when they are shown"),
    ("src/cli/drill.rs", "Timestamp::now", "the journal's header says when a run began, for people"),
    ("src/cli/run.rs", "Timestamp::now", "run folders are named after the time of day"),
    ("src/demo/orders.rs", "Timestamp::now", "the demo's orders have a date, as orders do"),
];

/// Ways to read raw time. tokio's `Instant` is fine: it only sets timers, and stands still on a paused clock.
const TIME: [&str; 6] =
    ["std::time::Instant", "SystemTime::now", "Timestamp::now", "Zoned::now", "clock_gettime", "Utc::now"];

/// Queues without an end, and those that block a thread of the runtime.
const QUEUES: [&str; 4] = ["std::sync::mpsc", "unbounded_channel", "UnboundedSender", "UnboundedReceiver"];

/// Files with a queue of the standard library, and why it cannot grow.
const SHORT_QUEUES: &[(&str, &str)] = &[
    ("src/observe/load/journeys/mod.rs", "one message: how the attack ended"),
    ("src/observe/load/journeys/on_goose.rs", "one message: how the attack ended"),
    ("src/observe/load/start.rs", "one message of each lane: how it ended"),
    ("src/observe/load/worker.rs", "one message each: the assignment; that everything is written"),
];

/// Calls that end the process from inside: file, why.
const ENDS: &[(&str, &str)] = &[
    ("src/cli/signals.rs", "the third SIGINT: the watchdog undoes what stands, and load workers end with their lease"),
    ("src/demo/api.rs", "the demo's service, told to crash"),
    ("src/observe/load/worker.rs", "the lease ran out: the runner is gone, and a load worker harms nothing"),
    ("src/proxy/worker.rs", "the runner is gone: its links end with the process"),
];

#[test]
fn raw_time_is_read_in_one_place() {
    let mut found = Vec::new();
    for file in files().iter().filter(|f| !f.test && f.path != "src/clock.rs") {
        let tokens = &file.tokens;
        for path in TIME {
            found.extend(occurrences(tokens, path).filter(|t| !t.test).map(|t| (file.path.clone(), path, t.line)));
        }
        let grouped = std_time_instant(file).then(|| (file.path.clone(), "std::time::Instant", 0));
        found.extend(grouped);
    }
    let excepted = |f: &&(String, &str, usize)| RAW_TIME.iter().any(|(path, what, _)| f.0 == *path && f.1 == *what);
    let wrong: Vec<_> =
        found.iter().filter(|f| !excepted(f)).map(|(p, what, line)| format!("{p}:{line} names {what}")).collect();
    none("raw time outside src/clock.rs", &wrong);
    let idle = RAW_TIME.iter().filter(|(p, w, _)| !found.iter().any(|f| f.0 == *p && f.1 == *w));
    none("exceptions that are not needed any more", &idle.map(|(p, w, _)| format!("{p}: {w}")).collect::<Vec<_>>());
}

/// `use std::time::{…, Instant}`.
fn std_time_instant(file: &File) -> bool {
    let tree = file.tree();
    let mut uses = tree.items.iter().filter_map(|item| match item {
        syn::Item::Use(item) => Some(quote(&item.tree)),
        _ => None,
    });
    uses.any(|paths| paths.iter().any(|p| p == "std::time::Instant"))
}

/// Every path of a `use`.
fn quote(tree: &syn::UseTree) -> Vec<String> {
    match tree {
        syn::UseTree::Path(path) => {
            quote(&path.tree).into_iter().map(|rest| format!("{}::{rest}", path.ident)).collect()
        }
        syn::UseTree::Name(name) => vec![name.ident.to_string()],
        syn::UseTree::Rename(name) => vec![name.ident.to_string()],
        syn::UseTree::Glob(_) => vec!["*".into()],
        syn::UseTree::Group(group) => group.items.iter().flat_map(quote).collect(),
    }
}

#[test]
fn every_queue_has_an_end() {
    let mut found = Vec::new();
    for file in files().iter().filter(|f| !f.test) {
        for path in QUEUES {
            let hits = occurrences(&file.tokens, path).filter(|t| !t.test);
            found.extend(hits.map(|t| (file.path.clone(), format!("{}:{} names {path}", file.path, t.line))));
        }
    }
    let excepted = |path: &String| SHORT_QUEUES.iter().any(|(p, _)| p == path);
    let wrong: Vec<_> = found.iter().filter(|(p, _)| !excepted(p)).map(|(_, words)| words.clone()).collect();
    none("queues: tokio's bounded channels only", &wrong);
    let idle = SHORT_QUEUES.iter().filter(|(p, _)| !found.iter().any(|(path, _)| path == p));
    none("exceptions that are not needed any more", &idle.map(|(p, _)| (*p).to_owned()).collect::<Vec<_>>());
}

#[test]
fn nothing_is_unwrapped_in_what_ships() {
    let mut wrong = Vec::new();
    for file in files().iter().filter(|f| !f.test) {
        let tokens = &file.tokens;
        let calls = tokens.windows(4).filter(|w| w[0].text == "." && w[1].text == "unwrap" && w[3].text == ")");
        wrong.extend(calls.filter(|w| !w[0].test).map(|w| format!("{}:{}", file.path, w[0].line)));
    }
    none("`unwrap()`: say the invariant with `expect`, or return the error", &wrong);
}

#[test]
fn the_process_is_ended_by_main_alone() {
    let mut found = Vec::new();
    for file in files().iter().filter(|f| !f.test) {
        let tokens = &file.tokens;
        let exits = occurrences(tokens, "process::exit").chain(occurrences(tokens, "process::abort"));
        found.extend(exits.filter(|t| !t.test).map(|t| (file.path.clone(), t.line)));
    }
    let excepted = |path: &String| ENDS.iter().any(|(p, _)| p == path);
    let wrong = found.iter().filter(|(p, _)| !excepted(p)).map(|(p, line)| format!("{p}:{line}"));
    none("`process::exit` leaves undo undone", &wrong.collect::<Vec<_>>());
    let idle = ENDS.iter().filter(|(p, _)| !found.iter().any(|(path, _)| path == p));
    none("exceptions that are not needed any more", &idle.map(|(p, _)| (*p).to_owned()).collect::<Vec<_>>());
}

#[test]
fn nothing_is_left_for_later() {
    let macros = ["todo", "unimplemented", "dbg"];
    let notes = [["TO", "DO"].concat(), ["FIX", "ME"].concat(), ["XX", "X"].concat()];
    let mut wrong = Vec::new();
    for file in files() {
        let tokens = &file.tokens;
        let calls = tokens.windows(2).filter(|w| macros.contains(&w[0].text.as_str()) && w[1].text == "!");
        wrong.extend(calls.map(|w| format!("{}:{} {}!", file.path, w[0].line, w[0].text)));
    }
    for (path, text) in everything() {
        let noted = |line: &str| notes.iter().any(|note| line.split(|c: char| !c.is_alphanumeric()).any(|w| w == note));
        wrong.extend(text.lines().enumerate().filter(|(_, l)| noted(l)).map(|(n, _)| format!("{path}:{}", n + 1)));
    }
    none("left for later", &wrong);
}

#[test]
fn ignored_tests_say_why() {
    struct Ignored<'f>(&'f File, Vec<String>);
    impl<'a> Visit<'a> for Ignored<'_> {
        fn visit_attribute(&mut self, attribute: &'a syn::Attribute) {
            if attribute.path().is_ident("ignore") && matches!(attribute.meta, syn::Meta::Path(_)) {
                self.1.push(format!("{}:{}", self.0.path, attribute.pound_token.spans[0].start().line));
            }
            visit::visit_attribute(self, attribute);
        }
    }
    let mut wrong = Vec::new();
    for file in files() {
        let mut visitor = Ignored(file, Vec::new());
        visitor.visit_file(&file.tree());
        wrong.append(&mut visitor.1);
    }
    none("`#[ignore]` without a reason: write `#[ignore = \"needs …\"]`", &wrong);
}

#[test]
fn no_file_knows_the_machine_it_was_written_on() {
    let places = [["/wo", "rk/"].concat(), ["/tmp/", "wt"].concat(), ["/ro", "ot/"].concat()];
    let mut wrong = Vec::new();
    for (path, text) in everything() {
        // `/proc/PID/root` is what a process sees as its root directory.
        let named = |line: &str| places.iter().any(|place| line.replace("}/root/", "").contains(place.as_str()));
        wrong.extend(text.lines().enumerate().filter(|(_, l)| named(l)).map(|(n, _)| format!("{path}:{}", n + 1)));
    }
    none("paths of one machine", &wrong);
}

/// Every text that is written by hand.
fn everything() -> Vec<(String, String)> {
    let ends = [".rs", ".md", ".yaml", ".yml", ".toml", ".html", ".css"];
    let folders =
        ["src", "tests", "benches", "docs", "scenarios", "loadprofiles", ".github"].map(|f| walk(f, &ends)).concat();
    let scripts = ["scripts", ".ci"].map(|f| walk(f, &[""])).concat();
    let top = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "Cargo.toml", "deny.toml"].map(str::to_owned);
    folders.into_iter().chain(scripts).chain(top).map(|path| (path.clone(), read(&path))).collect()
}
