//! The service over real HTTP on a free port of the loopback interface.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::api::{self, Service};
use super::backend::Backend;
use super::metrics::Metrics;
use super::orders::Order;
use super::store::Store;

struct Running {
    folder: TempDir,
    base: String,
    store: Arc<Store>,
    client: reqwest::Client,
}

impl Running {
    async fn start() -> Running {
        let folder = tempfile::tempdir().unwrap();
        let store = Arc::new(Store::open(&folder.path().join("orders.db"), None).unwrap());
        let listener = super::listen("127.0.0.1:0".parse().unwrap(), None).unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let service = Service {
            store: Backend::Sqlite(store.clone()),
            metrics: Metrics::start(),
            truth: None,
            think_time: Duration::ZERO,
            allow_exit: false,
        };
        tokio::spawn(axum::serve(listener, api::router(Arc::new(service))).into_future());
        Running { folder, base, store, client: reqwest::Client::new() }
    }

    async fn put(&self, id: &str, body: Value) -> u16 {
        let url = format!("{}/orders/{id}", self.base);
        self.client.put(url).json(&body).send().await.unwrap().status().as_u16()
    }

    async fn get(&self, path: &str) -> (u16, String) {
        let answer = self.client.get(format!("{}{path}", self.base)).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }
}

#[tokio::test]
async fn a_write_is_created_once_repeated_harmlessly_and_never_changed() {
    let service = Running::start().await;
    assert_eq!(service.put("ledger-7", json!({ "n": 7 })).await, 201);
    assert_eq!(service.put("ledger-7", json!({ "n": 7 })).await, 200);
    assert_eq!(service.put("ledger-7", json!({ "n": 8 })).await, 409);
    assert_eq!(service.put("no$good", json!({ "n": 8 })).await, 400);
    assert_eq!(service.put("typo", json!({ "m": 8 })).await, 422);
    let (status, text) = service.get("/orders/ledger-7").await;
    let order: Order = serde_json::from_str(&text).unwrap();
    assert_eq!((status, order.n, order.id.as_str()), (200, 7, "ledger-7"));
    assert_eq!(service.get("/orders/absent").await.0, 404);
    assert_eq!(service.get("/ready").await.0, 200);
}

#[tokio::test]
async fn the_final_read_is_whole_and_filters_by_prefix() {
    let service = Running::start().await;
    // More than one piece of the stream.
    let many: Vec<_> = (0..4000)
        .map(|n| {
            let id = format!("{}-{n:0>30}", if n % 2 == 0 { "ledger" } else { "shop" });
            service.store.put(id, serde_json::from_value(json!({ "n": n })).unwrap())
        })
        .collect();
    for stored in futures_util::future::join_all(many).await {
        stored.unwrap();
    }
    let ids = |text: String| -> BTreeMap<String, i64> {
        let rows: Vec<Value> = serde_json::from_str(&text).unwrap();
        rows.iter().map(|row| (row["id"].as_str().unwrap().to_owned(), row["n"].as_i64().unwrap())).collect()
    };
    let (_, all) = service.get("/orders/ids").await;
    assert!(all.len() > 2 * 64 * 1024, "{} bytes do not exercise the stream", all.len());
    assert_eq!(ids(all).len(), 4000);
    let ledger = ids(service.get("/orders/ids?prefix=ledger-").await.1);
    assert_eq!(ledger.len(), 2000);
    assert!(ledger.iter().all(|(id, n)| n % 2 == 0 && id.starts_with("ledger-")));
    let (_, latest) = service.get("/orders?limit=3").await;
    assert_eq!(serde_json::from_str::<Vec<Order>>(&latest).unwrap().len(), 3);
}

#[tokio::test]
async fn metrics_name_the_route_and_not_the_order() {
    let service = Running::start().await;
    service.put("a1", json!({ "n": 1 })).await;
    service.put("a2", json!({ "n": 1 })).await;
    service.get("/nowhere").await;
    let (_, page) = service.get("/metrics").await;
    let counted = "http_requests_total{method=\"PUT\",route=\"/orders/{id}\",status=\"201\"} 2";
    assert!(page.contains(counted), "{counted} is not in\n{page}");
    assert!(page.contains("route=\"other\",status=\"404\"} 1"), "{page}");
    assert!(page.contains("\norders 2\n"), "{page}");
}

