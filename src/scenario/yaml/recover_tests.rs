use std::collections::BTreeMap;

use serde::Deserialize;

use super::*;
use crate::model::{HumanDuration, Name};
use crate::scenario::yaml::parse;

#[derive(Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
#[allow(dead_code)] // Read through Debug and PartialEq.
struct Doc {
    name: Name,
    #[serde(default)]
    items: Vec<Item>,
    #[serde(default)]
    by_name: BTreeMap<Name, Item>,
    #[serde(default)]
    how: Option<How>,
}

#[derive(Debug, Deserialize, PartialEq)]
#[allow(dead_code)]
struct Item {
    every: HumanDuration,
    count: u16,
    #[serde(default)]
    on: bool,
    #[serde(default)]
    args: Vec<String>,
    #[serde(default)]
    inner: Option<Box<Item>>,
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(rename_all = "snake_case")]
#[allow(dead_code)]
enum How {
    Simply,
    Http(Item),
    Tcp { address: String },
}

fn flaws(text: &str) -> Vec<(usize, usize, String, String)> {
    let (root, parse_flaws) = parse(text).unwrap();
    assert_eq!(parse_flaws, []);
    let mut flaws = read::<Doc>(&root).flaws;
    flaws.sort_by_key(|f| f.flaw.span);
    flaws.into_iter().map(|f| (f.flaw.span.line, f.flaw.span.column, f.path, f.flaw.message)).collect()
}

fn one(text: &str) -> (usize, usize, String, String, String) {
    let (root, _) = parse(text).unwrap();
    let found = read::<Doc>(&root).flaws;
    assert_eq!(found.len(), 1, "{found:#?}");
    let TypeFlaw { flaw, path } = found[0].clone();
    (flaw.span.line, flaw.span.column, path, flaw.message, flaw.hint.unwrap_or_default())
}

#[test]
fn a_right_document_is_read() {
    let text = "name: 007\nitems:\n- {every: 5s, count: 1e1, args: [sleep, 5, true, 1.10]}\nhow: simply\n";
    let reading = read::<Doc>(&parse(text).unwrap().0);
    assert_eq!((reading.flaws, reading.left_out), (vec![], vec![]));
    let doc = reading.value.unwrap();
    assert_eq!(doc.name.as_str(), "007");
    assert_eq!((doc.items[0].count, doc.items[0].args.join(" ").as_str()), (10, "sleep 5 true 1.10"));
    assert_eq!(doc.how, Some(How::Simply));
}

#[test]
fn all_errors_are_found_at_their_places() {
    let text = "\
name: x
items:
  - every: 5
    cuont: 3
    on: yes
  - {every: 5s, count: 70000, args: {a: 1}}
  - count: 1
    inner: {every: 1s}
by_name:
  good: {every: 1s, count: 2}
  bad: [1]
how: {htp: {}}
extra: 1
";
    let found = flaws(text);
    let got: Vec<_> = found.iter().map(|(l, c, p, m)| format!("{l}:{c} {p}: {m}")).collect();
    assert_eq!(
        got,
        [
            "3:12 items[0].every: `5` has no unit: write `5s` or `5ms`",
            "4:5 items[0].cuont: unknown key `cuont`",
            "5:9 items[0].on: expected `true` or `false`, found the text `yes`",
            "6:24 items[1].count: expected a whole number from 0 to 65535, found the number `70000`",
            "6:37 items[1].args: expected a list, found a map",
            "7:5 items[2]: the key `every` is missing",
            "8:5 items[2].inner: the key `count` is missing",
            "11:8 by_name.bad: expected a map, found a list",
            "12:7 how.htp: unknown key `htp`",
            "13:1 extra: unknown key `extra`",
        ]
    );
}

