//! The profile as commented YAML, as a person would write it: what has its default is not written, short maps stand on
//! one line. Any value is written, so that new keys of profiles need no change here.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::build::Built;
use super::draft::{Draft, Found, Traffic};
use super::notes::plain;
use super::{ImportError, Notes, mistake};
use crate::model::HumanDuration;
use crate::scenario::profile::{Profile, Request};

/// Columns of a line with a comment or a map.
const WIDTH: usize = 110;

/// Keys in the order in which people read them; others follow.
const ORDER: [&str; 16] = [
    "simulacro_profile",
    "name",
    "title",
    "constant_arrival_rate",
    "constant_vus",
    "timeout",
    "wait_time",
    "min",
    "max",
    "method",
    "path",
    "headers",
    "body",
    "expect",
    "weight",
    "steps",
];

/// Writes the profile.
///
/// # Errors
/// When a type cannot be written as JSON, which is a bug.
pub(super) fn emit(file: &str, found: &Found, built: &Built, notes: &Notes) -> Result<String, ImportError> {
    let plain_request = defaults::<Request>(json!({ "name": "x", "path": "/" }))?;
    let plain_profile = defaults::<Profile>(json!({ "simulacro_profile": 1, "name": "x" }))?;
    let mut out = String::new();
    head(&mut out, file, found, notes);
    let profile = without_defaults(value(&built.profile)?, &plain_profile);
    let groups = ["requests", "journeys"];
    for (key, value) in sorted(&profile) {
        if !groups.contains(&key) {
            if key.starts_with("constant") {
                out.push('\n');
                comment(&mut out, "", &executor_comment(&found.traffic));
            }
            entry(&mut out, 0, key, value);
        }
    }
    match &found.traffic {
        Traffic::Requests(drafts) => {
            out.push_str("\nrequests:                         # picked by weight, with the seed of the run\n");
            requests(&mut out, 2, &built.profile.requests, drafts, &plain_request)?;
        }
        Traffic::Walks(walks) => {
            out.push_str("\njourneys:\n");
            for (journey, walk) in built.profile.journeys.iter().zip(walks) {
                walk.remarks.iter().for_each(|remark| comment(&mut out, "  ", remark));
                let mut map = without_defaults(value(journey)?, &json!({ "weight": 1 }));
                map.remove("steps");
                item(&mut out, 2, &map);
                out.push_str("    steps:\n");
                requests(&mut out, 6, &journey.steps, &walk.steps, &plain_request)?;
            }
        }
    }
    if !built.asleep.is_empty() {
        out.push('\n');
        comment(&mut out, "  ", "What writes is not sent. Take `# ` away from a request to send it, too:");
        let mut asleep = String::new();
        requests(&mut asleep, 2, &built.asleep, &found.asleep, &plain_request)?;
        asleep.lines().for_each(|line| out.push_str(&format!("  # {}\n", line.strip_prefix("  ").unwrap_or(line))));
    }
    Ok(out)
}

/// Where it comes from, what is to be known before it is run.
fn head(out: &mut String, file: &str, found: &Found, notes: &Notes) {
    comment(
        out,
        "",
        &format!(
            "Made from {}, {}, by `simulacro init --from`. Every key: `simulacro schema profile`.",
            plain(file),
            plain(&found.what)
        ),
    );
    match &found.base_url {
        Some(url) => comment(out, "", &format!("A profile has paths only; the base URL was {}", plain(url))),
        None => comment(out, "", "A profile has paths only, and the document names no host: say it as `base_url`."),
    }
    let mut part = |title: &str, lines: Vec<String>| {
        if !lines.is_empty() {
            out.push_str("#\n");
            comment(out, "", title);
            lines.iter().for_each(|line| comment(out, "  ", &format!("- {line}")));
        }
    };
    let secrets = notes.all_secrets().map(|(name, place)| format!("{name}: {place}"));
    part("Secrets are not copied. Set these variables for a run:", secrets.collect());
    part("Look at this:", notes.all_changed().map(str::to_owned).collect());
    part("Left out:", notes.all_left_out().collect());
}

fn executor_comment(traffic: &Traffic) -> String {
    let end = "add `duration: 5m` to end by itself";
    match traffic {
        Traffic::Requests(_) => format!("Open model: requests start at this rate, whatever the target does; {end}."),
        Traffic::Walks(_) => format!("Closed model: users wait for their answers, and then think; {end}."),
    }
}

