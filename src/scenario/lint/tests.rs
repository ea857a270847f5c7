use std::path::Path;

use super::*;
use crate::scenario::problem::Severity;
use crate::scenario::source::{load, load_plain};

/// A scenario without a problem; each test breaks it in one place.
const RIGHT: &str = r#"name: right
services:
  orders:
    command: [simulacro, demo-service, --listen, "127.0.0.1:18080"]
    ready: { http: "http://127.0.0.1:18080/ready", within: 10s }
    restart: { after: 300ms }
proxies:
  front: { listen: 127.0.0.1:18081, upstream: 127.0.0.1:18080 }
targets:
  app: { process: orders }
  other: { process: { pid_file: /run/other.pid, restarted_by: systemd } }
load:
  - { name: steady, profile: steady.yaml, base_url: "http://127.0.0.1:18081" }
  - { name: shoppers, profile: shoppers.yaml, base_url: "http://127.0.0.1:18081" }
probes:
  - name: checkout
    http: { url: "http://127.0.0.1:18081/ready", status: 200 }
    every: 20ms
    timeout: 200ms
recovery_signal: { streams: [checkout, steady], latency: "<= 400ms" }
ledger:
  every: 20ms
  write: { http: { url: "http://127.0.0.1:18081/orders/${id}" } }
  read: { http: { url: "http://127.0.0.1:18080/orders/ids" } }
steady_state: ["error_rate < 1%", checkout.ok]
phases: { warmup: 2s, baseline: 8s, recovery: { deadline: 60s, hold: 3s }, after: 3s }
faults:
  - name: crash
    at: 0s
    process-kill: { target: app }
  - name: crawl
    after: { fault: crash, is: recovered }
    for: 6s
    proxy-latency: { proxy: front, latency: 250ms }
    impact: tolerated
playbook:
  - name: tell
    after: { fault: crash, is: injected }
    http: { url: "${env:HOOK}" }
backups:
  nightly:
    sqlite: { database: "${run_dir}/orders.db" }
    checks: [ledger, integrity]
objectives:
  rto: { max: 5s, fault: crash, from: act }
  rpo: { max: 0s, fault: crash }
  restore: { nightly: { rto: 30s, rpo: 0s } }
  slo:
    baseline: { p95: "< 200ms", error_rate: "< 0.1%" }
    crawl: { availability: ">= 99%" }
guard: { stop_when: ["error_rate > 95% for 30s"], max_targets: 1, max_hold: 5m }
"#;

const STEADY: &str = "simulacro_profile: 1\nname: steady\nconstant_arrival_rate: { rate: 100 }\ntimeout: 1s\n\
                      requests: [{ name: list, path: /orders }]\n";
const SHOPPERS: &str = "simulacro_profile: 1\nname: shoppers\nconstant_vus: { vus: 5 }\n\
                        journeys: [{ name: buy, steps: [{ name: list, path: /orders }] }]\n";

/// The problems of the right scenario after some edits, as `line:column message (hint)`.
fn found(edits: &[(&str, &str)]) -> Vec<String> {
    let mut text = RIGHT.to_owned();
    for (from, to) in edits {
        assert!(text.contains(from), "`{from}` is not in the scenario");
        text = text.replacen(from, to, 1);
    }
    let file = Path::new("a.yaml");
    let (scenario, source) = load::<Scenario>(file, &text, &[]).map_err(|e| e.to_string()).unwrap();
    let profiles = [("steady", STEADY), ("shoppers", SHOPPERS)]
        .map(|(name, text)| (name.parse().unwrap(), load_plain::<Profile>(file, text).unwrap().0));
    let problems = source.problems(lint(&scenario, &Profiles::from(profiles), &source));
    problems.iter().map(|p| p.to_string().trim_start_matches("a.yaml:").to_owned()).collect()
}

