//! gRPC and ClickHouse in scenarios: what is found before anything is called.

use crate::model::grpc::shop;
use crate::scenario::bundle::open_text;
use crate::scenario::resolve::{Settings, resolve};

const RIGHT: &str = r#"name: calls
probes:
  - { name: health, every: 100ms, grpc: { url: "http://127.0.0.1:1", service: db } }
  - name: look
    every: 100ms
    grpc:
      url: "https://shop:443/"
      descriptors: sets/shop.pb
      method: shop.v1.Shop/Echo
      message: '{"id": "${env:ORDER}", "unitPrice": 2.5}'
      metadata: { authorization: "Bearer ${env:TOKEN}" }
      contains: paid
ledger:
  every: 100ms
  write:
    grpc:
      url: "http://127.0.0.1:1"
      descriptors: sets/shop.pb
      method: shop.v1.Shop/Echo
      message: '{"id": "ledger-${id}", "number": ${id}}'
  read:
    grpc: { url: "http://127.0.0.1:1", descriptors: sets/shop.pb, method: shop.v1.Shop/Echo, ids: parts.id }
"#;

const CLICKHOUSE: &str = r#"name: rows
ledger:
  every: 100ms
  write:
    clickhouse:
      url: "http://127.0.0.1:8123"
      table: orders
      columns: { id: "ledger-${id}", n: "${id}" }
      user: drill
      password: "${env:CLICKHOUSE_PASSWORD}"
  read:
    clickhouse: { url: "http://127.0.0.1:8123", table: orders, columns: [n], final: true }
"#;

/// The problems of a scenario after an edit, as `line: message`; with descriptor sets in a folder beside it.
fn found(text: &str, from: &str, to: &str) -> Vec<String> {
    assert!(text.contains(from), "`{from}` is not in the scenario");
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("sets")).unwrap();
    std::fs::write(folder.path().join("sets/shop.pb"), shop()).unwrap();
    std::fs::write(folder.path().join("sets/text.pb"), "syntax = \"proto3\";").unwrap();
    let file = folder.path().join("a.yaml");
    let problems = match open_text(&file, &text.replacen(from, to, 1), &[]) {
        Ok(bundle) => bundle.warnings,
        Err(problems) => problems,
    };
    let prefix = format!("{}:", file.display());
    problems.iter().map(|p| p.to_string().trim_start_matches(&prefix).to_owned()).collect()
}

/// Asserts that an edit leads to one problem, at this line and with these words.
#[track_caller]
fn expect(text: &str, from: &str, to: &str, line: u32, words: &str) {
    let found = found(text, from, to);
    let fits = matches!(&found[..], [one] if one.starts_with(&format!("{line}:")) && one.contains(words));
    assert!(fits, "expected one at {line} with `{words}`, found {found:#?}");
}

#[test]
fn the_right_scenarios_have_no_problem() {
    assert_eq!(found(RIGHT, "name", "name"), Vec::<String>::new());
    assert_eq!(found(CLICKHOUSE, "name", "name"), Vec::<String>::new());
    // What is known only in a run is not looked for before.
    assert_eq!(found(RIGHT, "sets/shop.pb", "${run_dir}/shop.pb"), Vec::<String>::new());
}

#[test]
fn methods_messages_and_paths_are_looked_up() {
    expect(RIGHT, "Shop/Echo", "Shop/Watch", 9, "is a stream");
    expect(RIGHT, "Shop/Echo", "Shop/Ecko", 9, "it has Echo, Watch, Load");
    expect(RIGHT, "Shop/Echo", "Shop.Echo", 9, "package.Service/Method");
    expect(RIGHT, "descriptors: sets/shop.pb\n      method", "method", 8, "needs `descriptors`");
    expect(RIGHT, "sets/shop.pb", "sets/none.pb", 8, "sets/none.pb: it cannot be read");
    expect(RIGHT, "sets/shop.pb", "sets/text.pb", 8, "--include_imports");
    expect(RIGHT, "\"number\": ${id}", "\"numbr\": ${id}", 20, "numbr");
    expect(RIGHT, "\"number\": ${id}}", "\"number\": ${id}", 20, "EOF");
    expect(RIGHT, "ledger-${id}\", \"number\": ${id}", "ledger\", \"number\": 5", 16, "every entry would be the same");
    expect(RIGHT, "parts.id", "part.id", 22, "`part` is no field of shop.v1.Order; it has id, unit_price");
}

