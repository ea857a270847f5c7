//! What goes wrong: bad input has a message with the remedy, a killed runner leaves nothing, and no secret is told.

use std::fs;
use std::process::Stdio;
use std::time::Duration;

use simulacro::world::database::{DatabaseWrite, WriteOutcome};

use super::cache::Cache;
use super::cluster::{Data, Server, connect, until};
use super::common::{Home, free_port, signal};
use super::drill::{Drill, world};

const PASSWORD: &str = "correct-horse/battery@staple";

fn postgres(url: &str) -> String {
    format!("pg: {{ postgres: {{ url: '{url}' }} }}")
}

async fn refused(targets: &str, fault: &str) -> String {
    Drill::new(targets, fault).prepare().await.unwrap_err().to_string()
}

#[tokio::test]
#[ignore = "needs postgresql and redis: scripts/test installs them"]
async fn what_postgres_refuses_is_said_with_its_remedy_and_without_the_secret() {
    let home = Home::new("pg-bad");
    let server = Server::new(home.path()).await;
    server
        .run(&format!("CREATE TABLE orders (id int8); CREATE USER app; CREATE USER guarded PASSWORD '{PASSWORD}'"))
        .await;
    let lock = "for: 1s, postgres-lock-table: { target: pg, table: orders }";
    let secret = home.path().join("secret");
    let port = server.data.port;
    let guarded = postgres(&format!("postgres://guarded:${{file:{}}}@127.0.0.1:{port}/postgres", secret.display()));

    fs::write(&secret, "wrong-horse-battery").unwrap();
    let why = refused(&guarded, lock).await;
    assert!(why.contains("check the user `guarded` and the secret") && !why.contains("wrong-horse"), "{why}");
    fs::remove_file(&secret).unwrap();
    assert!(refused(&guarded, lock).await.contains("cannot be read"));
    // With the right one, whatever characters it has, it gets to what the user may do.
    fs::write(&secret, PASSWORD).unwrap();
    let why = refused(&guarded, lock).await;
    assert!(why.contains("may not lock `orders`") && why.contains("GRANT UPDATE"), "{why}");

    let why = refused(&postgres(&server.url()), "for: 1s, postgres-lock-table: { target: pg, table: order }").await;
    assert!(why.contains("no table `order`"), "{why}");
    let app = postgres(&server.data.url_as("app"));
    let why = refused(&app, "postgres-terminate-connections: { target: pg }").await;
    assert!(why.contains("GRANT pg_signal_backend"), "{why}");
    let why = refused(&app, "for: 1s, postgres-exhaust-connections: { target: pg }").await;
    assert!(why.contains("GRANT pg_read_all_stats"), "{why}");
    let nowhere = postgres(&format!("postgres://postgres@127.0.0.1:{port}/nowhere"));
    assert!(refused(&nowhere, lock).await.contains("correct the database"));
    let gone = postgres(&format!("postgres://postgres@127.0.0.1:{}/postgres", free_port()));
    assert!(refused(&gone, lock).await.contains("does it run"));
    assert_eq!(server.tagged().await, 0);
}

#[tokio::test]
#[ignore = "needs postgresql and redis: scripts/test installs them"]
async fn what_redis_refuses_is_said_with_its_remedy_and_without_the_secret() {
    let home = Home::new("redis-bad");
    let cache = Cache::new(home.path(), &["--requirepass", PASSWORD]).await;
    let secret = home.path().join("secret");
    fs::write(&secret, "wrong-horse-battery").unwrap();
    let targets =
        format!("cache: {{ redis: {{ url: 'redis://:${{file:{}}}@127.0.0.1:{}' }} }}", secret.display(), cache.port);
    let kill = "redis-kill-clients: { target: cache }";
    let why = refused(&targets, kill).await;
    assert!(why.contains("the secret in the target's `url`") && !why.contains("wrong-horse"), "{why}");
    fs::write(&secret, PASSWORD).unwrap();
    let drill = Drill::new(&targets, kill);
    let undo = drill.inject().await.unwrap();
    assert!(!serde_json::to_string(&undo).unwrap().contains("horse"), "the record keeps the reference");
    let without = format!("cache: {{ redis: {{ url: 'redis://127.0.0.1:{}' }} }}", cache.port);
    assert!(refused(&without, kill).await.contains("NOAUTH"));
    drop(cache);
    assert!(refused(&targets, kill).await.contains("does it run"));
}