/// Asserts that the edits lead to exactly these problems: each expectation is `line:column: ` and a part of the rest.
#[track_caller]
fn expect(edits: &[(&str, &str)], expected: &[(&str, &str)]) {
    let found = found(edits);
    let fits = found.len() == expected.len()
        && found
            .iter()
            .zip(expected)
            .all(|(f, (place, part))| f.starts_with(&format!("{place}: ")) && f.contains(part));
    assert!(fits, "expected {expected:#?}\nfound {found:#?}");
}

#[test]
fn the_right_scenario_has_no_problem() {
    expect(&[], &[]);
}

#[test]
fn names_that_lead_nowhere() {
    expect(&[("{ target: app }", "{ target: ap }")], &[("30:29", "there is no target `ap` (did you mean `app`?)")]);
    expect(&[("proxy: front", "proxy: back")], &[("34:29", "no proxy `back` (only `front` would fit here)")]);
    expect(&[("process: orders", "process: ordres")], &[("10:19", "no service `ordres` (did you mean `orders`?)")]);
    expect(&[("fault: crash, is: recovered", "fault: crush, is: recovered")], &[("32:21", "no fault `crush`")]);
    expect(&[("[checkout, steady]", "[chekout, steady]")], &[("20:30", "did you mean `checkout`?")]);
    expect(&[("checkout.ok]", "checkin.ok]")], &[("25:35", "no probe, load stream or request called `checkin`")]);
    expect(&[("rto: { max: 5s, fault: crash", "rto: { max: 5s, fault: crsh")], &[("45:26", "no fault `crsh`")]);
    expect(&[("rpo: { max: 0s, fault: crash", "rpo: { max: 0s, fault: crsh")], &[("46:26", "no fault `crsh`")]);
    expect(&[("{ nightly: { rto", "{ nihgtly: { rto")], &[("47:14", "no backup `nihgtly` (did you mean `nightly`?)")]);
    expect(&[("    crawl: {", "    crwal: {")], &[("50:5", "nor a stage of a load (did you mean `crawl`?)")]);
    expect(&[("    crawl: {", "    warmup: {")], &[("50:5", "nothing is judged in the phase `warmup`")]);
    expect(
        &[("    for: 6s", "    until: { probe: chekcout, step: tlel, at_most: 1m }")],
        &[("33:21", "no probe `chekcout`"), ("33:37", "no playbook step `tlel`")],
    );
    expect(
        &[("after: { fault: crash, is: injected }", "after: { is: injected }")],
        &[("38:5", "needs `fault` or `step`")],
    );
    expect(
        &[(
            "  - name: crawl\n    after: { fault: crash, is: recovered }",
            "  - name: crawl\n    after: { step: tell, is: injected }",
        )],
        &[("32:30", "a step is only ever `done`")],
    );
    let targets = found(&[(
        "targets:\n  app: { process: orders }\n  other: { process: { pid_file: /run/other.pid, restarted_by: systemd } }\n",
        "",
    )]);
    assert!(targets[0].contains("the scenario has no target at all"), "{targets:?}");
}

#[test]
fn service_levels_that_cannot_be_read() {
    expect(&[("p95: \"<", "p95x: \"<")], &[("49:17", "`p95x` is not a metric")]);
    expect(&[("\"< 200ms\"", "\"< 200\"")], &[("49:22", "not a bound for p95")]);
    expect(&[("p95: \"< 200ms\"", "ok: \"< 200ms\"")], &[("49:17", "use `availability`")]);
    expect(&[("p95: \"<", "steady.p95: \"<")], &[]);
    expect(&[("p95: \"<", "stead.p95: \"<")], &[("49:17", "called `stead` (did you mean `steady`?)")]);
    expect(&[("p95: \"<", "steady/list.p95: \"<")], &[]);
    expect(&[("p95: \"<", "list.p95: \"<")], &[]);
    expect(
        &[("p95: \"<", "steady/lst.p95: \"<")],
        &[("49:17", "`steady` sends no request called `lst` (did you mean `list`?)")],
    );
    expect(&[("p95: \"<", "steady/.p95: \"<")], &[("49:17", "steady/create order.p95")]);
}

