//! HAR 1.2, the recordings of browsers and proxies (<http://www.softwareishard.com/blog/har-12-spec/>): what one person
//! did, as a journey of the closed model.

use jiff::Timestamp;
use serde::Deserialize;
use std::collections::BTreeMap;

use super::draft::{Draft, Found, Traffic, Walk, is_header, is_of_connection, join_headers, method};
use super::secrets::Hider;
use super::url::{Address, component};
use super::vegeta::left_out;
use super::{ImportError, Input, MOST_BODY, MOST_HEADERS, MOST_REQUESTS, Notes, Options, count, hosts};

/// The longest think time that is believed, in milliseconds: after that the person had gone for a coffee.
const LONGEST_THINK: u64 = 60_000;

#[derive(Deserialize)]
struct Har {
    log: Log,
}

#[derive(Deserialize)]
struct Log {
    creator: Option<Tool>,
    browser: Option<Tool>,
    #[serde(default)]
    pages: Option<Vec<Page>>,
    entries: Vec<Entry>,
}

#[derive(Deserialize)]
struct Tool {
    name: String,
    #[serde(default)]
    version: String,
}

#[derive(Deserialize)]
struct Page {
    id: String,
    #[serde(default)]
    title: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    pageref: Option<String>,
    started_date_time: String,
    /// Milliseconds.
    time: Option<f64>,
    request: Request,
    response: Response,
    #[serde(rename = "_resourceType")]
    resource_type: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request {
    method: String,
    url: String,
    #[serde(default)]
    headers: Vec<Pair>,
    post_data: Option<PostData>,
}

#[derive(Deserialize)]
struct Pair {
    name: String,
    #[serde(default)]
    value: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PostData {
    #[serde(default)]
    mime_type: String,
    text: Option<String>,
    #[serde(default)]
    params: Option<Vec<Param>>,
}

#[derive(Deserialize)]
struct Param {
    name: String,
    value: Option<String>,
}

#[derive(Deserialize)]
struct Response {
    status: i64,
    content: Option<Content>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Content {
    #[serde(default)]
    mime_type: String,
}

/// An entry whose time and address are known; the time in milliseconds since 1970.
struct Addressed {
    start: i64,
    entry: Entry,
    address: Address,
}

/// A request with its place in time, in milliseconds since 1970.
struct Step {
    draft: Draft,
    page: Option<String>,
    start: i64,
    end: i64,
}

/// Reads a recording.
pub(super) fn read(input: &Input<'_>, options: &Options, notes: &mut Notes) -> Result<Found, ImportError> {
    let har: Har = serde_json::from_str(input.text).map_err(|why| {
        let hint = "a HAR recording is JSON with `log.entries`: save it again from the browser's network panel";
        ImportError::of_json(&why, hint)
    })?;
    let Log { creator, browser, pages, entries } = har.log;
    let all = entries.len();
    let mut wanted = Vec::new();
    for (nth, entry) in entries.into_iter().enumerate() {
        let at = |message: String| ImportError::new(format!("log.entries[{nth}].{message}"), "record it again");
        wanted.extend(addressed(entry, options, notes).map_err(at)?);
    }
    // Hosts first: what is left out needs no variables for its secrets.
    let host = options.host.as_deref();
    let base_url = hosts::keep(&mut wanted, |entry| Some(&entry.address.origin), host, notes)?;
    wanted.sort_by_key(|entry| entry.start);
    let mut hider = Hider::default();
    let steps: Vec<Step> = wanted.into_iter().filter_map(|entry| step(entry, &mut hider, notes)).collect();
    if steps.is_empty() {
        return Err(ImportError::new("no request of the recording is left to be sent", left_out(notes)));
    }
    let name = options.name.as_str();
    let walks = match options.per_page {
        true => by_page(steps, pages.unwrap_or_default(), name, notes),
        false => vec![walk(name.to_owned(), steps, notes)],
    };
    hosts::warn_of_writes(walks.iter().flat_map(|walk| &walk.steps), notes);
    notes.changed(
        "what the service made up during the recording (ids, form tokens) is sent again as it was: put values in that \
         hold for every user",
    );
    let tool = browser.or(creator).map(|tool| format!(" ({} {})", tool.name, tool.version)).unwrap_or_default();
    Ok(Found {
        what: format!("a HAR recording of {}{tool}", count(all, "request")),
        title: format!("Users who do what was recorded in {}", super::notes::plain(input.file)),
        base_url,
        traffic: Traffic::Walks(walks),
        asleep: Vec::new(),
    })
}

/// An entry that is worth sending; `Err` names a field that cannot be read.
fn addressed(entry: Entry, options: &Options, notes: &mut Notes) -> Result<Option<Addressed>, String> {
    let no_time = "startedDateTime: this is no time with its zone, such as 2026-01-31T12:00:00.000Z";
    let start: Timestamp = entry.started_date_time.parse().map_err(|_| no_time.to_owned())?;
    let start = start.as_millisecond();
    let url = entry.request.url.as_str();
    let scheme: String = url.chars().take_while(char::is_ascii_alphabetic).take(16).collect();
    if !["http", "https"].iter().any(|http| scheme.eq_ignore_ascii_case(http)) {
        notes.left_out(format!("{scheme}: address: not a request over HTTP"));
        return Ok(None);
    }
    let address = Address::parse(url).map_err(|why| format!("request.url: {why}"))?;
    if let Some(why) = unwanted(&entry, &address, options.assets) {
        notes.left_out(why);
        return Ok(None);
    }
    Ok(Some(Addressed { start, entry, address }))
}

/// The request of an entry, unless there are reasons against it.
fn step(wanted: Addressed, hider: &mut Hider, notes: &mut Notes) -> Option<Step> {
    let Addressed { start, entry, address } = wanted;
    let end = start.saturating_add(entry.time.filter(|time| *time > 0.0).unwrap_or(0.0) as i64);
    let Some(method) = method(&entry.request.method) else {
        notes.left_out(format!("request with the method {}", entry.request.method));
        return None;
    };
    let body = match entry.request.post_data.map_or(Ok(None), |data| body(data, hider, notes)) {
        Ok(body) => body,
        Err(why) => {
            notes.left_out(why);
            return None;
        }
    };
    let mut draft = Draft { body, ..Draft::new(method, &address, hider.path(&address.path, notes)) };
    draft.statuses = statuses(entry.response.status, &mut draft.remarks);
    draft.headers = headers(entry.request.headers, hider, notes);
    Some(Step { draft, page: entry.pageref, start, end })
}

/// Why a request is not part of what the person did.
fn unwanted(entry: &Entry, address: &Address, assets: bool) -> Option<String> {
    let kind = entry.resource_type.as_deref().unwrap_or_default();
    if entry.request.method == "OPTIONS" || kind == "preflight" {
        return Some("preflight request (CORS): browsers send it by themselves".into());
    }
    if ["websocket", "eventsource", "ping", "beacon"].contains(&kind) {
        return Some(format!("{kind}: no request with one answer"));
    }
    match entry.response.status {
        status if !(100..=599).contains(&status) => {
            return Some("request without an answer (blocked or cut off)".into());
        }
        101 => return Some("websocket: no request with one answer".into()),
        status if status >= 500 => return Some(format!("request that failed in the recording ({status})")),
        _ => {}
    }
    if assets {
        return None;
    }
    let media = entry.response.content.as_ref().map_or("", |content| content.mime_type.as_str());
    is_asset(media, kind, &address.path)
        .then(|| "static asset: browsers cache it, CDNs serve it (`--include-assets` keeps it)".to_owned())
}

/// Whether an answer is an image, a font, a style sheet, a script, sound or film, by its type or its file's ending.
fn is_asset(media: &str, kind: &str, path: &str) -> bool {
    const MEDIA: [&str; 13] = [
        "application/font",
        "application/javascript",
        "application/manifest",
        "application/wasm",
        "application/x-font",
        "application/x-javascript",
        "audio/",
        "font/",
        "image/",
        "text/css",
        "text/ecmascript",
        "text/javascript",
        "video/",
    ];
    const KINDS: [&str; 7] = ["font", "image", "manifest", "media", "script", "stylesheet", "texttrack"];
    const ENDINGS: [&str; 22] = [
        "avif",
        "css",
        "gif",
        "ico",
        "jpeg",
        "jpg",
        "js",
        "map",
        "mjs",
        "mp3",
        "mp4",
        "otf",
        "png",
        "svg",
        "ttf",
        "wasm",
        "webm",
        "webmanifest",
        "webp",
        "woff",
        "woff2",
        "eot",
    ];
    let media = media.trim().to_ascii_lowercase();
    let file = path.split('?').next().unwrap_or_default().rsplit('/').next().unwrap_or_default();
    let ending = file.rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase());
    MEDIA.iter().any(|asset| media.starts_with(asset))
        || KINDS.contains(&kind)
        || ending.is_some_and(|ending| ENDINGS.contains(&ending.as_str()))
}

/// What a good answer is: the recorded one.
fn statuses(recorded: i64, remarks: &mut Vec<String>) -> Vec<u16> {
    match recorded {
        // Headers that ask for a 304 are not copied; a service may answer so all the same.
        304 => vec![200, 304],
        400..=499 => {
            remarks.push(format!("The recording has a {recorded} here: is that what users shall see?"));
            vec![recorded as u16]
        }
        _ => vec![recorded as u16],
    }
}

/// The headers that belong to the request and not to the browser, its cache or its connection.
fn headers(recorded: Vec<Pair>, hider: &mut Hider, notes: &mut Notes) -> Vec<(String, String)> {
    const BROWSERS: [&str; 18] = [
        "accept-encoding",
        "alt-used",
        "cache-control",
        "dnt",
        "forwarded",
        "host",
        "if-match",
        "if-modified-since",
        "if-none-match",
        "if-unmodified-since",
        "origin",
        "pragma",
        "priority",
        "purpose",
        "referer",
        "save-data",
        "upgrade-insecure-requests",
        "user-agent",
    ];
    let lower = |name: &str| name.to_ascii_lowercase();
    let wanted = |pair: &Pair| {
        let name = lower(&pair.name);
        !is_of_connection(&name)
            && !BROWSERS.contains(&name.as_str())
            && !["sec-", "x-forwarded-", "proxy-"].iter().any(|prefix| name.starts_with(prefix))
            && !pair.value.is_empty()
            && is_header(&pair.name, &pair.value)
    };
    let kept =
        recorded.into_iter().filter(wanted).take(MOST_HEADERS).map(|pair| (lower(&pair.name), pair.value)).collect();
    let hide = |(name, value): (String, String)| {
        let value = hider.header(&name, &value, notes);
        (name, value)
    };
    join_headers(kept).into_iter().map(hide).collect()
}

/// A body as a template; `Err` says why its request is left out.
fn body(data: PostData, hider: &mut Hider, notes: &mut Notes) -> Result<Option<String>, String> {
    let media = data.mime_type.as_str();
    if media.starts_with("multipart/") {
        return Err("upload (multipart): a recording does not hold its bytes as they were".into());
    }
    let form = |params: Vec<Param>| {
        let pair = |p: &Param| format!("{}={}", component(&p.name), component(p.value.as_deref().unwrap_or_default()));
        params.iter().map(pair).collect::<Vec<_>>().join("&")
    };
    let text = match (data.text.filter(|text| !text.is_empty()), data.params.filter(|params| !params.is_empty())) {
        (Some(text), _) => text,
        (None, Some(params)) => form(params),
        (None, None) => return Ok(None),
    };
    if text.len() > MOST_BODY {
        return Err(format!("request with a body over {} KiB", MOST_BODY >> 10));
    }
    if text.contains('\u{fffd}') {
        return Err("request with a body that is not text".into());
    }
    Ok(Some(hider.body(&text, Some(media).filter(|media| !media.is_empty()), notes)))
}

/// A journey for each page, in the order in which they were opened.
fn by_page(steps: Vec<Step>, pages: Vec<Page>, name: &str, notes: &mut Notes) -> Vec<Walk> {
    let titles: BTreeMap<String, String> = pages.into_iter().map(|page| (page.id, page.title)).collect();
    let mut groups: Vec<(Option<String>, Vec<Step>)> = Vec::new();
    for step in steps {
        match groups.iter_mut().find(|(page, _)| *page == step.page) {
            Some((_, steps)) => steps.push(step),
            None => groups.push((step.page.clone(), vec![step])),
        }
    }
    let walks = groups.into_iter().map(|(page, steps)| {
        let title = page.as_ref().and_then(|page| titles.get(page)).filter(|title| !title.contains("://"));
        let of_path = || match steps[0].draft.route.as_slice() {
            [] => name.to_owned(),
            route => route.join(" "),
        };
        let title = title.filter(|title| !title.trim().is_empty()).cloned().unwrap_or_else(of_path);
        walk(title, steps, notes)
    });
    walks.collect()
}

/// A journey. Its think times are spread evenly, from the shortest pause of the recording up, around the mean of all.
fn walk(name: String, mut steps: Vec<Step>, notes: &mut Notes) -> Walk {
    for _ in steps.drain(MOST_REQUESTS.min(steps.len())..) {
        notes.left_out(format!("request beyond the first {MOST_REQUESTS} of a journey"));
    }
    let pauses = steps.windows(2).map(|pair| (pair[1].start.saturating_sub(pair[0].end)).max(0) as u64);
    let long = pauses.clone().filter(|pause| *pause > LONGEST_THINK).count();
    let pauses: Vec<u64> = pauses.map(|pause| pause.min(LONGEST_THINK)).collect();
    let shortest = pauses.iter().min().copied().unwrap_or(0);
    let mean = pauses.iter().sum::<u64>() / (pauses.len() as u64).max(1);
    let mut remarks = Vec::new();
    if pauses.is_empty() {
        remarks.push("One step has no pauses to learn from: put in how long users think.".to_owned());
    } else {
        let longest = pauses.iter().max().copied().unwrap_or(0);
        remarks.push(format!(
            "Pauses of the recording: {shortest} to {longest} ms, {mean} ms in the mean, which these bounds keep."
        ));
    }
    if long > 0 {
        notes.changed(format!("{} of the recording over 60 s: counted as 60 s", count(long, "pause")));
    }
    let think = if pauses.is_empty() { (1_000, 3_000) } else { (shortest, 2 * mean - shortest) };
    Walk { name, steps: steps.into_iter().map(|step| step.draft).collect(), think, remarks }
}
