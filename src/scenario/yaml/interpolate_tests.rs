use super::*;

fn filled(text: &str, overrides: &[(&str, &str)]) -> (Node, Vec<(usize, usize, String, String)>) {
    let (mut root, flaws) = parse(text).unwrap();
    assert_eq!(flaws, []);
    let overrides: Vec<_> = overrides.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
    let flaws = interpolate(&mut root, text, &overrides);
    let flaws =
        flaws.into_iter().map(|f| (f.span.line, f.span.column, f.message, f.hint.unwrap_or_default())).collect();
    (root, flaws)
}

fn value(text: &str, overrides: &[(&str, &str)]) -> Value {
    let (root, flaws) = filled(text, overrides);
    assert_eq!(flaws, [], "{text}");
    root.get("it").unwrap().value.clone()
}

#[test]
fn one_variable_alone_keeps_its_type_and_text_is_joined() {
    let number = |n| Value::Number(Number::Unsigned(n), n.to_string());
    assert_eq!(value("vars: {rate: 50}\nit: ${rate}\n", &[]), number(50));
    assert_eq!(value("vars: {rate: 50}\nit: '${rate}/s'\n", &[]), Value::Text("50/s".into()));
    assert_eq!(value("vars: {rate: 50}\nit: ${rate}\n", &[("rate", "7")]), number(7));
    assert_eq!(value("vars: {rate: 50}\nit: ${rate}\n", &[("rate", "'7'")]), Value::Text("7".into()));
    assert_eq!(value("vars: {on: true}\nit: ${on}\n", &[]), Value::Bool(true));
    assert_eq!(value("vars: {a: x}\nit: ${a}\n", &[("a", "b: c")]), Value::Text("b: c".into()));
    assert_eq!(value("vars: {a: x}\nit: ${a}\n", &[("a", "")]), Value::Text("".into()));
}

#[test]
fn variables_refer_to_variables_in_any_order() {
    let text = "vars: {z: '${host}:${port}', host: here, port: 80}\nit: http://${z}/\n";
    assert_eq!(value(text, &[]), Value::Text("http://here:80/".into()));
    assert_eq!(value(text, &[("host", "${port}x")]), Value::Text("http://80x:80/".into()));
}

#[test]
fn references_and_escapes_stay() {
    let text = "vars: {a: '${run_dir}/x'}\nit: '${a} ${env:TOKEN} $${a} $${id} $a {}'\n";
    assert_eq!(value(text, &[]), Value::Text("${run_dir}/x ${env:TOKEN} ${a} $${id} $a {}".into()));
    assert_eq!(value("it: ${seed}\n", &[]), Value::Text("${seed}".into()));
}

#[test]
fn circles_are_named_once_and_at_their_line() {
    let (root, flaws) = filled("vars:\n  a: ${b}\n  b: x${c}\n  c: ${a}\n  d: ${a}\nit: ${d}\n", &[]);
    assert_eq!(flaws.len(), 1, "{flaws:?}");
    assert_eq!((flaws[0].0, flaws[0].1), (2, 3));
    assert!(flaws[0].2.ends_with("a -> b -> c -> a"), "{flaws:?}");
    assert_eq!(root.get("it").unwrap().value, Value::Invalid);
    assert!(filled("vars: {a: '${a}'}\n", &[]).1[0].2.ends_with("a -> a"));
}

#[test]
fn unknown_and_broken_names_are_placed_within_their_text() {
    let text = "vars: {front: x}\nit: [\"http://${frnt}/\", '${vault:x}', 'a${']\n";
    let (_, flaws) = filled(text, &[]);
    let got: Vec<_> = flaws.iter().map(|(l, c, m, h)| format!("{l}:{c} {m} ({h})")).collect();
    assert_eq!(
        got,
        [
            "2:14 there is no variable `frnt` (did you mean `${front}`?)",
            "2:26 `${vault:x}`: the kinds of secrets are `env:NAME` and `file:PATH` (for the characters themselves \
             write `$${`)",
            "2:41 `${`: `${` without its `}` (for the characters themselves write `$${`)",
        ]
    );
    assert!(filled("it: ${token}\n", &[]).1[0].3.contains("${env:token}"));
}

#[test]
fn wrong_declarations_and_overrides_are_told() {
    let (_, flaws) = filled("vars: {id: 1, 2x: 1, rate: 5}\n${rate}: 1\n", &[("rtae", "1"), ("nothing", "1")]);
    let messages: Vec<_> = flaws.iter().map(|f| f.2.as_str()).collect();
    assert_eq!(
        messages,
        [
            "`id` has a meaning of its own and cannot be a variable",
            "`2x` cannot name a variable",
            "-V rtae: this file has no variable of that name",
            "-V nothing: this file has no variable of that name",
            "a key cannot hold `${…}`",
        ]
    );
    assert_eq!(flaws[2].3, "did you mean `rate`?");
}

#[test]
fn a_chain_without_end_is_stopped() {
    let links: String = (0..2_000).map(|i| format!("  v{i:05}: ${{v{:05}}}\n", i + 1)).collect();
    let (_, flaws) = filled(&format!("vars:\n{links}  v02000: x\nit: ${{v00000}}\n"), &[]);
    assert!(flaws[0].2.contains("more than 100 deep"), "{flaws:?}");
}

#[test]
fn text_that_doubles_itself_is_stopped() {
    let mut text = "vars:\n  v0: 0123456789\n".to_owned();
    for i in 1..60 {
        text += &format!("  v{i}: ${{v{0}}}${{v{0}}}\n", i - 1);
    }
    let (_, flaws) = filled(&text, &[]);
    assert_eq!(flaws.len(), 1, "{flaws:?}");
    assert!(flaws[0].2.contains("too much text"));
}