#[test]
fn names_given_twice() {
    expect(&[("name: shoppers", "name: steady")], &[("14:13", "called `steady`, on line 13")]);
    expect(
        &[("name: checkout", "name: steady"), ("checkout.ok", "steady.ok"), ("[checkout, steady]", "[steady]")],
        &[("16:11", "on line 13")],
    );
    let twice = found(&[("name: crawl", "name: crash"), ("    crawl:", "    crash:")]);
    assert!(twice.iter().any(|p| p.starts_with("31:11: another fault is called `crash`, on line 28")), "{twice:?}");
    let phase = found(&[("name: crawl", "name: after"), ("    crawl:", "    after:")]);
    assert!(phase[0].starts_with("31:11: `after` is the name of a phase"), "{phase:?}");
}

#[test]
fn shapes() {
    expect(&[("name: right", "simulacro: 2\nname: right")], &[("1:12", "version 2 of the scenario format")]);
    expect(&[("[simulacro, demo-service, --listen, \"127.0.0.1:18080\"]", "[]")], &[("4:14", "no program to run")]);
    expect(&[("within: 10s }", "tcp: a:1, within: 10s }")], &[("5:52", "`http` and `tcp` exclude each other")]);
    expect(
        &[("ready: { http: \"http://127.0.0.1:18080/ready\", within", "ready: { within")],
        &[("5:12", "needs one of `http`, `tcp`")],
    );
    expect(
        &[("    every: 20ms", "    tcp: { address: a:1 }\n    every: 20ms")],
        &[("18:5", "`http` and `tcp` exclude")],
    );
    expect(&[("status: 200", "status: 99")], &[("17:58", "99 is not an HTTP status")]);
    expect(
        &[("    http: { url: \"${env:HOOK}\" }", "    at: 1s\n    manual: { prompt: x }")],
        &[("38:5", "`at` and `after` exclude each other")],
    );
    expect(
        &[("pid_file: /run/other.pid", "command_line: \"(\"")],
        &[("11:37", "not a regular expression: error: unclosed group")],
    );
    expect(&[("pid_file: /run/other.pid, ", "")], &[("11:21", "needs one of `pid_file`, `command_line`")]);
    expect(&[("    sqlite: { database: \"${run_dir}/orders.db\" }\n", "")], &[("42:5", "needs `sqlite`")]);
}

#[test]
fn circles_and_waits_that_never_end() {
    expect(
        &[("    at: 0s", "    after: { fault: crawl }")],
        &[("29:5", "each waits for the other: crash -> crawl -> crash (give one of them an `at`)")],
    );
    expect(&[("    at: 0s", "    after: { fault: crash }")], &[("29:5", "crash -> crash")]);
    let signal = ("recovery_signal: { streams: [checkout, steady], latency: \"<= 400ms\" }\n", "");
    expect(
        &[signal, ("    at: 0s", "    when: { steady: 1s }")],
        &[("28:5", "ever steady"), ("31:32", "ever `recovered`"), ("44:3", "recovery is seen by a recovery signal")],
    );
    expect(
        &[
            ("    for: 6s", "    until: { step: tell, at_most: 1m }"),
            ("after: { fault: crash, is: injected }", "after: { fault: crawl, is: undone }"),
        ],
        &[("33:20", "waits for the end of this fault, which waits for the step")],
    );
    expect(&[("    for: 6s", "    until: { at_most: 1m }")], &[("33:5", "nothing to wait for")]);
}

