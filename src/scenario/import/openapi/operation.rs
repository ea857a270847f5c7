//! One operation as a request.

use std::collections::BTreeSet;

use serde_json::Value;

use super::super::MOST_BODY;
use super::super::draft::{Draft, join_headers, literal, method};
use super::super::url::{Address, component};
use super::sample::Sampler;
use super::{Context, parameters, security};

/// What is known of an operation's servers.
struct Server {
    origin: Option<String>,
    /// The beginning of all paths; no `/` at its end.
    prefix: String,
}

/// The request of an operation; `Err` says why there is none.
pub(super) fn draft(
    context: &mut Context<'_>,
    path: &str,
    item: &Value,
    verb: &str,
    operation: &Value,
) -> Result<Draft, String> {
    let method = method(verb).ok_or("load profiles do not send this method")?;
    let server = server(context, item, operation)?;
    let found = parameters::read(context, path, item, operation)?;
    let mut draft = Draft {
        method,
        origin: server.origin,
        path: format!("{}{}", server.prefix, found.path),
        route: path.split('/').filter(|part| !part.is_empty()).map(|part| part.replace(['{', '}'], "")).collect(),
        label: operation.get("operationId").and_then(Value::as_str).map(str::to_owned),
        headers: found.headers,
        body: None,
        statuses: statuses(context, operation),
        weight: 1,
        remarks: found.remarks,
    };
    let mut query = found.query;
    security::apply(context, operation, &mut draft, &mut query)?;
    if let Some(body) = operation.get("requestBody") {
        request_body(context, body, &mut draft)?;
    }
    if !query.is_empty() {
        draft.path = format!("{}?{}", draft.path, query.join("&"));
    }
    draft.headers = join_headers(std::mem::take(&mut draft.headers));
    Ok(draft)
}

/// The first server of the operation, its path or the document.
fn server(context: &mut Context<'_>, item: &Value, operation: &Value) -> Result<Server, String> {
    let servers = [operation, item, &context.document.root].into_iter().find_map(|of| of.get("servers"));
    let Some(server) = servers.and_then(|servers| servers.get(0)) else {
        return Ok(Server { origin: None, prefix: String::new() });
    };
    let mut url = server.get("url").and_then(Value::as_str).unwrap_or("/").to_owned();
    for (name, variable) in server.get("variables").and_then(Value::as_object).into_iter().flatten() {
        let default = variable.get("default").map(|value| value.as_str().map_or(value.to_string(), str::to_owned));
        url = url.replace(&format!("{{{name}}}"), &default.unwrap_or_default());
    }
    let relative = !url.contains("://");
    let whole = if relative { format!("http://relative/{}", url.trim_start_matches('/')) } else { url };
    let address = Address::parse(&whole).map_err(|why| format!("its server: {why}"))?;
    let prefix = address.path.split('?').next().unwrap_or_default().trim_end_matches('/').to_owned();
    Ok(Server { origin: (!relative).then_some(address.origin), prefix: literal(&prefix) })
}

/// The documented statuses of success; empty when there are none that can be listed.
fn statuses(context: &Context<'_>, operation: &Value) -> Vec<u16> {
    let responses = operation.get("responses").and_then(|responses| context.document.resolve(responses).ok());
    let codes = responses.and_then(Value::as_object).into_iter().flatten().map(|(code, _)| code.as_str());
    let mut good = BTreeSet::new();
    for code in codes {
        match code.parse::<u16>() {
            Ok(code @ 200..=399) => {
                good.insert(code);
            }
            // A class of statuses: any below 400 is the nearest that a profile can say.
            Err(_) if code.eq_ignore_ascii_case("2XX") || code.eq_ignore_ascii_case("3XX") => return Vec::new(),
            _ => {}
        }
    }
    good.into_iter().collect()
}

/// Body and content type. JSON is taken where there is a choice, then a form, then text.
fn request_body(context: &mut Context<'_>, body: &Value, draft: &mut Draft) -> Result<(), String> {
    let document = context.document;
    let body = document.resolve(body)?;
    let required = body.get("required").and_then(Value::as_bool).unwrap_or(false);
    let content = body.get("content").and_then(Value::as_object);
    let rank = |media: &str| {
        let bare = media.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        match bare.as_str() {
            "application/json" | "*/*" | "application/*" => Some(0),
            json if json.ends_with("+json") => Some(1),
            "application/x-www-form-urlencoded" => Some(2),
            "text/plain" | "text/*" => Some(3),
            _ => None,
        }
    };
    let best =
        content.into_iter().flatten().filter_map(|(media, of)| Some((rank(media)?, media, of))).min_by_key(|b| b.0);
    let Some((rank, media, of)) = best else {
        let kinds: Vec<_> = content.into_iter().flatten().map(|(media, _)| media.as_str()).collect();
        let kinds = super::super::notes::plain(&kinds.join(", "));
        let why = format!("its body is {kinds}: no example is made up for that");
        if required {
            return Err(why);
        }
        draft.remarks.push(format!("It is sent without a body; {why}."));
        return Ok(());
    };
    let schema = of.get("schema").unwrap_or(&Value::Null);
    let example = parameters::example(context, of)?;
    let value = match example {
        Some(value) => value,
        None => {
            let mut sampler = Sampler::new(document);
            let value = sampler.value(schema)?;
            draft.remarks.push("The body is made up from the schema: put in what the service accepts.".to_owned());
            draft.remarks.extend(sampler.remarks());
            value
        }
    };
    let text = match (rank, &value) {
        (2, Value::Object(fields)) => {
            let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            let pair = |(key, value): (&String, &Value)| format!("{}={}", component(key), component(&text(value)));
            fields.iter().map(pair).collect::<Vec<_>>().join("&")
        }
        (2 | 3, Value::String(text)) => text.clone(),
        _ => value.to_string(),
    };
    if text.len() > MOST_BODY {
        return Err(format!("its body has more than {} KiB", MOST_BODY >> 10));
    }
    draft.body = Some(literal(&text));
    let media = if media.contains('*') { "application/json" } else { media.as_str() };
    draft.headers.push(("Content-Type".to_owned(), media.to_owned()));
    Ok(())
}
