//! The orders in PostgreSQL, which several services may share.
//!
//! An order is acknowledged when its COMMIT has returned. With synchronous replication that is when a replica has it,
//! too; so no `statement_timeout` is ever set: PostgreSQL answers a commit that is cancelled while it waits for the
//! replica with success.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use futures_util::TryStreamExt as _;
use tokio::task::JoinHandle;
use tokio_postgres::Row;
use tokio_postgres::types::Type;

use super::backend::{Pieces, send};
use super::orders::{NewOrder, Order, Put};
use super::pool::{Limits, Pool, PoolFigures};
use super::schema::CUSTOMERS;
use super::store::StoreError;

/// Pause between two attempts to prepare the tables.
const AGAIN: Duration = Duration::from_millis(500);

/// The same tables as in SQLite. Two services may start at once, and CREATE IF NOT EXISTS alone is no lock.
const TABLES: &str = "
    BEGIN;
    SELECT pg_advisory_xact_lock(7077);
    CREATE TABLE IF NOT EXISTS customers (id BIGINT PRIMARY KEY, name TEXT NOT NULL);
    CREATE TABLE IF NOT EXISTS orders (
        id       TEXT PRIMARY KEY,
        n        BIGINT NOT NULL,
        note     TEXT NOT NULL,
        created  BIGINT NOT NULL,
        customer BIGINT NOT NULL REFERENCES customers(id)
    );
    CREATE INDEX IF NOT EXISTS orders_by_customer ON orders(customer);
    CREATE INDEX IF NOT EXISTS orders_by_created ON orders(created);
    INSERT INTO customers SELECT n, 'customer ' || n FROM generate_series(1, 100) AS n ON CONFLICT DO NOTHING;
    COMMIT;
";

/// One statement, one transaction. A repeated order is written again, unchanged: its answer then waits for the same
/// durability as the first, whose own answer may never have come.
const PUT: &str = "
    INSERT INTO orders (id, n, note, created, customer)
    VALUES ($1, $2, $3, (extract(epoch FROM clock_timestamp()) * 1000)::bigint, $4)
    ON CONFLICT (id) DO UPDATE SET n = orders.n WHERE orders.n = EXCLUDED.n
    RETURNING (xmax = 0) AS created";

const GET: &str = "SELECT id, n, note, created, customer FROM orders WHERE id = $1";
const LATEST: &str = "SELECT id, n, note, created, customer FROM orders ORDER BY created DESC LIMIT $1";
const IDS: &str = "SELECT id, n FROM orders WHERE left(id, length($1)) = $1";

/// The orders, in a database that is somewhere else.
pub(super) struct Database {
    pool: Pool,
    prepared: AtomicBool,
    commits: AtomicU64,
}

impl Database {
    /// The database at `url`. It need not be there yet: the returned task prepares the tables once it is, and until
    /// then the service is not ready.
    pub(super) fn open(url: &str, limits: Limits) -> Result<(Arc<Database>, JoinHandle<()>), StoreError> {
        let pool = Pool::new(url, limits)?;
        let database = Arc::new(Database { pool, prepared: AtomicBool::new(false), commits: AtomicU64::new(0) });
        let preparing = database.clone();
        let task = tokio::spawn(async move {
            let mut said = String::new();
            while let Err(error) = preparing.prepare().await {
                let error = error.to_string();
                if error != said {
                    eprintln!("demo-service: the database is not ready: {error}");
                    said = error;
                }
                tokio::time::sleep(AGAIN).await;
            }
            eprintln!("demo-service: the database is ready");
        });
        Ok((database, task))
    }

    async fn prepare(&self) -> Result<(), StoreError> {
        self.pool.lease().await?.batch(TABLES).await?;
        self.prepared.store(true, Ordering::Release);
        Ok(())
    }