#[test]
fn holds() {
    expect(&[("    for: 6s\n", "")], &[("33:5", "proxy-latency is held and has no end (add `for: 10s`")]);
    expect(&[("for: 6s", "for: 6m")], &[("33:10", "held for 6m, the guard's max_hold is 5m")]);
    expect(&[("for: 6s", "until: { recovered: true, at_most: 6m }")], &[("33:40", "max_hold is 5m")]);
    expect(&[("    at: 0s", "    at: 0s\n    for: 1s")], &[("30:5", "process-kill is one act and is not held")]);
    expect(
        &[("    http: { url: \"${env:HOOK}\" }", "    manual: { prompt: x }\n    within: 10m")],
        &[("40:13", "a person would get 10m, the guard's max_hold is 5m")],
    );
}

#[test]
fn overlapping_faults() {
    let pause = |moment: &str| {
        format!("  - name: freeze\n    {moment}\n    for: 4s\n    process-pause: {{ target: app }}\nplaybook:")
    };
    expect(&[("playbook:", &pause("at: 0s"))], &[("39:5", "is on target app at the same time as `crash` (line 28)")]);
    expect(&[("playbook:", &pause("at: 1s"))], &[]);
    expect(
        &[("    at: 0s", "    at: 2s"), ("playbook:", &pause("at: 1s"))],
        &[("39:5", "at the same time as `crash`")],
    );
    expect(&[("playbook:", &pause("after: { fault: crash }"))], &[]);
    expect(
        &[("    at: 0s", "    when: { steady: 1s }"), ("playbook:", &pause("at: 1s"))],
        &[("39:5", "warning: may be on target app")],
    );
    // Two names of one service are one resource; two services are not.
    let same = "  app: { process: orders }\n  app2: { process: orders }";
    let paused = pause("at: 0s").replace("target: app", "target: app2");
    expect(
        &[("  app: { process: orders }", same), ("playbook:", &paused)],
        &[("40:5", "at the same time as `crash` (line 29)")],
    );
    let other = pause("at: 0s").replace("target: app", "target: other");
    expect(&[("playbook:", &other)], &[]);
}

#[test]
fn links_overlap_by_chains_of_after() {
    let cut = |moment: &str| {
        format!("  - name: cut\n    {moment}\n    for: 2s\n    proxy-down: {{ proxy: front }}\nplaybook:")
    };
    expect(&[("playbook:", &cut("after: { fault: crawl, is: undone }"))], &[]);
    expect(&[("playbook:", &cut("after: { fault: crawl, is: done, delay: 1s }"))], &[]);
    expect(
        &[("playbook:", &cut("after: { fault: crawl, is: injected }"))],
        &[("39:5", "warning: may be on link front")],
    );
    let at = ("    after: { fault: crash, is: recovered }\n    for: 6s", "    at: 10s\n    for: 6s");
    expect(
        &[at, ("playbook:", &cut("after: { fault: crawl, is: injected, delay: 5s }"))],
        &[("39:5", "is on link front at the same")],
    );
    expect(&[at, ("playbook:", &cut("after: { fault: crawl, is: injected, delay: 6s }"))], &[]);
    expect(&[at, ("playbook:", &cut("at: 16s"))], &[]);
    expect(&[at, ("playbook:", &cut("at: 15s"))], &[("39:5", "is on link front")]);
    let until = ("for: 6s", "until: { recovered: true, at_most: 6s }");
    expect(&[at, until, ("playbook:", &cut("at: 15s"))], &[("39:5", "warning: may be on link front")]);
}

#[test]
fn recovery_objectives() {
    expect(
        &[("deadline: 60s", "deadline: 4s")],
        &[("45:15", "the rto of 5s is longer than phases.recovery.deadline, 4s")],
    );
    expect(&[("from: act", "from: undo")], &[("45:39", "`crash` (process-kill) is one act")]);
    expect(
        &[
            ("    restart: { after: 300ms }\n", ""),
            (
                "playbook:\n  - name: tell\n    after: { fault: crash, is: injected }\n    http: { url: \"${env:HOOK}\" }\n",
                "",
            ),
        ],
        &[("40:8", "warning: `crash` ends the service `orders`, and nothing")],
    );
    expect(
        &[("fault: crash, from: act", "fault: crawl, from: act"), ("impact: tolerated", "impact: none")],
        &[("45:26", "`crawl` says `impact: none`")],
    );
    expect(
        &[("rto: { max: 5s, fault: crash", "rto: { max: 10s, fault: crawl"), ("    impact: tolerated\n", "")],
        &[("44:8", "warning: `crawl` is lifted after 6s, before the rto of 10s")],
    );
    expect(
        &[("rto: { max: 5s, fault: crash, from: act }", "rto: [{ max: 5s }, { max: 90s, fault: crash }]")],
        &[("45:29", "the rto of 1m30s is longer")],
    );
    expect(&[("hold: 3s", "hold: 0s")], &[("26:70", "a single good moment would count")]);
}

