//! Counters of the service in Prometheus text format 0.0.4.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::clock::raw_now;

/// Upper bounds of the latency buckets, in microseconds.
const BUCKETS_US: [u64; 12] =
    [500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000];

/// Requests answered, by route.
pub(super) struct Metrics {
    started_raw: i64,
    routes: Mutex<BTreeMap<(String, String), Route>>,
}

#[derive(Default)]
struct Route {
    by_status: BTreeMap<u16, u64>,
    /// Not cumulative; made so when written.
    buckets: [u64; BUCKETS_US.len()],
    count: u64,
    sum: Duration,
}

/// Figures of the database, read when the page is asked for.
#[derive(Default)]
pub(super) struct Figures {
    /// None: the database did not say.
    pub orders: Option<i64>,
    pub commits: u64,
    /// Of PostgreSQL and Redis: none without them.
    #[cfg(feature = "databases")]
    pub pool: Option<super::pool::PoolFigures>,
    #[cfg(feature = "databases")]
    pub cache: Option<super::cache::CacheFigures>,
}

impl Metrics {
    /// Empty counters; uptime runs from here.
    pub(super) fn start() -> Metrics {
        Metrics { started_raw: raw_now(), routes: Mutex::default() }
    }

    /// Counts one answered request.
    pub(super) fn record(&self, method: &str, route: &str, status: u16, took: Duration) {
        let mut routes = self.routes.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = routes.entry((method.to_owned(), route.to_owned())).or_default();
        *entry.by_status.entry(status).or_default() += 1;
        entry.count += 1;
        entry.sum += took;
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        if let Some(bucket) = BUCKETS_US.iter().position(|bound| micros <= *bound) {
            entry.buckets[bucket] += 1;
        }
    }

    /// The page that Prometheus scrapes.
    pub(super) fn render(&self, figures: &Figures) -> String {
        let routes = self.routes.lock().unwrap_or_else(PoisonError::into_inner);
        let mut page = String::new();
        head(&mut page, "http_requests_total", "counter", "Requests answered.");
        for ((method, route), entry) in routes.iter() {
            for (status, count) in &entry.by_status {
                let labels = format!("method=\"{method}\",route=\"{route}\",status=\"{status}\"");
                let _ = writeln!(page, "http_requests_total{{{labels}}} {count}");
            }
        }
        head(&mut page, "http_request_duration_seconds", "histogram", "Time to answer a request.");
        for ((method, route), entry) in routes.iter() {
            entry.render(&mut page, &format!("method=\"{method}\",route=\"{route}\""));
        }
        if let Some(orders) = figures.orders {
            head(&mut page, "orders", "gauge", "Orders stored.");
            let _ = writeln!(page, "orders {orders}");
        }
        head(&mut page, "orders_commits_total", "counter", "Transactions committed.");
        let _ = writeln!(page, "orders_commits_total {}", figures.commits);
        #[cfg(feature = "databases")]
        databases(&mut page, figures);
        head(&mut page, "uptime_seconds", "gauge", "Seconds since the service started.");
        let _ = writeln!(page, "uptime_seconds {:.3}", (raw_now() - self.started_raw) as f64 / 1e9);
        page
    }
}

impl Route {
    fn render(&self, page: &mut String, labels: &str) {
        let name = "http_request_duration_seconds";
        let mut below = 0;
        for (bound, count) in BUCKETS_US.iter().zip(self.buckets) {
            below += count;
            let _ = writeln!(page, "{name}_bucket{{{labels},le=\"{}\"}} {below}", *bound as f64 / 1e6);
        }
        let _ = writeln!(page, "{name}_bucket{{{labels},le=\"+Inf\"}} {}", self.count);
        let _ = writeln!(page, "{name}_sum{{{labels}}} {:.6}", self.sum.as_secs_f64());
        let _ = writeln!(page, "{name}_count{{{labels}}} {}", self.count);
    }
}

#[cfg(feature = "databases")]
fn databases(page: &mut String, figures: &Figures) {
    let mut one = |name: &str, kind: &str, what: &str, value: u64| {
        head(page, name, kind, what);
        let _ = writeln!(page, "{name} {value}");
    };
    if let Some(pool) = &figures.pool {
        one("orders_database_connections_limit", "gauge", "Connections at most.", pool.limit);
        one("orders_database_connections_busy", "gauge", "Connections in use.", pool.busy);
        one("orders_database_exhausted_total", "counter", "Requests that got no connection in time.", pool.exhausted);
        one("orders_database_failures_total", "counter", "Statements and connects that failed.", pool.failed);
    }
    if let Some(cache) = &figures.cache {
        one("orders_cache_hits_total", "counter", "Orders found in the cache.", cache.hits);
        one("orders_cache_misses_total", "counter", "Orders not found in the cache.", cache.misses);
        one("orders_cache_failures_total", "counter", "Times the cache failed.", cache.failures);
    }
}

fn head(page: &mut String, name: &str, kind: &str, help: &str) {
    let _ = writeln!(page, "# HELP {name} {help}\n# TYPE {name} {kind}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_are_cumulative_and_end_in_the_count() {
        let metrics = Metrics::start();
        for millis in [1, 3, 20, 9_000] {
            metrics.record("GET", "/ready", 200, Duration::from_millis(millis));
        }
        let page = metrics.render(&Figures { orders: Some(7), commits: 2, ..Figures::default() });
        let labels = "method=\"GET\",route=\"/ready\"";
        for (le, expected) in [("0.0005", 0), ("0.001", 1), ("0.005", 2), ("0.025", 3), ("2.5", 3), ("+Inf", 4)] {
            let line = format!("http_request_duration_seconds_bucket{{{labels},le=\"{le}\"}} {expected}\n");
            assert!(page.contains(&line), "{line} is not in\n{page}");
        }
        assert!(page.contains("http_requests_total{method=\"GET\",route=\"/ready\",status=\"200\"} 4\n"));
        assert!(page.contains("\norders 7\n"));
    }
}
