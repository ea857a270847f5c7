//! Where the orders are kept: SQLite, a file of this service's own, or PostgreSQL with a cache in front.

use std::sync::Arc;

use axum::body::Bytes;
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::api::{PIECE, STALLED};
use super::metrics::Figures;
use super::orders::{self, NewOrder, Order, Put};
use super::store::{Store, StoreError};

/// A store, whichever it is.
pub(super) enum Backend {
    Sqlite(Arc<Store>),
    #[cfg(feature = "databases")]
    Postgres {
        database: Arc<super::postgres::Database>,
        cache: Option<Box<super::cache::Cache>>,
    },
}

/// The pieces of a streamed answer.
pub(super) type Pieces = mpsc::Sender<Result<Bytes, std::io::Error>>;

/// Sends a piece; false when nobody reads any more.
pub(super) async fn send(sender: &Pieces, piece: Result<Bytes, std::io::Error>) -> bool {
    timeout(STALLED, sender.send(piece)).await.is_ok_and(|sent| sent.is_ok())
}

impl Backend {
    /// Stores an order; returns once it is durable.
    pub(super) async fn put(&self, id: String, new: NewOrder) -> Result<Put, StoreError> {
        match self {
            Backend::Sqlite(store) => store.put(id, new).await,
            #[cfg(feature = "databases")]
            Backend::Postgres { database, .. } => database.put(&id, &new).await,
        }
    }

    /// One order; from the cache when it is there, because an order never changes.
    pub(super) async fn get(&self, id: String) -> Result<Option<Order>, StoreError> {
        match self {
            Backend::Sqlite(store) => query(store, move |db| orders::get(db, &id)).await,
            #[cfg(feature = "databases")]
            Backend::Postgres { database, cache: None } => database.get(&id).await,
            #[cfg(feature = "databases")]
            Backend::Postgres { database, cache: Some(cache) } => {
                if let Some(order) = cache.get(&id).await.and_then(|text| serde_json::from_str(&text).ok()) {
                    return Ok(Some(order));
                }
                let found = database.get(&id).await?;
                if let Some(text) = found.as_ref().and_then(|order| serde_json::to_string(order).ok()) {
                    cache.put(&id, &text).await;
                }
                Ok(found)
            }
        }
    }

    /// The newest orders first.
    pub(super) async fn latest(&self, limit: u32) -> Result<Vec<Order>, StoreError> {
        match self {
            Backend::Sqlite(store) => query(store, move |db| orders::latest(db, limit)).await,
            #[cfg(feature = "databases")]
            Backend::Postgres { database, .. } => database.latest(limit).await,
        }
    }

    /// Sends all orders whose id begins with `prefix`, in a task of its own.
    pub(super) fn export(&self, prefix: String, sender: Pieces) {
        match self {
            Backend::Sqlite(store) => {
                let store = store.clone();
                let handle = tokio::runtime::Handle::current();
                spawn_blocking(move || {
                    let send = |piece| handle.block_on(send(&sender, piece));
                    let exported = store
                        .reader()
                        .and_then(|db| Ok(orders::export(&db, &prefix, PIECE, |piece| send(Ok(piece.into())))?));
                    if let Err(error) = exported {
                        // Breaks the connection: an array cut short must not look like a whole one.
                        send(Err(std::io::Error::other(error)));
                    }
                });
            }
            #[cfg(feature = "databases")]
            Backend::Postgres { database, .. } => {
                let database = database.clone();
                tokio::spawn(async move {
                    let exported = database.export(&prefix, PIECE, &sender).await;
                    if let Err(error) = exported {
                        send(&sender, Err(std::io::Error::other(error))).await;
                    }
                });
            }
        }
    }

    /// Asks the database itself.
    pub(super) async fn ready(&self) -> Result<(), StoreError> {
        match self {
            Backend::Sqlite(store) => {
                if !store.is_open() {
                    return Err(StoreError::Closed);
                }
                let asked = "SELECT id FROM customers LIMIT 1";
                query(store, |db| db.query_row(asked, [], |row| row.get::<_, i64>(0))).await.map(drop)
            }
            #[cfg(feature = "databases")]
            Backend::Postgres { database, .. } => database.ready().await,
        }
    }

    /// The figures of the metrics page. A database that does not answer leaves its own out: the page is needed most
    /// when the database is down.
    pub(super) async fn figures(&self) -> Result<Figures, StoreError> {
        match self {
            Backend::Sqlite(store) => Ok(Figures {
                orders: Some(query(store, orders::count).await?),
                commits: store.commits(),
                ..Figures::default()
            }),
            #[cfg(feature = "databases")]
            Backend::Postgres { database, cache } => Ok(Figures {
                orders: database.count().await.ok(),
                commits: database.commits(),
                pool: Some(database.figures()),
                cache: cache.as_deref().map(super::cache::Cache::figures),
            }),
        }
    }

    /// Takes no more requests and closes the database.
    pub(super) fn close(&self) {
        match self {
            Backend::Sqlite(store) => store.close(),
            #[cfg(feature = "databases")]
            Backend::Postgres { database, .. } => database.close(),
        }
    }
}

async fn query<T: Send + 'static>(
    store: &Arc<Store>,
    ask: impl FnOnce(&rusqlite::Connection) -> rusqlite::Result<T> + Send + 'static,
) -> Result<T, StoreError> {
    let store = store.clone();
    match spawn_blocking(move || store.read(ask)).await {
        Ok(answer) => answer,
        Err(_) => Err(StoreError::Sql("the query panicked".into())),
    }
}
