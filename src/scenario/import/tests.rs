use std::path::PathBuf;

use proptest::prelude::*;

use super::*;
use crate::scenario::profile::Severity;

fn options(name: &str) -> Options {
    Options { name: name.parse().unwrap(), format: None, host: None, assets: false, per_page: false, writes: false }
}

fn samples() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src/scenario/import/samples")
}

fn import_text(text: &str, options: &Options) -> Result<Imported, ImportError> {
    import(&Input { file: "input", text, read: &|_| Ok(b"body".to_vec()) }, options)
}

/// The profile made from a sample. That `check` accepts it is a promise of `import` itself.
fn sample(file: &str, options: &Options) -> Imported {
    let text = std::fs::read_to_string(samples().join(file)).unwrap();
    let read = |body: &str| std::fs::read(samples().join(body));
    let imported = import(&Input { file, text: &text, read: &read }, options).unwrap();
    assert!(imported.profile.problems().iter().all(|problem| problem.severity != Severity::Error));
    for secret in [
        "hunter2",
        "k-123",
        "not-for-the-repository",
        "5e55-10n",
        "9f8e7d6c5b4a",
        "c5rf-70k3n",
        "eyJ",
        "4111111111111111",
        "GA1.2.3",
    ] {
        assert!(!imported.text.contains(secret), "{secret} in {}", imported.text);
        assert!(!format!("{:?}", imported.notes).contains(secret), "{secret} in {:?}", imported.notes);
    }
    imported
}

#[test]
fn vegeta_targets() {
    let imported = sample("orders.targets", &options("orders"));
    assert_eq!(imported.base_url.as_deref(), Some("http://127.0.0.1:18080"));
    insta::assert_snapshot!(imported.text);
}

#[test]
fn vegeta_targets_as_json() {
    insta::assert_snapshot!(sample("orders.jsonl", &options("orders")).text);
}

#[test]
fn a_recording_of_a_shop() {
    let imported = sample("shop.har", &options("shop"));
    assert_eq!(imported.base_url.as_deref(), Some("https://shop.example"));
    insta::assert_snapshot!(imported.text);
}

#[test]
fn a_recording_page_by_page_with_its_assets() {
    let imported = sample("shop.har", &Options { assets: true, per_page: true, ..options("shop") });
    let journeys: Vec<_> = imported.profile.journeys.iter().map(|j| (j.name.as_str(), j.steps.len())).collect();
    assert_eq!(journeys, [("shop", 6), ("Teapot - the Shop", 3), ("Your account", 5)]);
    let other = sample("shop.har", &Options { host: Some("metrics.ads.example".into()), ..options("shop") });
    assert_eq!(other.base_url.as_deref(), Some("https://metrics.ads.example"));
    assert_eq!(other.profile.journeys[0].steps.len(), 1);
}

#[test]
fn an_openapi_document() {
    let imported = sample("petstore.yaml", &options("petstore"));
    assert_eq!(imported.base_url.as_deref(), Some("https://eu.pets.example"));
    assert!(imported.profile.requests.iter().all(|request| request.method.as_str() == "GET"));
    insta::assert_snapshot!(imported.text);
}

#[test]
fn what_is_written_as_a_comment_is_what_include_writes_sends() {
    let asleep = sample("petstore.yaml", &options("petstore"));
    let (before, after) = asleep.text.split_once("Take `# ` away from a request to send it, too:\n").unwrap();
    let woken: String = after.lines().map(|line| format!("  {}\n", line.strip_prefix("  # ").unwrap())).collect();
    let (woken, _) = bundle::profile_text(Path::new("woken"), &format!("{before}\n{woken}")).unwrap();
    let awake = sample("petstore.yaml", &Options { writes: true, ..options("petstore") });
    let sorted = |profile: &Profile| {
        let mut requests = profile.requests.clone();
        requests.sort_by(|a, b| a.name.cmp(&b.name));
        requests
    };
    assert_eq!(sorted(&woken), sorted(&awake.profile));
    assert!(woken.requests.len() > asleep.profile.requests.len());
}