#[tokio::test]
async fn exit_needs_consent() {
    let service = Running::start().await;
    let refused = service.client.post(format!("{}/admin/exit?code=3", service.base)).send().await.unwrap();
    assert_eq!(refused.status().as_u16(), 403);
}

/// What SIGKILL leaves behind: the database and its write-ahead log, as they are in the page cache.
fn as_killed(live: &Path, into: &Path) {
    for suffix in ["", "-wal"] {
        let name = format!("orders.db{suffix}");
        std::fs::copy(live.join(&name), into.join(&name)).unwrap();
    }
}

#[tokio::test]
async fn every_acknowledged_order_is_there_after_a_kill() {
    let service = Running::start().await;
    for n in 0..50 {
        assert_eq!(service.put(&n.to_string(), json!({ "n": n })).await, 201);
    }
    let dead = tempfile::tempdir().unwrap();
    as_killed(service.folder.path(), dead.path());
    assert!(dead.path().join("orders.db-wal").metadata().unwrap().len() > 0, "nothing was left in the WAL to recover");
    let again = Store::open(&dead.path().join("orders.db"), None).unwrap();
    assert_eq!(again.read(super::orders::count).unwrap(), 50);
    assert!(again.is_open());
}

#[tokio::test]
async fn an_early_acknowledgement_loses_orders_to_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("orders.db"), Some(Duration::from_secs(3600))).unwrap();
    store.put("1".into(), serde_json::from_value(json!({ "n": 1 })).unwrap()).await.unwrap();
    let dead = tempfile::tempdir().unwrap();
    as_killed(folder.path(), dead.path());
    let again = Store::open(&dead.path().join("orders.db"), None).unwrap();
    assert_eq!(again.read(super::orders::count).unwrap(), 0);
}

#[tokio::test]
async fn a_closed_store_says_so_and_leaves_one_file() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("orders.db"), None).unwrap();
    store.put("0".into(), serde_json::from_value(json!({ "n": 0 })).unwrap()).await.unwrap();
    store.close();
    assert!(!folder.path().join("orders.db-wal").exists(), "the WAL was not folded into the database");
    let refused = store.put("1".into(), serde_json::from_value(json!({ "n": 1 })).unwrap()).await;
    assert!(matches!(refused, Err(super::store::StoreError::Closed)), "{refused:?}");
}

#[test]
fn a_port_in_use_is_an_error_that_names_it() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let taken = super::listen("127.0.0.1:0".parse().unwrap(), None).unwrap();
        let addr = taken.local_addr().unwrap();
        let refused = super::listen(addr, None).unwrap_err().to_string();
        assert!(refused.contains(&addr.to_string()) && refused.contains("using the port"), "{refused}");
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs an idle machine: it prints a figure"]
async fn writes_per_second() {
    let service = Arc::new(Running::start().await);
    for writers in [1, 8, 32] {
        let began = tokio::time::Instant::now();
        let tasks = (0..writers).map(|writer| {
            let service = service.clone();
            tokio::spawn(async move {
                for n in 0..200 {
                    assert_eq!(service.put(&format!("{writers}-{writer}-{n}"), json!({ "n": n })).await, 201);
                }
            })
        });
        futures_util::future::join_all(tasks).await.into_iter().for_each(Result::unwrap);
        let rate = f64::from(writers * 200) / began.elapsed().as_secs_f64();
        println!("{writers} writers: {rate:.0} durable writes/s, {} commits so far", service.store.commits());
    }
}

/// What a drill does with the service, with the real drivers: ledger, final read, backup under load, restore proof.
mod drilled {
    use std::path::PathBuf;

    use tokio::sync::mpsc;
    use tokio_util::sync::CancellationToken;

