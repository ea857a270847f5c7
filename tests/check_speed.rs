//! How long `check` takes on a scenario of 500 lines: the figure is printed (bar: 50 ms in a release build), and what
//! it must have found is asserted.

use std::path::Path;

use simulacro::scenario::bundle;

/// A scenario of about 500 lines; every `wrong`-th probe has an unknown key.
fn five_hundred_lines(wrong: usize) -> String {
    let mut text =
        String::from("name: long\nservices:\n  app: { command: [app] }\ntargets:\n  app: { process: app }\nprobes:\n");
    for i in 0..60 {
        let key = if wrong > 0 && i % wrong == 0 { "evrey" } else { "every" };
        text += &format!(
            "  - name: probe {i}\n    http:\n      url: http://127.0.0.1:8080/ready/{i}\n      status: 200\n    {key}: 50ms\n"
        );
    }
    text += "faults:\n";
    for i in 0..30 {
        text += &format!(
            "  - name: pause {i}\n    at: {}s\n    for: 1s\n    process-pause:\n      target: app\n    impact: tolerated\n",
            i * 2
        );
    }
    text
}

fn timed(what: &str, text: &str) -> usize {
    let before = simulacro::clock::raw_now();
    let found = bundle::open_text(Path::new("long.yaml"), text, &[]).map_or_else(|p| p.len(), |b| b.warnings.len());
    let took = simulacro::clock::raw_now() - before;
    println!("{what}: {} lines, {found} problems, {:.1} ms", text.lines().count(), took as f64 / 1e6);
    found
}

#[test]
fn a_long_scenario_is_checked_in_one_pass() {
    assert_eq!(timed("right", &five_hundred_lines(0)), 0);
    assert_eq!(timed("thirty errors", &five_hundred_lines(2)), 30);
}