fn requests(
    out: &mut String,
    indent: usize,
    all: &[Request],
    drafts: &[Draft],
    plain: &Value,
) -> Result<(), ImportError> {
    for (request, draft) in all.iter().zip(drafts) {
        draft.remarks.iter().for_each(|remark| comment(out, &" ".repeat(indent), remark));
        item(out, indent, &without_defaults(value(request)?, plain));
    }
    Ok(())
}

/// What a value has when nothing but `least` is said, without `least` itself.
fn defaults<T: DeserializeOwned + Serialize>(least: Value) -> Result<Value, ImportError> {
    let read: T = serde_json::from_value(least.clone()).map_err(|why| mistake(&why.to_string()))?;
    let mut all = value(&read)?;
    if let (Value::Object(all), Value::Object(least)) = (&mut all, least) {
        all.retain(|key, _| !least.contains_key(key));
    }
    Ok(all)
}

fn value(of: &impl Serialize) -> Result<Value, ImportError> {
    serde_json::to_value(of).map_err(|why| mistake(&why.to_string()))
}

/// The entries that differ from `plain`.
fn without_defaults(value: Value, plain: &Value) -> Map<String, Value> {
    let Value::Object(map) = value else { return Map::new() };
    map.into_iter().filter(|(key, value)| plain.get(key) != Some(value)).collect()
}

fn sorted(map: &Map<String, Value>) -> Vec<(&str, &Value)> {
    let mut all: Vec<_> = map.iter().map(|(key, value)| (key.as_str(), value)).collect();
    all.sort_by_key(|(key, _)| ORDER.iter().position(|known| known == key).unwrap_or(ORDER.len()));
    all
}

/// An element of a list that is a map: on one line, when it fits.
fn item(out: &mut String, indent: usize, map: &Map<String, Value>) {
    let short = flow(&Value::Object(map.clone()));
    let one_line = map.len() <= 3 && !map.contains_key("wait_time");
    if one_line && indent + 2 + short.chars().count() <= WIDTH && !map.contains_key("body") {
        out.push_str(&format!("{}- {short}\n", " ".repeat(indent)));
        return;
    }
    let mut block = String::new();
    sorted(map).into_iter().for_each(|(key, value)| entry(&mut block, indent + 2, key, value));
    out.push_str(&format!("{}- {}", " ".repeat(indent), block.trim_start_matches(' ')));
}

/// `key: value`, lists and maps below it when they are too long for its line.
fn entry(out: &mut String, indent: usize, key: &str, value: &Value) {
    let margin = " ".repeat(indent);
    let key = scalar(key);
    if let Value::String(text) = value
        && let Some(block) = literal_block(text, indent + 2)
    {
        out.push_str(&format!("{margin}{key}: {block}"));
        return;
    }
    let short = flow(value);
    let nested = match value {
        Value::Object(map) => !map.is_empty(),
        Value::Array(items) => !items.is_empty(),
        _ => false,
    };
    if !nested || margin.len() + key.len() + 2 + short.chars().count() <= WIDTH {
        out.push_str(&format!("{margin}{key}: {short}\n"));
        return;
    }
    out.push_str(&format!("{margin}{key}:\n"));
    match value {
        Value::Object(map) => sorted(map).into_iter().for_each(|(key, value)| entry(out, indent + 2, key, value)),
        Value::Array(items) => {
            items.iter().for_each(|item| out.push_str(&format!("{margin}  - {}\n", flow(item))));
        }
        _ => {}
    }
}

/// A value on one line.
fn flow(value: &Value) -> String {
    match value {
        Value::String(text) => scalar(text),
        Value::Array(items) => format!("[{}]", items.iter().map(flow).collect::<Vec<_>>().join(", ")),
        Value::Object(map) if map.is_empty() => "{}".into(),
        Value::Object(map) => {
            let entries = sorted(map).into_iter().map(|(key, value)| format!("{}: {}", scalar(key), flow(value)));
            format!("{{ {} }}", entries.collect::<Vec<_>>().join(", "))
        }
        other => other.to_string(),
    }
}

