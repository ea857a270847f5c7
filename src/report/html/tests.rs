use super::*;
use crate::report::sample;

const ELEMENTS: &[&str] = &[
    "html", "head", "meta", "title", "style", "body", "header", "main", "section", "div", "p", "span", "strong", "em",
    "b", "i", "br", "h1", "h2", "h3", "ul", "li", "dl", "dt", "dd", "table", "caption", "thead", "tbody", "tr", "th",
    "td", "figure", "details", "summary", "svg", "defs", "pattern", "rect", "line", "path", "text", "circle",
];

const ATTRIBUTES: &[&str] = &[
    "lang",
    "charset",
    "name",
    "content",
    "http-equiv",
    "class",
    "style",
    "id",
    "title",
    "scope",
    "data-label",
    "role",
    "aria-label",
    "aria-hidden",
    "width",
    "height",
    "x",
    "y",
    "x1",
    "x2",
    "y1",
    "y2",
    "cx",
    "cy",
    "r",
    "d",
    "viewBox",
    "preserveAspectRatio",
    "patternUnits",
    "patternTransform",
];

/// Reads a page strictly: every element closed in order, every attribute quoted, and both from a list that can neither
/// load nor run anything.
fn check(page: &str) -> Result<usize, String> {
    let mut rest = page.strip_prefix("<!DOCTYPE html>").ok_or("no doctype")?;
    let (mut open, mut seen) = (Vec::new(), 0);
    while let Some(at) = rest.find('<') {
        let end = rest[at..].find('>').ok_or("a tag without end")? + at;
        let tag = &rest[at + 1..end];
        rest = &rest[end + 1..];
        if let Some(name) = tag.strip_prefix('/') {
            let last: Option<&str> = open.pop();
            if last != Some(name) {
                return Err(format!("</{name}> closes {last:?}"));
            }
            continue;
        }
        seen += 1;
        let name = tag.split([' ', '/']).next().unwrap_or_default();
        if !ELEMENTS.contains(&name) {
            return Err(format!("<{name}> is not among the elements of a report"));
        }
        attributes(tag[name.len()..].trim_end_matches('/'))?;
        if !tag.ends_with('/') && !matches!(name, "meta" | "br") {
            open.push(name);
        }
    }
    if open.is_empty() { Ok(seen) } else { Err(format!("left open: {open:?}")) }
}

fn attributes(mut text: &str) -> Result<(), String> {
    loop {
        text = text.trim_start();
        if text.is_empty() {
            return Ok(());
        }
        let (name, value) = text.split_once("=\"").ok_or_else(|| format!("not an attribute: {text}"))?;
        if !ATTRIBUTES.contains(&name) {
            return Err(format!("{name} is not among the attributes of a report"));
        }
        let (_, after) = value.split_once('"').ok_or_else(|| format!("{name} has no closing quote"))?;
        text = after;
    }
}

#[test]
fn pages_are_well_formed_and_hostile_texts_stay_texts() {
    for result in [sample::rich(), sample::refused(), sample::hostile(), sample::hour(), sample::load()] {
        let page = html(&result).unwrap();
        let elements = check(&page).unwrap_or_else(|why| panic!("{why}"));
        assert!(elements > 60, "{elements}");
    }
    let hostile = html(&sample::hostile()).unwrap();
    assert!(hostile.contains("alert(") && !hostile.contains("<script") && !hostile.contains("<img"));
}

#[test]
fn the_check_itself_finds_what_it_should() {
    let wrong = |body: &str| check(&format!("<!DOCTYPE html><p>{body}</p>")).unwrap_err();
    assert!(wrong("<script>1</script>").contains("script"));
    assert!(wrong("<b>").contains("closes"));
    assert!(wrong("<i onclick=\"x\"></i>").contains("onclick"));
    assert!(wrong("<i class='x'></i>").contains("not an attribute"));
    assert_eq!(check("<!DOCTYPE html><p>1 &lt; 2<br></p>"), Ok(2));
}

