//! The API: which request is which order, and how answers are written.

use std::convert::Infallible;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue, USER_AGENT};
use hyper::{Method, Request, Response, StatusCode};
use serde_json::{Value, json};

use super::{ApiError, Shared, list};
use crate::proxy::serve::registry::Wanted;
use crate::world::links::protocol;

/// Toxiproxy's version whose API this is; clients look at it.
const VERSION: &str = "2.12.0";

/// Longest body of a request.
const BODY: usize = 1 << 20;

/// Longest time for a body to arrive.
const BODY_WITHIN: Duration = Duration::from_secs(15);

/// What is said back: a status, and a document if any.
struct Said(u16, Option<Value>);

pub(super) async fn answer(registry: Shared, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let browser = request.headers().get(USER_AGENT).is_some_and(|agent| agent.as_bytes().starts_with(b"Mozilla/"));
    if browser {
        // As Toxiproxy does: a page in a browser must not be able to reach this.
        return Ok(plain(403, "User agent not allowed\n"));
    }
    let (head, body) = request.into_parts();
    let path = decoded(head.uri.path());
    let body = match tokio::time::timeout(BODY_WITHIN, Limited::new(body, BODY).collect()).await {
        Ok(Ok(body)) => body.to_bytes(),
        Ok(Err(error)) => return Ok(told(Err(ApiError::bad_body(&error.to_string())))),
        Err(_) => return Ok(plain(408, "the body did not come in time\n")),
    };
    let parts: Vec<&str> = path.split('/').skip(1).collect();
    Ok(match route(&registry, &head.method, &parts, &body).await {
        Some(said) => told(said),
        None => plain(404, "404 page not found\n"),
    })
}

/// Carries an order out; none for an address that there is not.
async fn route(registry: &Shared, method: &Method, parts: &[&str], body: &[u8]) -> Option<Result<Said, ApiError>> {
    let changes = *method == Method::POST || *method == Method::PATCH;
    let mut registry = registry.lock().await;
    let done = match (parts, method) {
        (["version"], &Method::GET) => Ok(Said(200, Some(json!({ "version": VERSION })))),
        (["proxies"], &Method::GET) => Ok(Said(200, Some(registry.all()))),
        (["proxies"], &Method::POST) => match document(body).and_then(|wanted| Wanted::read(&wanted, None)) {
            Ok(wanted) => registry.create(wanted).await.map(|made| Said(201, Some(made))),
            Err(error) => Err(error),
        },
        (["populate"], &Method::POST) => match list(body) {
            Ok(list) => Ok(populated(registry.populate(list).await)),
            Err(error) => Ok(populated((Vec::new(), Some(error)))),
        },
        (["reset"], &Method::POST) => registry.reset().await.map(|()| Said(204, None)),
        (["proxies", name], &Method::GET) => registry.show(name).map(shown),
        (["proxies", name], &Method::DELETE) => registry.delete(name).await.map(|()| Said(204, None)),
        (["proxies", name], _) if changes => match document(body) {
            Ok(document) => registry.update(name, &document).await.map(shown),
            Err(error) => Err(error),
        },
        (["proxies", name, "toxics"], &Method::GET) => registry.toxics(name).map(shown),
        (["proxies", name, "toxics"], &Method::POST) => match document(body) {
            Ok(document) => registry.add_toxic(name, &document).await.map(shown),
            Err(error) => Err(error),
        },
        (["proxies", name, "toxics", toxic], &Method::GET) => registry.toxic(name, toxic).map(shown),
        (["proxies", name, "toxics", toxic], &Method::DELETE) => {
            registry.delete_toxic(name, toxic).await.map(|()| Said(204, None))
        }
        (["proxies", name, "toxics", toxic], _) if changes => match document(body) {
            Ok(document) => registry.update_toxic(name, toxic, &document).await.map(shown),
            Err(error) => Err(error),
        },
        (["simulacro", "v1", "orders"], &Method::POST) => match serde_json::from_slice::<protocol::Request>(body) {
            Ok(request) => Ok(Said(200, serde_json::to_value(registry.order(request).await).ok())),
            Err(error) => Err(ApiError::bad_body(&error.to_string())),
        },
        (["version" | "proxies" | "populate" | "reset"], _) | (["proxies", _], _) | (["proxies", _, "toxics"], _) => {
            Ok(Said(405, None))
        }
        (["proxies", _, "toxics", _], _) | (["simulacro", "v1", "orders"], _) => Ok(Said(405, None)),
        _ => return None,
    };
    Some(done)
}

fn shown(document: Value) -> Said {
    Said(200, Some(document))
}

fn populated((made, error): (Vec<Value>, Option<ApiError>)) -> Said {
    match error {
        None => Said(201, Some(json!({ "proxies": made }))),
        Some(error) => {
            let mut document = error.document();
            document["proxies"] = made.into();
            Said(error.status, Some(document))
        }
    }
}

fn document(body: &[u8]) -> Result<Value, ApiError> {
    let document: Value = serde_json::from_slice(body).map_err(|error| ApiError::bad_body(&error.to_string()))?;
    if document.is_object() { Ok(document) } else { Err(ApiError::bad_body("no object")) }
}

fn told(said: Result<Said, ApiError>) -> Response<Full<Bytes>> {
    let Said(status, document) = said.unwrap_or_else(|error| Said(error.status, Some(error.document())));
    let text = document.map_or(String::new(), |document| format!("{document}\n"));
    with_type(status, text, "application/json")
}

fn plain(status: u16, text: &str) -> Response<Full<Bytes>> {
    with_type(status, text.to_owned(), "text/plain; charset=utf-8")
}

fn with_type(status: u16, text: String, kind: &'static str) -> Response<Full<Bytes>> {
    let typed = !text.is_empty();
    let mut response = Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    if typed {
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    }
    response
}

/// A path with its percent signs resolved: names may hold spaces.
fn decoded(path: &str) -> String {
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.as_bytes();
    while let [first, behind @ ..] = rest {
        let code = (*first == b'%').then(|| behind.get(..2)).flatten();
        let code = code.and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok());
        bytes.push(code.unwrap_or(*first));
        rest = if code.is_some() { &behind[2..] } else { behind };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_decoded_and_odd_ones_kept() {
        assert_eq!(decoded("/proxies/my%20db/toxics"), "/proxies/my db/toxics");
        assert_eq!(decoded("/100%/%zz%4"), "/100%/%zz%4");
        let orders = crate::world::links::remote::ORDERS;
        assert_eq!(orders.split('/').skip(1).collect::<Vec<_>>(), ["simulacro", "v1", "orders"]);
    }
}