/// Text as a YAML scalar: bare where nobody could read it otherwise, else in quotes.
fn scalar(text: &str) -> String {
    const WORDS: [&str; 10] = ["true", "false", "null", "yes", "no", "on", "off", "y", "n", "nan"];
    let letters = |c: char| c.is_ascii_alphanumeric() || "-_./ ?=&%;+".contains(c);
    let starts = |c: char| c.is_ascii_alphabetic() || c == '/';
    let bare = text.starts_with(starts) && text.chars().all(letters) && !text.ends_with(' ');
    if (bare && !WORDS.iter().any(|word| text.eq_ignore_ascii_case(word))) || is_duration(text) {
        return text.to_owned();
    }
    let harmless = |c: char| (' '..='~').contains(&c) || (c.is_alphanumeric() && !c.is_control());
    if text.contains(['"', '\\']) && text.chars().all(harmless) {
        return format!("'{}'", text.replace('\'', "''"));
    }
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            c if harmless(c) => quoted.push(c),
            c if (c as u32) <= 0xffff => quoted.push_str(&format!("\\u{:04X}", c as u32)),
            c => quoted.push_str(&format!("\\U{:08X}", c as u32)),
        }
    }
    quoted.push('"');
    quoted
}

/// `250ms`: begins with a digit, and is no number all the same.
fn is_duration(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_digit())
        && text.ends_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_digit() || "hmsun".contains(c))
        && text.parse::<HumanDuration>().is_ok()
}

/// Text of several lines as a `|` block, where that says exactly the same.
fn literal_block(text: &str, indent: usize) -> Option<String> {
    let body = text.strip_suffix('\n').unwrap_or(text);
    let printable = |c: char| (' '..='~').contains(&c) || (c.is_alphanumeric() && !c.is_control());
    let clear = |line: &str| !line.is_empty() && !line.ends_with(' ') && line.chars().all(printable);
    let fits = body.contains('\n') && !body.starts_with(' ') && body.split('\n').all(clear);
    fits.then(|| {
        let mark = if body.len() < text.len() { "|" } else { "|-" };
        let margin = " ".repeat(indent);
        let lines: String = body.split('\n').map(|line| format!("{margin}{line}\n")).collect();
        format!("{mark}\n{lines}")
    })
}

/// A comment, broken into lines.
fn comment(out: &mut String, margin: &str, text: &str) {
    // A point of a list goes on below its text.
    let hang = if text.starts_with("- ") { "  " } else { "" };
    let (before, margin) = if hang.is_empty() { (margin, "") } else { ("", margin) };
    let start = format!("{before}#{margin}");
    let mut line = start.clone();
    for word in text.split_whitespace() {
        if line.chars().count() + 1 + word.chars().count() > WIDTH && line.len() > start.len() {
            out.push_str(line.trim_end());
            out.push('\n');
            line = format!("{start}{hang}");
        }
        line.push(' ');
        line.push_str(word);
    }
    out.push_str(&line);
    out.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &str) -> Value {
        let (root, flaws) = crate::scenario::yaml::parse(text).unwrap_or_else(|flaw| panic!("{flaw:?}\n{text}"));
        assert_eq!(flaws, []);
        json!(root.get("key").and_then(|node| node.scalar_text()))
    }

    proptest! {
        #[test]
        fn any_text_reads_back_as_it_was(text in "(\\PC|[\u{0}-\u{20}\u{80}-\u{a0}\u{2028}\u{feff}'\"\\\\${}#:|>-]|true|1e5|0x1f|5s|\n){0,24}") {
            let mut out = String::new();
            entry(&mut out, 0, "key", &json!(text));
            prop_assert_eq!(read(&out), json!(text), "{}", out);
            let mut flowing = String::new();
            item(&mut flowing, 2, json!({ "key": text }).as_object().unwrap());
            let (root, _) = crate::scenario::yaml::parse(&flowing).unwrap();
            let one = root.children().next().unwrap();
            prop_assert_eq!(one.get("key").and_then(|node| node.scalar_text()), Some(text.as_str()), "{}", flowing);
        }
    }

    #[test]
    fn texts_look_as_people_write_them() {
        for (text, written) in [
            ("/orders?limit=20", "/orders?limit=20"),
            ("GET orders id", "GET orders id"),
            ("250ms", "250ms"),
            ("true", "\"true\""),
            ("200", "\"200\""),
            (r#"{"n": 1}"#, r#"'{"n": 1}'"#),
            ("/orders/${seq}", "\"/orders/${seq}\""),
            ("a\u{2028}b", "\"a\\u2028b\""),
        ] {
            assert_eq!(scalar(text), written);
        }
    }

    #[test]
    fn comments_cannot_end_early_and_are_broken_into_lines() {
        let mut out = String::new();
        comment(&mut out, "  ", &format!("- {}", "word ".repeat(40)));
        assert!(out.lines().count() == 2 && out.lines().all(|line| line.starts_with("#   ")), "{out}");
    }
}
