//! Security requirements as headers whose secrets are environment variables.

use serde_json::Value;

use super::super::draft::{Draft, is_header};
use super::super::url::component;
use super::Context;

/// Adds what the operation's first requirement asks for that can be met; `query` gets `key=value` templates.
///
/// # Errors
/// When none can be met.
pub(super) fn apply(
    context: &mut Context<'_>,
    operation: &Value,
    draft: &mut Draft,
    query: &mut Vec<String>,
) -> Result<(), String> {
    let document = context.document;
    let requirements = operation.get("security").or_else(|| document.root.get("security")).and_then(Value::as_array);
    let Some(requirements) = requirements.filter(|all| !all.is_empty()) else { return Ok(()) };
    // `{}` among them: nothing is needed, or not by everybody.
    let free = requirements.iter().any(|one| one.as_object().is_some_and(serde_json::Map::is_empty));
    if free {
        return Ok(());
    }
    let mut refused = String::from("its security requirement is empty");
    for requirement in requirements {
        let names: Vec<&String> = requirement.as_object().into_iter().flatten().map(|(name, _)| name).collect();
        let schemes: Result<Vec<_>, String> = names.iter().map(|name| scheme(context, name)).collect();
        match schemes {
            Err(why) => refused = why,
            Ok(schemes) => {
                for (name, scheme) in names.into_iter().zip(schemes) {
                    add(context, name, scheme, draft, query);
                }
                return Ok(());
            }
        }
    }
    Err(refused)
}

/// Where a scheme puts its secret.
enum Place {
    /// What stands before the secret, and what to set the variable to.
    Authorization(&'static str, &'static str),
    Header(String),
    Query(String),
    Cookie(String),
}

fn scheme(context: &Context<'_>, name: &str) -> Result<Place, String> {
    let shown = super::super::notes::plain(name);
    let schemes = context.document.root.pointer("/components/securitySchemes");
    let scheme = schemes.and_then(|all| all.get(name)).ok_or_else(|| format!("it has no security scheme `{shown}`"))?;
    let scheme = context.document.resolve(scheme)?;
    let text = |key: &str| scheme.get(key).and_then(Value::as_str).unwrap_or_default();
    let lower = text("scheme").to_ascii_lowercase();
    match (text("type"), lower.as_str(), text("in")) {
        ("http", "bearer", _) => Ok(Place::Authorization("Bearer", "a token")),
        ("http", "basic", _) => Ok(Place::Authorization("Basic", "base64 of user:password")),
        ("oauth2" | "openIdConnect", _, _) => Ok(Place::Authorization("Bearer", "an access token")),
        ("apiKey", _, "header" | "cookie") if !is_header(text("name"), "") => {
            Err(format!("security scheme `{shown}`: its `name` is not one of a header or a cookie"))
        }
        ("apiKey", _, "header") => Ok(Place::Header(text("name").to_owned())),
        ("apiKey", _, "query") => Ok(Place::Query(text("name").to_owned())),
        ("apiKey", _, "cookie") => Ok(Place::Cookie(text("name").to_owned())),
        (kind, _, _) => Err(format!("security scheme `{shown}` of type `{}`", super::super::notes::plain(kind))),
    }
}

fn add(context: &mut Context<'_>, name: &str, place: Place, draft: &mut Draft, query: &mut Vec<String>) {
    let mut hide = |what: &str| context.hider.hide(name, "", &format!("security scheme {name}: {what}"), context.notes);
    match place {
        Place::Authorization(scheme, what) => {
            draft.headers.push(("Authorization".to_owned(), format!("{scheme} {}", hide(what))));
        }
        Place::Header(header) => draft.headers.push((header, hide("an API key"))),
        Place::Query(key) => query.push(format!("{}={}", component(&key), hide("an API key, percent-encoded"))),
        Place::Cookie(cookie) => {
            draft.headers.push(("Cookie".to_owned(), format!("{cookie}={}", hide("a session"))));
        }
    }
}