#[test]
fn openapi_as_json_without_a_host() {
    let imported = sample("orders-api.json", &Options { writes: true, ..options("orders-api") });
    assert_eq!(imported.base_url, None);
    insta::assert_snapshot!(imported.text);
}

#[test]
fn malformed_input_is_refused_with_its_place_and_without_its_values() {
    type Place = Option<(usize, usize)>;
    let cases: [(&str, Place, &str); 17] = [
        ("", None, "empty"),
        ("hello", None, "neither"),
        ("GET http://x/\nAccept json\n", Some((2, 1)), "neither a header nor a body"),
        ("GET http://x/\n\nFETCH http://x/\n", Some((3, 1)), "no target begins like this"),
        ("# a\nGET /relative\n", Some((2, 1)), "not absolute"),
        ("GET http://x/\nBad Name: x\n", Some((1, 1)), "is not a header"),
        ("{\"method\": \"GET\", \"url\": \"http://x/\"}\n{\"method\": 1}", Some((2, 12)), "invalid type"),
        ("\n\n{\"method\": \"GET\", \"url\": \"http://x/\", \"body\": \"s3cret!\"}", Some((3, 1)), "not base64"),
        ("{\"log\": {\"entries\": [{\"startedDateTime\": \"s3cret\"", Some((1, 49)), "EOF"),
        ("{\"log\": {\"version\": \"1.2\"}}", Some((1, 26)), "missing field `entries`"),
        ("{\"log\": {\"entries\": \"s3cret\"}}", Some((1, 28)), "expected a sequence"),
        ("{\"log\": {\"entries\": []}}", None, "no request"),
        ("{\"openapi\": \"3.0.0\"}", None, "no `paths`"),
        ("openapi: 3.0.0\npaths: {}\n", None, "no operation"),
        ("openapi: 2.9\npaths: {}\n", None, "no `openapi`"),
        ("swagger: '2.0'\n", None, "Swagger 2"),
        ("openapi: 3.0.0\npaths:\n\t/a: {}\n", Some((3, 2)), "tab"),
    ];
    for (text, place, message) in cases {
        let error = import_text(text, &options("x")).unwrap_err();
        assert!(error.to_string().contains(message), "{text}: {error}");
        assert_eq!(error.place, place, "{text}: {error}");
        assert!(!error.to_string().contains("s3cret") && !error.hint.is_empty(), "{text}: {error}");
    }
    let entry = r#"{"log": {"entries": [{"startedDateTime": "yesterday", "request": {"method": "GET", "url": "http://x/"},
                   "response": {"status": 200}}]}}"#;
    let error = import_text(entry, &options("x")).unwrap_err();
    assert!(error.message.starts_with("log.entries[0].startedDateTime"), "{error}");
}

#[test]
fn a_format_can_be_forced() {
    let error = import_text("{\"log\": 1}", &Options { format: Some(Format::Openapi), ..options("x") }).unwrap_err();
    assert!(error.message.contains("no `openapi`"), "{error}");
}

#[test]
fn a_profile_stays_within_its_limits() {
    let many: String = (0..3000).map(|n| format!("GET http://x/a{n}b/c?{n}\n")).collect();
    let imported = import_text(&many, &options("x")).unwrap();
    assert_eq!(imported.profile.requests.len(), MOST_REQUESTS);
    assert!(imported.notes.all_left_out().next().unwrap().starts_with("2500 × target beyond the first 500"));
    let large: String = (0..100).map(|n| format!("POST http://x/{n}\n@body\n\n")).collect();
    let body = vec![b'x'; MOST_BODY];
    let input = Input { file: "large", text: &large, read: &|_| Ok(body.clone()) };
    let error = import(&input, &options("x")).unwrap_err();
    assert!(error.message.contains("1 MiB is the most"), "{error}");
    let beyond = vec![b'x'; MOST_BODY + 1];
    let input = Input { file: "large", text: &large, read: &|_| Ok(beyond.clone()) };
    assert!(import(&input, &options("x")).unwrap_err().hint.contains("over 64 KiB"));
}