#[tokio::test]
#[ignore = "needs postgresql and redis: scripts/test installs them"]
async fn a_table_that_somebody_holds_is_not_waited_for_for_ever() {
    let home = Home::new("pg-busy");
    let server = Server::new(home.path()).await;
    server.run("CREATE TABLE orders (id int8)").await;
    let other = server.client().await;
    other.batch_execute("BEGIN; LOCK TABLE orders").await.unwrap();
    let fault = "for: 1s, postgres-lock-table: { target: pg, table: orders, wait: 300ms }";
    let why = Drill::new(&postgres(&server.url()), fault).inject().await.unwrap_err();
    assert!(why.contains("raise `wait`"), "{why}");
    until("its session is gone", async || server.tagged().await == 0).await;
}

#[tokio::test]
#[ignore = "needs postgresql and redis: scripts/test installs them"]
async fn tls_is_spoken_and_checked_where_the_address_asks_for_it() {
    let home = Home::new("pg-tls");
    let data = Data::new(home.path(), "data");
    let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".into()]).unwrap();
    let (cert, key) = (data.dir.join("server.crt"), data.dir.join("server.key"));
    fs::write(&cert, made.cert.pem()).unwrap();
    fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let private = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    fs::set_permissions(&key, private).unwrap();
    let authority = home.path().join("ca.pem");
    fs::copy(&cert, &authority).unwrap();
    super::cluster::hand_over(&data.dir);
    data.set("ssl = on\n");
    let server = data.start().await;
    server.run("CREATE USER tls_only").await;
    let world = world();
    let meant = async |parameters: String| {
        let url = format!("{}?{parameters}", server.data.url_as("tls_only"));
        world.databases.meant(&url).await.map(|server| server.shown).map_err(|e| e.to_string())
    };
    assert!(meant("sslmode=require".into()).await.unwrap().contains("primary"));
    assert!(meant(format!("sslmode=verify-full&sslrootcert={}", authority.display())).await.is_ok());
    assert!(meant("sslmode=prefer".into()).await.is_ok());
    let unknown = meant("sslmode=verify-full".into()).await.unwrap_err();
    assert!(unknown.contains("certificate"), "{unknown}");
    assert!(meant("sslmode=disable".into()).await.is_err());
}

#[tokio::test]
#[ignore = "needs postgresql and redis: scripts/test installs them"]
async fn each_end_of_a_write_to_postgres_has_its_fate() {
    let home = Home::new("pg-fates");
    let server = Server::new(home.path()).await;
    server.run("CREATE TABLE orders (id int8 PRIMARY KEY, n int8)").await;
    let (world, url) = (world(), server.url());
    let write = async |n: u64, timeout: u64| {
        let row = format!("{{\"id\": {n}, \"n\": {n}}}");
        let write = DatabaseWrite::Postgres { url: &url, table: "orders", row };
        world.databases.write(write, Duration::from_millis(timeout)).await
    };
    assert_eq!(write(1, 5_000).await, WriteOutcome::Acked);
    let twice = write(1, 5_000).await;
    assert!(matches!(&twice, WriteOutcome::Refused(why) if why.contains("23505")), "{twice:?}");
    // Two sessions at least, ready to write: on a new one nothing would be sent yet.
    let both = tokio::join!(write(10, 5_000), write(11, 5_000));
    assert_eq!(both, (WriteOutcome::Acked, WriteOutcome::Acked));
    let other = server.client().await;
    other.batch_execute("BEGIN; LOCK TABLE orders").await.unwrap();
    let late = write(2, 300).await;
    assert!(matches!(&late, WriteOutcome::Failed(failure) if failure.sent), "{late:?}");
    // Ended while it waits: nobody can say what became of it.
    let ended = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'simulacro/ledger'";
    let kill = async {
        until("the write waits", async || {
            let waits = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'simulacro/ledger' \
                         AND wait_event_type = 'Lock'";
            server.number(waits).await == 2
        })
        .await;
        server.run(ended).await;
    };
    let (broken, ()) = tokio::join!(write(3, 10_000), kill);
    assert!(matches!(&broken, WriteOutcome::Unknown(why) if why.contains("57P01")), "{broken:?}");
    other.batch_execute("ROLLBACK").await.unwrap();
    // A new session is opened by itself.
    assert_eq!(write(4, 5_000).await, WriteOutcome::Acked);
    let nowhere = DatabaseWrite::Postgres { url: &url, table: "nowhere", row: "{\"id\": 1}".into() };
    let nowhere = world.databases.write(nowhere, Duration::from_secs(5)).await;
    assert!(matches!(&nowhere, WriteOutcome::Refused(why) if why.contains("42P01")), "{nowhere:?}");
    drop(server);
    // On a session that the server ended in the meantime, whether it read the message before or not.
    let down = write(5, 1_000).await;
    assert!(matches!(&down, WriteOutcome::Failed(_) | WriteOutcome::Unknown(_)), "{down:?}");
    let down = write(6, 1_000).await;
    assert!(matches!(&down, WriteOutcome::Failed(failure) if !failure.sent), "{down:?}");
}