#[test]
fn data_objectives() {
    let ledger = RIGHT.split_inclusive('\n').skip(20).take(4).collect::<String>();
    expect(
        &[(&ledger, "")],
        &[("39:14", "there is no ledger to check"), ("42:3", "data loss is measured by a ledger")],
    );
    expect(&[("checks: [ledger, integrity]", "checks: [integrity]")], &[("47:35", "add `ledger` to its `checks`")]);
    expect(&[("{ rto: 30s, rpo: 0s }", "{}")], &[("47:14", "no objective is given")]);
    expect(
        &[("    checks: [ledger", "    at: 9s\n    checks: [ledger")],
        &[("43:9", "9s is after the end of the baseline")],
    );
    expect(
        &[("    checks: [ledger", "    source: existing\n    checks: [ledger")],
        &[("42:5", "needs the backup's `file`")],
    );
    expect(
        &[("database: \"${run_dir}/orders.db\"", "database: a, file: b")],
        &[("42:28", "`file` is for an existing backup")],
    );
    expect(
        &[("every: 20ms\n  write", "every: 3s\n  write")],
        &[("46:8", "warning: an rpo needs acknowledged writes in the last 15 s")],
    );
}

#[test]
fn phases_without_length() {
    expect(
        &[("baseline: 8s", "baseline: 0s")],
        &[("25:1", "the baseline, which lasts 0s"), ("49:5", "the phase `baseline` lasts 0s")],
    );
}

#[test]
fn quantiles_need_samples() {
    let only_steady = ("  - { name: shoppers, profile: shoppers.yaml, base_url: \"http://127.0.0.1:18081\" }\n", "");
    expect(&[only_steady], &[]);
    expect(
        &[only_steady, ("p95: \"<", "p99.9: \"<")],
        &[("48:17", "warning: p99.9 needs 10000 samples; requests at 100/s for 8.0 s give about 800")],
    );
    expect(
        &[("crawl: { availability: \">= 99%\"", "crawl: { p99: \"< 1s\"")],
        &[("50:14", "p99 needs 1000 samples; requests at 100/s for 6.0 s give about 600")],
    );
}

#[test]
fn closed_models_do_not_measure_recovery() {
    expect(&[("[checkout, steady]", "[checkout, shoppers]")], &[("20:40", "`shoppers` is a closed model")]);
    let problems = found(&[
        ("  - { name: steady, profile: steady.yaml, base_url: \"http://127.0.0.1:18081\" }\n", ""),
        (
            "probes:\n  - name: checkout\n    http: { url: \"http://127.0.0.1:18081/ready\", status: 200 }\n    every: 20ms\n    timeout: 200ms\n",
            "",
        ),
        ("[checkout, steady]", "[shoppers]"),
        (", checkout.ok", ""),
    ]);
    assert_eq!(problems.len(), 2, "{problems:#?}");
    assert!(problems[1].starts_with("44:5: judged on open-model streams and probes"), "{problems:#?}");
}

