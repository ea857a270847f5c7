//! The service's HTTP routes.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{DefaultBodyLimit, MatchedPath, Path, Query, Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use axum::{Json, Router};
use futures_util::stream;
use serde::Deserialize;
use serde_json::json;
use tokio::sync::mpsc;
use tokio::time::sleep;

use super::backend::Backend;
use super::metrics::Metrics;
use super::orders::{self, NewOrder, Put};
use super::store::StoreError;
use super::truth::Truth;
use crate::clock::raw_now;

/// Largest body of a request, in bytes.
const MAX_BODY: usize = 16 * 1024;

/// Size of a piece of a streamed answer, in bytes, and how many may wait for the client.
pub(super) const PIECE: usize = 64 * 1024;
const PIECES: usize = 8;

/// A client that takes nothing for this long is cut off: its read transaction keeps the WAL from being checkpointed.
pub(super) const STALLED: Duration = Duration::from_secs(10);

/// What every handler needs.
pub(super) struct Service {
    pub store: Backend,
    pub metrics: Metrics,
    pub truth: Option<Arc<Truth>>,
    pub think_time: Duration,
    pub allow_exit: bool,
}

type Shared = State<Arc<Service>>;

/// All routes, counted and slowed as the options say.
pub(super) fn router(service: Arc<Service>) -> Router {
    Router::new()
        .route("/orders/{id}", put(put_order).get(get_order))
        .route("/orders", get(list_orders))
        .route("/orders/ids", get(list_ids))
        .route("/ready", get(ready))
        .route("/metrics", get(metrics))
        .route("/admin/exit", post(exit))
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .layer(middleware::from_fn_with_state(service.clone(), observe))
        .with_state(service)
}

async fn observe(State(service): Shared, request: Request, next: Next) -> Response {
    let began = raw_now();
    let method = request.method().to_string();
    let route = request.extensions().get::<MatchedPath>().map_or("other", MatchedPath::as_str).to_owned();
    if !service.think_time.is_zero() {
        sleep(service.think_time).await;
    }
    let response = next.run(request).await;
    let took = Duration::from_nanos((raw_now() - began).unsigned_abs());
    service.metrics.record(&method, &route, response.status().as_u16(), took);
    if let Some(truth) = &service.truth {
        truth.beat();
    }
    response
}

impl IntoResponse for StoreError {
    fn into_response(self) -> Response {
        failure(StatusCode::SERVICE_UNAVAILABLE, &self.to_string())
    }
}

fn failure(status: StatusCode, why: &str) -> Response {
    (status, Json(json!({ "error": why }))).into_response()
}

async fn put_order(
    State(service): Shared,
    Path(id): Path<String>,
    Json(new): Json<NewOrder>,
) -> Result<Response, StoreError> {
    if !orders::is_id(&id) {
        let why = "an order's id has 1 to 128 letters, digits, `-`, `_` and `.`";
        return Ok(failure(StatusCode::BAD_REQUEST, why));
    }
    let n = new.n;
    let status = match service.store.put(id.clone(), new).await? {
        Put::Created => StatusCode::CREATED,
        Put::Same => StatusCode::OK,
        Put::Conflict => return Ok(failure(StatusCode::CONFLICT, "this id is taken by an order with another `n`")),
    };
    Ok((status, Json(json!({ "id": id, "n": n }))).into_response())
}

async fn get_order(State(service): Shared, Path(id): Path<String>) -> Result<Response, StoreError> {
    match service.store.get(id).await? {
        Some(order) => Ok(Json(order).into_response()),
        None => Ok(failure(StatusCode::NOT_FOUND, "no such order")),
    }
}

#[derive(Deserialize)]
struct ListQuery {
    limit: Option<u32>,
}

async fn list_orders(State(service): Shared, Query(asked): Query<ListQuery>) -> Result<Response, StoreError> {
    let limit = asked.limit.unwrap_or(20).min(1000);
    Ok(Json(service.store.latest(limit).await?).into_response())
}

#[derive(Deserialize)]
struct IdsQuery {
    #[serde(default)]
    prefix: String,
}

async fn list_ids(State(service): Shared, Query(asked): Query<IdsQuery>) -> Result<Response, StoreError> {
    let (sender, mut pieces) = mpsc::channel(PIECES);
    service.store.export(asked.prefix, sender);
    let body = Body::from_stream(stream::poll_fn(move |context| pieces.poll_recv(context)));
    Ok(([(header::CONTENT_TYPE, "application/json")], body).into_response())
}

async fn ready(State(service): Shared) -> Result<Response, StoreError> {
    service.store.ready().await?;
    Ok(Json(json!({ "ready": true })).into_response())
}

async fn metrics(State(service): Shared) -> Result<Response, StoreError> {
    let page = service.metrics.render(&service.store.figures().await?);
    Ok(([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], page).into_response())
}

#[derive(Deserialize)]
struct ExitQuery {
    code: Option<i32>,
}

async fn exit(State(service): Shared, Query(asked): Query<ExitQuery>) -> Response {
    if !service.allow_exit {
        return failure(StatusCode::FORBIDDEN, "started without --allow-exit");
    }
    std::process::exit(asked.code.unwrap_or(1))
}