#[tokio::test]
#[ignore = "needs postgresql and redis: scripts/test installs them"]
async fn each_end_of_a_write_to_redis_has_its_fate() {
    let home = Home::new("redis-fates");
    let cache = Cache::new(home.path(), &[]).await;
    let (world, url) = (world(), cache.url());
    let write = async |replicas: u32, timeout: u64| {
        let (key, value) = ("ledger:1".to_owned(), "1".to_owned());
        let write = DatabaseWrite::Redis { url: &url, key, value, replicas };
        world.databases.write(write, Duration::from_millis(timeout)).await
    };
    assert_eq!(write(0, 5_000).await, WriteOutcome::Acked);
    let alone = write(1, 500).await;
    assert!(matches!(&alone, WriteOutcome::Unknown(_) | WriteOutcome::Failed(_)), "{alone:?}");
    cache.ask::<()>(&["CONFIG", "SET", "maxmemory", "1"]).await.unwrap();
    let full = write(0, 5_000).await;
    assert!(matches!(&full, WriteOutcome::Refused(why) if why.contains("OOM")), "{full:?}");
    cache.ask::<()>(&["CONFIG", "SET", "maxmemory", "0"]).await.unwrap();
    cache.ask::<()>(&["CLIENT", "PAUSE", "1000", "WRITE"]).await.unwrap();
    let late = write(0, 300).await;
    assert!(matches!(&late, WriteOutcome::Failed(failure) if failure.sent), "{late:?}");
    drop(cache);
    let down = write(0, 1_000).await;
    assert!(matches!(&down, WriteOutcome::Failed(_)), "{down:?}");
    let down = write(0, 1_000).await;
    assert!(matches!(&down, WriteOutcome::Failed(failure) if !failure.sent), "{down:?}");
}

/// A drill that holds everything that can be held.
fn everything(server: &Server, cache: &Cache) -> String {
    format!(
        "
name: everything
targets:
  pg: {{ postgres: {{ url: '{}' }} }}
  pg-too: {{ postgres: {{ url: '{}' }} }}
  cache: {{ redis: {{ url: '{}' }} }}
probes: [{{ name: p, tcp: {{ address: '127.0.0.1:{}' }}, every: 50ms }}]
recovery_signal: {{ streams: [p] }}
phases: {{ warmup: 100ms, baseline: 300ms, recovery: {{ deadline: 10s, hold: 300ms }}, after: 100ms }}
faults:
  - {{ name: lock, at: 0s, for: 1m, impact: tolerated, postgres-lock-table: {{ target: pg, table: orders }} }}
  - {{ name: full, at: 200ms, for: 1m, impact: tolerated, postgres-exhaust-connections: {{ target: pg-too }} }}
  - {{ name: pause, at: 0s, for: 1m, impact: tolerated, redis-pause: {{ target: cache }} }}
",
        server.url(),
        server.data.url_as("postgres").replace("127.0.0.1", "localhost"),
        cache.url(),
        server.data.port,
    )
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs postgresql and redis: scripts/test installs them"]
async fn a_killed_runner_leaves_nothing_at_the_servers() {
    let home = Home::new("db-killed");
    let server = Server::new(home.path()).await;
    let cache = Cache::new(home.path(), &[]).await;
    server.run("CREATE TABLE orders (id int8); CREATE USER app").await;
    fs::write(home.path().join("drill.yaml"), everything(&server, &cache)).unwrap();
    let log = fs::File::create(home.path().join("runner.log")).unwrap();
    let mut runner = home.simulacro();
    let runner = runner.args(["run", "drill.yaml", "--yes"]).stdout(Stdio::null()).stderr(Stdio::from(log));
    let mut runner = runner.spawn().unwrap();
    let app = server.data.url_as("app");
    until("everything is held", async || {
        assert_eq!(runner.try_wait().unwrap(), None, "{}", fs::read_to_string(home.path().join("runner.log")).unwrap());
        connect(&app).await.is_err() && server.tagged().await > 5
    })
    .await;
    signal(runner.id() as i32, rustix::process::Signal::KILL);
    runner.wait().unwrap();
    until("the server is free", async || server.tagged().await == 0 && connect(&app).await.is_ok()).await;
    until("Redis answers", async || cache.ask::<String>(&["PING"]).await.is_ok()).await;
    home.wait_until_quiet();
    let recover = home.run(&["recover", "--all"]);
    assert!(recover.status.success(), "{}", String::from_utf8_lossy(&recover.stderr));
    server.run("BEGIN; LOCK TABLE orders; COMMIT").await;
}