    /// Stores an order; returns once it is durable.
    pub(super) async fn put(&self, id: &str, new: &NewOrder) -> Result<Put, StoreError> {
        let note = new.note.clone().unwrap_or_else(|| format!("order {id} of {} pieces", new.n));
        let customer = new.n.rem_euclid(CUSTOMERS) + 1;
        let values: [(&(dyn tokio_postgres::types::ToSql + Sync), Type); 4] =
            [(&id, Type::TEXT), (&new.n, Type::INT8), (&note, Type::TEXT), (&customer, Type::INT8)];
        let rows = self.pool.lease().await?.rows(PUT, &values).await?;
        let Some(row) = rows.first() else { return Ok(Put::Conflict) };
        self.commits.fetch_add(1, Ordering::Relaxed);
        Ok(if row.try_get(0).map_err(unreadable)? { Put::Created } else { Put::Same })
    }

    pub(super) async fn get(&self, id: &str) -> Result<Option<Order>, StoreError> {
        let rows = self.pool.lease().await?.rows(GET, &[(&id, Type::TEXT)]).await?;
        rows.first().map(order).transpose()
    }

    /// The newest orders first.
    pub(super) async fn latest(&self, limit: u32) -> Result<Vec<Order>, StoreError> {
        let rows = self.pool.lease().await?.rows(LATEST, &[(&i64::from(limit), Type::INT8)]).await?;
        rows.iter().map(order).collect()
    }

    pub(super) async fn count(&self) -> Result<i64, StoreError> {
        let rows = self.pool.lease().await?.rows("SELECT count(*) FROM orders", &[]).await?;
        rows.first().ok_or(StoreError::Closed)?.try_get(0).map_err(unreadable)
    }

    /// Asks the database, and that it takes writes: a service in front of a replica could only fail.
    pub(super) async fn ready(&self) -> Result<(), StoreError> {
        if !self.prepared.load(Ordering::Acquire) {
            return Err(StoreError::Unreachable("its tables are not prepared yet".into()));
        }
        let asked = "SELECT pg_is_in_recovery() FROM customers WHERE id = 1";
        let rows = self.pool.lease().await?.rows(asked, &[]).await?;
        match rows.first().map(|row| row.try_get::<_, bool>(0)) {
            Some(Ok(false)) => Ok(()),
            Some(Ok(true)) => Err(StoreError::Sql("it is a replica and takes no writes".into())),
            Some(Err(error)) => Err(unreadable(error)),
            None => Err(StoreError::Sql("its customers are gone".into())),
        }
    }

    /// Writes all orders whose id begins with `prefix` as a JSON array of `{"id", "n"}`, in pieces of about `piece`
    /// bytes, from one moment of the database.
    pub(super) async fn export(&self, prefix: &str, piece: usize, sender: &Pieces) -> Result<(), StoreError> {
        let mut lease = self.pool.lease().await?;
        let rows = lease.stream(IDS, prefix).await?;
        futures_util::pin_mut!(rows);
        let mut out = vec![b'['];
        let mut first = true;
        while let Some(row) = rows.try_next().await.map_err(unreadable)? {
            if !std::mem::take(&mut first) {
                out.extend_from_slice(b",\n");
            }
            let (id, n): (&str, i64) = (row.try_get(0).map_err(unreadable)?, row.try_get(1).map_err(unreadable)?);
            out.extend_from_slice(serde_json::json!({ "id": id, "n": n }).to_string().as_bytes());
            if out.len() >= piece && !send(sender, Ok(std::mem::take(&mut out).into())).await {
                return Ok(());
            }
        }
        out.extend_from_slice(b"]\n");
        send(sender, Ok(out.into())).await;
        Ok(())
    }

    /// Writes acknowledged since the start.
    pub(super) fn commits(&self) -> u64 {
        self.commits.load(Ordering::Relaxed)
    }

    pub(super) fn figures(&self) -> PoolFigures {
        self.pool.figures()
    }

    pub(super) fn close(&self) {
        self.pool.close();
    }
}

fn order(row: &Row) -> Result<Order, StoreError> {
    let text = |at: usize| row.try_get(at).map_err(unreadable);
    let number = |at: usize| row.try_get(at).map_err(unreadable);
    Ok(Order { id: text(0)?, n: number(1)?, note: text(2)?, created: number(3)?, customer: number(4)? })
}

fn unreadable(error: tokio_postgres::Error) -> StoreError {
    StoreError::Sql(error.to_string())
}