#[test]
fn nothing_is_loaded_from_anywhere() {
    let page = html(&sample::rich()).unwrap();
    for load in ["src=", "href=", "@import", "<link", "<script", "<iframe", "url(h", "url(/", "url(\"", "url('"] {
        assert!(!page.contains(load), "{load}");
    }
    assert!(page.contains("default-src 'none'"), "the browser is told so, too");
}

#[test]
fn outcomes_are_told_by_word_and_sign_and_colour() {
    let page = html(&sample::rich()).unwrap();
    for (class, text) in [("pass", "✓ pass"), ("inconclusive", "? inconclusive"), ("breach", "✗ breach")] {
        assert!(page.contains(&format!("class=\"{class}\"><span>{text}</span>")), "{text}");
    }
}

#[test]
fn censored_missing_and_blind_values_are_named() {
    let page = html(&sample::rich()).unwrap();
    for text in
        ["&#62; 60.000 s", "did not recover within the deadline", "too few", "nobody", "never began", "class=\"blind\""]
    {
        assert!(page.contains(text), "{text}");
    }
}

#[test]
fn an_undo_that_remains_stands_before_everything_else() {
    let mut result = sample::rich();
    result.end.remaining = vec!["pid 4711 is stopped: kill -CONT 4711".into()];
    let page = html(&result).unwrap();
    assert!(page.find("kill -CONT 4711").unwrap() < page.find("<h2>Objectives").unwrap());
}

#[test]
fn every_chart_says_what_it_shows_and_has_its_numbers_as_a_table() {
    let page = html(&sample::rich()).unwrap();
    let count = |text: &str| page.matches(text).count();
    assert_eq!(count("class=\"panel\""), 6, "two for each of three streams");
    assert_eq!(count("role=\"img\" aria-label"), 7, "and the timeline");
    assert_eq!(count("<summary>The numbers of"), 3);
}

#[test]
fn a_load_alone_speaks_of_no_faults_and_outages() {
    let page = html(&sample::load()).unwrap();
    for word in ["fault", "outage", "RTO", "drill", "Undo", "baseline", "warmup"] {
        let text = page.split_once("</style>").unwrap().1;
        let text = text.replace("phase fault", "").replace("<i class=\"fault\">", "");
        assert!(!text.contains(word), "{word}: {}", &text[text.find(word).unwrap().saturating_sub(80)..][..160]);
    }
    let words = ["Latency by stage", "peak", "400/s held", "burn", "service p99", "under way", "30 days", "Apdex"];
    for word in words {
        assert!(page.contains(word), "{word}");
    }
}

#[test]
fn the_report_of_an_hour_stays_small() {
    let page = html(&sample::hour()).unwrap();
    assert!(page.len() < 2_000_000, "{} bytes", page.len());
    assert!(page.contains("Each point stands for 10 s"));
}

#[test]
#[ignore = "prints figures"]
fn figures_of_an_hour() {
    let result = sample::hour();
    let windows: usize = result.windows.values().map(Vec::len).sum();
    let start = std::time::Instant::now();
    let page = html(&result).unwrap();
    println!("html of {windows} windows: {:.1} ms, {} bytes", start.elapsed().as_secs_f64() * 1e3, page.len());
    let start = std::time::Instant::now();
    let text = crate::report::json::json(&result).unwrap();
    println!("json: {:.1} ms, {} bytes", start.elapsed().as_secs_f64() * 1e3, text.len());
    let start = std::time::Instant::now();
    assert!(crate::report::json::read(text.as_bytes()).is_ok());
    println!("read: {:.1} ms", start.elapsed().as_secs_f64() * 1e3);
}

#[test]
#[ignore = "writes the samples to be looked at, into the folder SIMULACRO_SAMPLES"]
fn samples_to_look_at() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = std::env::var_os("SIMULACRO_SAMPLES").map_or_else(|| scratch.path().to_owned(), Into::into);
    for (name, result) in [
        ("rich", sample::rich()),
        ("refused", sample::refused()),
        ("hostile", sample::hostile()),
        ("hour", sample::hour()),
        ("load", sample::load()),
    ] {
        let file = folder.join(name).with_extension("html");
        std::fs::write(&file, html(&result).unwrap()).unwrap();
        assert!(check(&std::fs::read_to_string(&file).unwrap()).is_ok());
    }
}