    use super::*;
    use crate::backup::HostBackups;
    use crate::clock::Clock;
    use crate::observe::ledger::{LedgerWriter, read_back};
    use crate::scenario::plan::Plan;
    use crate::timeline::event::EventKind;
    use crate::timeline::ledger::{Entry, FinalRead, Reference, Shape, account, replay};
    use crate::timeline::restore::ProofOutcome;
    use crate::world::World;
    use crate::world::backups::{Backups, ProofRequest};
    use crate::world::http::HostHttp;
    use crate::world::sim::Sim;

    fn plan(base: &str, dir: PathBuf) -> Plan {
        let database = dir.join("orders.db");
        let scenario = serde_json::from_value(json!({
            "name": "ledger",
            "ledger": {
                "every": "2ms",
                "write": { "http": { "url": format!("{base}/orders/${{id}}"), "body": "{\"n\": ${id}}" } },
                "read": { "http": { "url": format!("{base}/orders/ids") } },
            },
            "backups": { "nightly": {
                "sqlite": { "database": database },
                "checks": ["ledger", "integrity", "row-counts", "content"],
                "smoke": { "query": "SELECT count(*) FROM customers", "expect": "100" },
            } },
        }))
        .unwrap();
        let text = String::new;
        Plan {
            version: 1,
            run: crate::model::RunId("run".into()),
            file: "ledger.yaml".into(),
            digest: text(),
            objectives_digest: text(),
            seed: 1,
            scenario,
            profiles: BTreeMap::new(),
            dir,
            simulated: false,
            allow_commands: false,
            host: text(),
            load: None,
            retry_of: None,
            consent: Default::default(),
            machine: None,
        }
    }

    #[tokio::test]
    async fn ledger_and_backup_agree_with_a_healthy_service_under_load() {
        let service = Running::start().await;
        // Somebody else's order, which is none of the ledger's business.
        assert_eq!(service.put("cart-7", json!({ "n": 7 })).await, 201);
        let plan = plan(&service.base, service.folder.path().to_owned());
        let ledger = plan.scenario.ledger.clone().unwrap();
        let clock = Clock::start();
        let world = World { http: Arc::new(HostHttp::default()), ..Sim::new(&plan.scenario).world(clock) };
        let backups = HostBackups::new(clock, Some(Shape::of(&ledger, &plan.run)));
        let (name, backup) = plan.scenario.backups.iter().next().unwrap();

        let (events, mut received) = mpsc::channel(64);
        let stop = CancellationToken::new();
        let writing =
            tokio::spawn(LedgerWriter::create(&plan, &ledger).unwrap().run(world.clone(), stop.clone(), events));
        let mut entries = Vec::new();
        while let Some(event) = received.recv().await {
            let EventKind::Ledger { n, intended, sent, fate } = event else { panic!("{event:?}") };
            entries.push(Entry { n, intended, sent, fate });
            match entries.len() {
                100 => drop(backups.take(name, backup, &plan.dir).await.unwrap()),
                150 => stop.cancel(),
                _ => (),
            }
        }
        writing.await.unwrap();

        let EventKind::LedgerRead { node, outcome } = read_back(&plan, &ledger, &world).await else { panic!() };
        let found = FinalRead::from_reading(&node, &outcome).unwrap_or_else(|| panic!("{outcome:?}"));
        let account = account(&entries, &found, Reference::exact(clock.now()));
        assert!(account.acked >= 100 && account.lost.is_empty(), "{account:?}");
        assert_eq!((account.unexpected, account.altered, account.duplicates), (0, 0, 0));
        entries.sort_by_key(|entry| entry.n);
        assert_eq!(replay(&std::fs::read_to_string(plan.dir.join("ledger.jsonl")).unwrap()).len() as u64, account.sent);

        let request = ProofRequest {
            name,
            backup,
            taken: None,
            ledger: &entries,
            dir: &plan.dir,
            within: Duration::from_secs(60),
        };
        let proof = backups.prove(request).await;
        assert_eq!(proof.outcome, ProofOutcome::Verified, "{}", proof.why);
        assert_eq!(proof.ledger.unwrap().lost, 0);
    }
}
