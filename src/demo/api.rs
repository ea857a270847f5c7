//! The service's HTTP routes.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
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
use tokio::task::spawn_blocking;
use tokio::time::{sleep, timeout};

use super::metrics::{Figures, Metrics};
use super::orders::{self, NewOrder, Put};
use super::store::{Store, StoreError};
use super::truth::Truth;
use crate::clock::raw_now;

/// Largest body of a request, in bytes.
const MAX_BODY: usize = 16 * 1024;

/// Size of a piece of a streamed answer, in bytes, and how many may wait for the client.
const PIECE: usize = 64 * 1024;
const PIECES: usize = 8;

/// A client that takes nothing for this long is cut off: its read transaction keeps the WAL from being checkpointed.
const STALLED: Duration = Duration::from_secs(10);

/// What every handler needs.
pub(super) struct Service {
    pub store: Arc<Store>,
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
    match query(&service, move |db| orders::get(db, &id)).await? {
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
    let found = query(&service, move |db| orders::latest(db, limit)).await?;
    Ok(Json(found).into_response())
}

#[derive(Deserialize)]
struct IdsQuery {
    #[serde(default)]
    prefix: String,
}

async fn list_ids(State(service): Shared, Query(asked): Query<IdsQuery>) -> Result<Response, StoreError> {
    let (sender, mut pieces) = mpsc::channel::<Result<Bytes, std::io::Error>>(PIECES);
    let store = service.store.clone();
    let handle = tokio::runtime::Handle::current();
    spawn_blocking(move || {
        let send = |piece| handle.block_on(timeout(STALLED, sender.send(piece))).is_ok_and(|sent| sent.is_ok());
        let exported = store
            .reader()
            .and_then(|db| Ok(orders::export(&db, &asked.prefix, PIECE, |piece| send(Ok(piece.into())))?));
        if let Err(error) = exported {
            // Breaks the connection: an array cut short must not look like a whole one.
            send(Err(std::io::Error::other(error)));
        }
    });
    let body = Body::from_stream(stream::poll_fn(move |context| pieces.poll_recv(context)));
    Ok(([(header::CONTENT_TYPE, "application/json")], body).into_response())
}

async fn ready(State(service): Shared) -> Result<Response, StoreError> {
    if !service.store.is_open() {
        return Err(StoreError::Closed);
    }
    query(&service, |db| db.query_row("SELECT id FROM customers LIMIT 1", [], |row| row.get::<_, i64>(0))).await?;
    Ok(Json(json!({ "ready": true })).into_response())
}

async fn metrics(State(service): Shared) -> Result<Response, StoreError> {
    let orders = query(&service, orders::count).await?;
    let page = service.metrics.render(&Figures { orders, commits: service.store.commits() });
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

async fn query<T: Send + 'static>(
    service: &Arc<Service>,
    ask: impl FnOnce(&rusqlite::Connection) -> rusqlite::Result<T> + Send + 'static,
) -> Result<T, StoreError> {
    let store = service.store.clone();
    match spawn_blocking(move || store.read(ask)).await {
        Ok(answer) => answer,
        Err(_) => Err(StoreError::Sql("the query panicked".into())),
    }
}