#[test]
fn every_missing_key_of_one_map_is_named() {
    let found = flaws("items:\n  - on: true\n");
    let messages: Vec<_> = found.iter().map(|f| (f.2.as_str(), f.3.as_str())).collect();
    assert_eq!(
        messages,
        [
            ("", "the key `name` is missing"),
            ("items[0]", "the key `every` is missing"),
            ("items[0]", "the key `count` is missing"),
        ]
    );
}

#[test]
fn a_slip_gets_its_word() {
    let (line, column, _, _, hint) = one("name: x\nitems: [{every: 1s, count: 1, argss: []}]\n");
    assert_eq!((line, column, hint.as_str()), (2, 31, "did you mean `args`?"));
    let (.., message, hint) = one("name: x\nhow: {htpp: {every: 1s, count: 1}}\n");
    assert_eq!((message.as_str(), hint.as_str()), ("unknown key `htpp`", "did you mean `http`?"));
    let (.., message, hint) = one("name: x\nhow: simplie\n");
    assert_eq!((message.as_str(), hint.as_str()), ("`simplie` is not a choice here", "did you mean `simply`?"));
}

#[test]
fn choices_are_one_of_their_keys() {
    let (line, column, _, message, hint) = one("name: x\nhow:\n  tcp: {address: a}\n  http: {every: 1s, count: 1}\n");
    assert_eq!((line, column), (4, 3));
    assert_eq!(message, "`tcp` and `http` exclude each other");
    assert_eq!(hint, "give only one of `simply`, `http`, `tcp`");
    assert_eq!(one("name: x\nhow: http\n").3, "`http` needs more than its name");
    assert_eq!(one("name: x\nhow: [1]\n").3, "expected one of `simply`, `http`, `tcp`, found a list");
    assert_eq!(one("name: x\nhow: {simply: 3}\n").3, "expected nothing after this choice, found the number `3`");
    assert_eq!(one("name: x\nhow: {}\n").3, "expected one of `simply`, `http`, `tcp`, found an empty map");
}

#[test]
fn a_wrong_name_is_quoted_and_a_bare_number_in_quotes_explained() {
    assert_eq!(
        one("name: ''\n").3,
        "`` is not a name: 1 to 64 letters, digits, spaces, `-`, `_` or `.`, starting with a letter or a digit"
    );
    let (.., message, hint) = one("name: x\nitems: [{every: 1s, count: '5'}]\n");
    assert_eq!(
        (message.as_str(), hint.as_str()),
        ("expected a whole number, found the text `5`", "write it without quotes")
    );
    let (.., message, hint) = one("name: x\nitems:\n");
    assert_eq!(message, "expected a list, found nothing");
    assert!(hint.contains("remove the key"));
}

#[test]
fn a_root_that_is_no_map_is_one_error() {
    assert_eq!(one("- a\n- b\n").3, "expected a map, found a list");
    assert_eq!(one("just text\n").3, "expected a map, found the text `just text`");
}

#[test]
fn a_value_from_an_alias_names_both_lines() {
    let (line, .., hint) = one("name: &n 5s\nitems: [{every: *n, count: *n}]\n");
    assert_eq!((line, hint.as_str()), (2, "the value comes from line 1"));
}

#[test]
fn a_flood_of_errors_is_cut_off() {
    let text = format!("name: x\nitems:\n{}", "  - 1\n".repeat(5000));
    let found = flaws(&text);
    assert_eq!(found.len(), MOST_FLAWS + 1);
    assert!(found.iter().any(|f| f.3.contains("only the first 200")));
}

#[test]
fn the_rest_is_read_without_what_is_wrong() {
    let text = "name: x\nitems:\n  - [1]\n  - {every: 1s, count: 2, on: maybe}\n  - {every: 1s}\n";
    let reading = read::<Doc>(&parse(text).unwrap().0);
    let doc = reading.value.unwrap();
    assert_eq!((doc.items.len(), doc.items[0].count, doc.items[0].on), (2, 2, false));
    assert_eq!(reading.left_out, ["items[0]", "items[1].on", "items[2].count"]);
}