#[test]
fn probes_that_see_too_late() {
    expect(&[("timeout: 200ms", "timeout: 3s")], &[("19:14", "warning: a hang is seen no sooner than after 3s")]);
    expect(&[("timeout: 200ms", "timeout: 10s")], &[("19:14", "warning: up to 500 looks would wait at once")]);
    expect(&[("every: 20ms\n    timeout", "every: 1s\n    timeout")], &[("18:12", "warning: one look every 1s")]);
    expect(&[("every: 20ms\n    timeout", "every: 0s\n    timeout")], &[("18:12", "needs a time between two looks")]);
    expect(
        &[("\"<= 400ms\" }", "\">= 400ms\", min: 0 }")],
        &[("20:58", "calls the bad good"), ("20:75", "without a single observation")],
    );
    expect(&[("latency: \"<= 400ms\"", "error_rate: 5")], &[("20:61", "has no comparison")]);
}

#[test]
fn ledger_entries_are_numbered() {
    expect(&[("orders/${id}", "orders")], &[("23:12", "neither `url` nor `body` holds `${id}`")]);
    expect(&[("/ready\", status", "/${id}\", status")], &[("17:18", "has no value here")]);
    expect(&[("/ready\", status", "/$${id}\", status")], &[]);
}

#[test]
fn addresses_collide() {
    expect(
        &[("listen: 127.0.0.1:18081", "listen: 127.0.0.1:18080")],
        &[("8:20", "port 18080 is taken by the service `orders` (line 4)"), ("8:47", "pass on to itself")],
    );
    let second = "upstream: 127.0.0.1:18080 }\n  back: { listen: \"0.0.0.0:18081\", upstream: x:1 }";
    // Named in the order of names: `back` comes before `front`.
    expect(&[("upstream: 127.0.0.1:18080 }", second)], &[("8:20", "taken by the proxy `back` (line 9)")]);
    expect(&[("upstream: 127.0.0.1:18080", "upstream: 18080")], &[("8:47", "`18080` is not an address")]);
    expect(
        &[("\"http://127.0.0.1:18081/ready\"", "127.0.0.1:18081/ready")],
        &[("17:18", "not an absolute HTTP address")],
    );
}

#[test]
fn guards() {
    expect(
        &[("stop_when: [\"error_rate > 95% for 30s\"], ", "environment: production, ")],
        &[("51:23", "production needs a guard on real traffic")],
    );
    expect(&[("\"error_rate > 95% for 30s\"", "checkout.ok")], &[("51:22", "stopped as soon as `checkout` is good")]);
    expect(&[("max_targets: 1", "max_targets: 0")], &[("30:29", "guard.max_targets is 0")]);
    expect(
        &[(", restarted_by: systemd", ""), ("{ target: app }", "{ target: other }")],
        &[("30:29", "killing `other` cannot be taken back")],
    );
    expect(
        &[
            (", restarted_by: systemd", ""),
            ("{ target: app }", "{ target: other }"),
            ("max_targets: 1", "allow_irreversible: true"),
        ],
        &[],
    );
}

#[test]
fn every_problem_is_within_the_file() {
    let (scenario, source) =
        load::<Scenario>(Path::new("a.yaml"), "name: x\nobjectives: { rto: { max: 5s } }\n", &[]).unwrap();
    let problems = source.problems(lint(&scenario, &Profiles::new(), &source));
    assert_eq!(problems.len(), 2);
    assert!(problems.iter().all(|p| p.severity == Severity::Error && p.span.line == 2), "{problems}");
}

#[test]
fn limits_of_guards() {
    let with = |guard: &'static str| [("max_targets: 1", guard)];
    expect(&with("keep_ready: { nobody: 1 }"), &[("51:65", "there is no target `nobody`")]);
    expect(&with("keep_ready: { other: 1 }, kill_file: stop, freeze_file: a.ics"), &[]);
    expect(&with("allow: {}"), &[("51:58", "it names nothing")]);
    expect(&with("kill_file: ' '"), &[("51:62", "it names no file")]);
    expect(&with("freeze: [{ from: 2026-12-20, to: 2026-12-24, reason: x }]"), &[("51:68", "needs `zone`")]);
}
