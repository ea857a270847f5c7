//! Bad profiles: `check` says what is wrong, where, and with which numbers, before anything is sent.

use std::process::Output;

const GOOD: &str = "
simulacro_profile: 1
name: steady
constant_arrival_rate: { rate: 200 }
timeout: 10s
requests:
  - { name: list, path: /orders }
";

fn check(profile: &str) -> (Option<i32>, String) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("steady.yaml");
    std::fs::write(&file, profile).unwrap();
    let checked = std::process::Command::new(env!("CARGO_BIN_EXE_simulacro"))
        .env("NO_COLOR", "1")
        .env("COLUMNS", "1000")
        .args(["check", file.to_str().unwrap()])
        .output()
        .unwrap();
    let Output { status, stdout, stderr } = checked;
    (status.code(), String::from_utf8_lossy(&stdout).into_owned() + &String::from_utf8_lossy(&stderr))
}

/// Line ends of a wrapped message are no difference.
fn assert_says((code, text): (Option<i32>, String), exit: i32, words: &[&str]) {
    assert_eq!(code, Some(exit), "{text}");
    let flat = text.split_whitespace().filter(|word| *word != "│").collect::<Vec<_>>().join(" ");
    for word in words {
        assert!(flat.contains(word), "`{word}` is missing in: {text}");
    }
}

#[test]
fn a_good_profile_has_no_problem() {
    assert_says(check(GOOD), 0, &["no problem"]);
}

#[test]
fn a_cap_that_closes_the_model_is_warned_of_with_the_arithmetic() {
    // 100 senders at 200/s are all waiting after 100 / 200 = 0.5 s; to wait for 10 s takes 200 × 10 = 2000.
    let capped = GOOD.replace("rate: 200", "rate: 200, max_senders: 100");
    let words = ["100 senders hold 0.5 s of a hanging target at 200/s", "a timeout of 10s needs 2000", "dropped"];
    assert_says(check(&capped), 0, &words);
}

#[test]
fn a_template_that_names_an_unknown_value_is_an_error_with_its_line() {
    let unknown = GOOD.replace("path: /orders", "path: '/orders/${order}'");
    assert_says(check(&unknown), 2, &["${order}", "is not known here", "steady.yaml:7"]);
}