#[test]
fn references_in_a_circle_and_schemas_without_end_are_guarded() {
    let document = |schema: &str| {
        format!(
            "openapi: 3.1.0\npaths:\n  /a:\n    post:\n      requestBody:\n        required: true\n        content:\n          \
             application/json: {{schema: {{$ref: '#/s/a'}}}}\ns:\n  a: {schema}\n"
        )
    };
    let writes = Options { writes: true, ..options("x") };
    let body =
        |schema: &str| import_text(&document(schema), &writes).map(|i| i.profile.requests[0].body.clone().unwrap());
    assert!(body("{$ref: '#/s/a'}").unwrap_err().hint.contains("in a circle"));
    assert_eq!(body("{properties: {next: {$ref: '#/s/a'}, n: {type: integer}}}").unwrap(), r#"{"n":1}"#);
    assert_eq!(body("{required: [next], properties: {next: {$ref: '#/s/a'}}}").unwrap(), r#"{"next":null}"#);
    assert_eq!(body("{allOf: [{$ref: '#/s/a'}]}").unwrap(), "null");
    let wide = (0..9).fold("{type: string}".to_owned(), |inner, n| {
        format!("{{properties: {{a{n}: {inner}, b{n}: {inner}, c{n}: {inner}}}}}")
    });
    assert!(body(&wide).unwrap_err().hint.contains("more than 2000 values"));
}

/// A target as a person would have it in a list.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Target {
    method: String,
    path: String,
    headers: BTreeMap<String, String>,
    body: String,
}

use std::collections::BTreeMap;

fn target() -> impl Strategy<Value = Target> {
    let header = ("(x-[a-z]{1,6}|accept|content-type|host)", "[!-~]([ -~]{0,20}[!-~])?");
    (
        "(GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS)",
        "(/[a-zA-Z0-9._~!$&'()*+,;=:@%-]{0,12}){1,4}(\\?[a-z0-9]{0,5}=[a-z0-9$/?:@]{0,8})?",
        proptest::collection::btree_map(header.0, header.1, 0..4),
        "([ -~\\n\u{e0}-\u{17f}]|\\$\\{seq\\}|\\$){0,40}",
    )
        .prop_map(|(method, path, headers, body)| Target { method, path, headers, body })
        // Neither names nor values that would be hidden.
        .prop_filter("no secrets", |target| {
            let words = format!("{:?} {} {}", target.headers, target.path, target.body).to_lowercase();
            !["key", "pin", "sig", "sid", "otp", "iban", "pass", "pwd", "cvc", "cvv", "auth", "token", "jwt"]
                .iter()
                .any(|word| words.contains(word))
        })
}

/// As vegeta's http format, bodies in files named after their places.
fn as_http(targets: &[Target]) -> String {
    let each = targets.iter().enumerate().map(|(nth, target)| {
        let headers: String = target.headers.iter().map(|(name, value)| format!("{name}: {value}\n")).collect();
        let body = if target.body.is_empty() { String::new() } else { format!("@{nth}\n") };
        format!("{} http://host{}\n{headers}{body}\n# a comment\n", target.method, target.path)
    });
    each.collect()
}

fn as_json(targets: &[Target]) -> String {
    use base64::Engine;
    let each = targets.iter().map(|target| {
        let header: BTreeMap<_, _> = target.headers.iter().map(|(name, value)| (name, [value])).collect();
        let body = base64::engine::general_purpose::STANDARD.encode(&target.body);
        let url = format!("http://host{}", target.path);
        serde_json::json!({ "method": target.method, "url": url, "header": header, "body": body }).to_string() + "\n"
    });
    each.collect()
}

/// What would be sent, each request as often as its weight says.
fn sent(profile: &Profile) -> Vec<Target> {
    let text = |template: &str| {
        let template: crate::scenario::profile::Template = template.parse().unwrap();
        template.literals().collect::<String>()
    };
    let targets = profile.requests.iter().flat_map(|request| {
        let target = Target {
            method: request.method.as_str().into(),
            path: text(&request.path),
            headers: request.headers.iter().map(|(name, value)| (name.clone(), text(value))).collect(),
            body: request.body.as_deref().map(text).unwrap_or_default(),
        };
        std::iter::repeat_n(target, request.weight as usize)
    });
    let mut targets: Vec<_> = targets.collect();
    targets.sort();
    targets
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn any_list_of_targets_comes_back_equal(targets in proptest::collection::vec(target(), 1..40)) {
        let mut wanted = targets.clone();
        wanted.sort();
        let bodies: Vec<_> = targets.iter().map(|target| target.body.clone().into_bytes()).collect();
        let read = |nth: &str| Ok(bodies[nth.parse::<usize>().unwrap()].clone());
        for text in [as_http(&targets), as_json(&targets)] {
            let imported = import(&Input { file: "list", text: &text, read: &read }, &options("list"));
            let profile = imported.unwrap().profile;
            prop_assert_eq!(sent(&profile), wanted.clone());
            prop_assert!(profile.problems().iter().all(|problem| problem.severity != Severity::Error));
        }
    }

    /// A mistake of ours would be an error that says so: whatever comes in, what is written is valid or refused.
    #[test]
    fn any_text_is_imported_or_refused(text in "(GET http://h/|[ -~\\n\u{80}-\u{a0}\u{2028}]|: |@f\\n|\\$\\{x\\}|\\{){0,60}") {
        for format in [None, Some(Format::Vegeta), Some(Format::Har), Some(Format::Openapi)] {
            if let Err(why) = import_text(&text, &Options { format, ..options("any") }) {
                prop_assert!(!why.hint.contains("bug"), "{}", why);
            }
        }
    }

    #[test]
    fn any_recording_is_imported_or_refused(
        entries in proptest::collection::vec(("[A-Za-z]{3,7}|GET|POST", "\\PC{0,30}", "\\PC{0,12}", "\\PC{0,40}", 0u16..700, 0u32..99), 1..12),
        title in "\\PC{0,80}",
    ) {
        let entries: Vec<_> = entries.into_iter().map(|(method, path, header, body, status, second)| serde_json::json!({
            "pageref": format!("p{}", second % 3),
            "startedDateTime": format!("2026-01-01T00:{:02}:00Z", second % 60), "time": 3.5,
            "request": { "method": method, "url": format!("http://h/{path}"), "headers": [{ "name": header, "value": body },
                { "name": "x-a", "value": body }], "postData": { "mimeType": "", "text": body } },
            "response": { "status": status, "content": { "mimeType": "text/html" } },
        })).collect();
        let pages = [serde_json::json!({ "id": "p0", "title": title })];
        let text = serde_json::json!({ "log": { "pages": pages, "entries": entries } }).to_string();
        for per_page in [false, true] {
            if let Err(why) = import_text(&text, &Options { per_page, ..options("any") }) {
                prop_assert!(!why.hint.contains("bug"), "{}", why);
            }
        }
    }

    #[test]
    fn any_document_is_imported_or_refused(
        paths in proptest::collection::vec(("\\PC{0,20}", "\\PC{0,8}", "\\PC{0,12}", "(query|path|header|cookie)", "\\PC{0,60}"), 1..80),
    ) {
        let paths: serde_json::Map<_, _> = paths.into_iter().map(|(path, name, example, place, id)| (
            format!("/{path}/{{{name}}}"),
            serde_json::json!({ "get": { "operationId": id, "parameters": [
                { "name": name, "in": place, "required": true, "schema": { "type": "string", "example": example } },
                { "name": "x", "in": "header", "required": true, "example": example },
            ] } }),
        )).collect();
        let text = serde_json::json!({ "openapi": "3.1.0", "info": { "title": "t" }, "paths": paths }).to_string();
        if let Err(why) = import_text(&text, &options("any")) {
            prop_assert!(!why.hint.contains("bug"), "{}", why);
        }
    }
}