#[test]
fn keys_of_a_call_go_together() {
    expect(RIGHT, "service: db", "message: '{}'", 3, "without a `method`");
    expect(RIGHT, "service: db", "descriptors: sets/shop.pb", 3, "without a `method`");
    expect(RIGHT, "contains: paid", "contains: paid\n      service: db", 13, "what the health check asks about");
    expect(RIGHT, "contains: paid", "contains: paid\n      status: NOT_FOUND", 12, "holds no message");
    expect(RIGHT, "contains: paid", "status: MISSING", 12, "MISSING");
    expect(RIGHT, "authorization:", "Authorization:", 11, "cannot name metadata");
    expect(RIGHT, "authorization:", "grpc-timeout:", 11, "belongs to the protocol");
    expect(RIGHT, "https://shop:443/", "https://shop:443/shop.v1.Shop", 7, "without a path");
    expect(RIGHT, "https://shop:443/", "shop:443", 7, "not an absolute HTTP address");
    expect(RIGHT, "grpc: { url", "tcp: { address: \"a:1\" }, grpc: { url", 3, "exclude each other");
}

#[test]
fn names_that_go_into_queries_are_identifiers() {
    expect(CLICKHOUSE, "table: orders\n", "table: \"orders; DROP TABLE orders\"\n", 7, "no name of a table");
    expect(CLICKHOUSE, "table: orders\n", "table: orders\n      database: \"a`b\"\n", 8, "no name of a database");
    expect(CLICKHOUSE, ", n: \"", ", \"n)\": \"", 8, "no name of a column");
    expect(CLICKHOUSE, "[n]", "[n, \"m m\"]", 12, "`m m` is no name of a column");
    expect(CLICKHOUSE, "final: true", "settings: { \"a&b\": 1 }", 12, "no name of a setting");
    expect(CLICKHOUSE, "final: true", "settings: { password: a }", 12, "not a setting of its own here");
    expect(CLICKHOUSE, ":8123\"\n", ":8123/?user=drill\"\n", 6, "takes no parameters");
    expect(CLICKHOUSE, "      user: drill\n", "", 9, "without a user");
    expect(CLICKHOUSE, "n: \"${id}\"", "n: \"${env:KEY}\"", 8, "a secret in a row");
    expect(CLICKHOUSE, "final: true", "id: key", 5, "the column `key`");
}

#[test]
fn a_plan_names_descriptor_sets_wherever_it_is_read() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(folder.path().join("drills")).unwrap();
    std::fs::create_dir_all(folder.path().join("sets")).unwrap();
    std::fs::write(folder.path().join("sets/shop.pb"), shop()).unwrap();
    let file = folder.path().join("drills/a.yaml");
    std::fs::write(&file, RIGHT.replace("sets/", "../sets/")).unwrap();
    let settings = Settings {
        vars: Vec::new(),
        seed: 1,
        utc: "20260101T000000Z".into(),
        report_dir: folder.path().join("reports"),
        simulated: true,
        allow_commands: false,
    };
    let (plan, _) = resolve(&file, &settings).unwrap_or_else(|problems| panic!("{problems}"));
    let call = plan.scenario.probes[1].grpc.as_ref().unwrap().call();
    assert!(call.descriptors.as_deref().unwrap().starts_with('/'), "{call:?}");
    assert_eq!(call.method().unwrap().path(), "/shop.v1.Shop/Echo");
}
