//! Each fault of PostgreSQL: injected, seen by a client, seen by `standing`, taken back twice, and nothing left.

use simulacro::safety::{Failover, Reverted, Standing};
use simulacro::scenario::target::AfterFailover;
use simulacro::world::Start;
use tokio_postgres::error::SqlState;

use super::cluster::{Data, Server, connect, until};
use super::common::Home;
use super::drill::{Drill, world};

const TABLE: &str = "CREATE TABLE orders (id int8 PRIMARY KEY, n int8)";

fn target(server: &Server) -> String {
    format!("pg: {{ postgres: {{ url: '{}' }} }}", server.url())
}

/// How a statement of a client that waits for half a second at most comes out.
async fn tried(server: &Server, sql: &str) -> Result<(), SqlState> {
    let client = server.client().await;
    client.batch_execute("SET statement_timeout = 500").await.unwrap();
    client.batch_execute(sql).await.map_err(|e| e.code().expect("the server says why").clone())
}

#[tokio::test]
#[ignore = "needs postgresql and redis: scripts/test installs them"]
async fn a_locked_table_makes_its_readers_wait_until_the_undo() {
    let home = Home::new("pg-lock");
    let server = Server::new(home.path()).await;
    server.run(TABLE).await;
    let drill = Drill::new(&target(&server), "for: 1m, postgres-lock-table: { target: pg, table: orders }");
    let undo = drill.inject().await.unwrap();
    assert_eq!(drill.touched(&undo).await, 1);
    assert_eq!(tried(&server, "SELECT * FROM orders").await, Err(SqlState::QUERY_CANCELED));
    assert_eq!(tried(&server, "SELECT 1").await, Ok(()));
    drill.revert(&undo).await;
    assert_eq!(tried(&server, "SELECT * FROM orders").await, Ok(()));
    assert_eq!(server.tagged().await, 0);
}

#[tokio::test]
#[ignore = "needs postgresql and redis: scripts/test installs them"]
async fn a_lock_against_writes_lets_readers_pass_and_another_process_can_end_it() {
    let home = Home::new("pg-writes");
    let server = Server::new(home.path()).await;
    server.run(TABLE).await;
    let fault = "for: 1m, postgres-lock-table: { target: pg, table: public.orders, mode: writes }";
    let drill = Drill::new(&target(&server), fault);
    let undo = drill.inject().await.unwrap();
    assert_eq!(tried(&server, "SELECT * FROM orders").await, Ok(()));
    assert_eq!(tried(&server, "INSERT INTO orders VALUES (1, 1)").await, Err(SqlState::QUERY_CANCELED));
    // As the watchdog does: from the record alone, in a world of its own.
    let other = world();
    assert_eq!(other.standing(&undo).await, Ok(Standing::InForce { touched: 1 }));
    assert_eq!(other.revert(&undo).await, Ok(Reverted::Restored));
    assert_eq!(other.revert(&undo).await, Ok(Reverted::AlreadyBack));
    assert_eq!(tried(&server, "INSERT INTO orders VALUES (1, 1)").await, Ok(()));
    assert_eq!(drill.world.standing(&undo).await, Ok(Standing::Gone));
    assert_eq!(server.tagged().await, 0);
}

#[tokio::test]
#[ignore = "needs postgresql and redis: scripts/test installs them"]
async fn what_is_held_ends_at_the_server_by_itself() {
    let home = Home::new("pg-expiry");
    let server = Server::new(home.path()).await;
    server.run(TABLE).await;
    for fault in [
        "postgres-lock-table: { target: pg, table: orders }",
        "postgres-exhaust-connections: { target: pg }",
        "postgres-slow-queries: { target: pg, table: orders, delay: 300ms, every: 400ms }",
    ] {
        let drill = Drill::held_for(&target(&server), &format!("for: 1s, {fault}"), "2s");
        let undo = drill.inject().await.unwrap();
        until("the effect is seen", async || drill.touched(&undo).await > 0).await;
        // Nobody takes it back, and the process that injected it lives on.
        until("the server has ended it", async || server.tagged().await == 0).await;
        assert_eq!(drill.world.standing(&undo).await, Ok(Standing::Gone), "{fault}");
        assert_eq!(tried(&server, "SELECT * FROM orders").await, Ok(()), "{fault}");
    }
}

#[tokio::test]
#[ignore = "needs postgresql and redis: scripts/test installs them"]
async fn exhausted_connections_turn_users_away_and_superusers_get_in() {
    let home = Home::new("pg-exhaust");
    let server = Server::new(home.path()).await;
    server.run("CREATE USER app").await;
    let app = server.data.url_as("app");
    let kept = connect(&app).await.unwrap();
    let drill = Drill::new(&target(&server), "for: 1m, postgres-exhaust-connections: { target: pg }");
    let undo = drill.inject().await.unwrap();
    assert!(drill.touched(&undo).await >= 10, "{:?}", drill.world.standing(&undo).await);
    let refused = connect(&app).await.map(drop).expect_err("no connection is left");
    assert_eq!(refused.code(), Some(&SqlState::TOO_MANY_CONNECTIONS));
    server.client().await.batch_execute("SELECT 1").await.unwrap();
    // A connection that a client gives back is taken, too.
    let before = server.tagged().await;
    drop(kept);
    until("that connection is taken", async || server.tagged().await == before + 1).await;
    drill.revert(&undo).await;
    connect(&app).await.unwrap();
    assert_eq!(server.tagged().await, 0);
}

#[tokio::test]
#[ignore = "needs postgresql and redis: scripts/test installs them"]
async fn some_connections_can_be_left() {
    let home = Home::new("pg-leave");
    let server = Server::new(home.path()).await;
    server.run("CREATE USER app; GRANT pg_read_all_stats TO app").await;
    let app = server.data.url_as("app");
    let targets = format!("pg: {{ postgres: {{ url: '{app}' }} }}");
    let drill = Drill::new(&targets, "for: 1m, postgres-exhaust-connections: { target: pg, leave: 2 }");
    let undo = drill.inject().await.unwrap();
    assert!(drill.touched(&undo).await > 0);
    let (one, two) = (connect(&app).await.unwrap(), connect(&app).await.unwrap());
    assert!(connect(&app).await.is_err());
    drop((one, two));
    drill.revert(&undo).await;
}

#[tokio::test]
#[ignore = "needs postgresql and redis: scripts/test installs them"]
async fn terminated_clients_are_gone_and_may_come_back() {
    let home = Home::new("pg-terminate");
    let server = Server::new(home.path()).await;
    server.run("CREATE USER app").await;
    let app = server.data.url_as("app");
    let mine = server.client().await;
    let theirs = [connect(&app).await.unwrap(), connect(&app).await.unwrap()];
    let fault = "postgres-terminate-connections: { target: pg, user: app, times: 2, every: 200ms }";
    let drill = Drill::new(&target(&server), fault);
    let undo = drill.inject().await.unwrap();
    assert_eq!(drill.touched(&undo).await, 2);
    for client in &theirs {
        assert!(client.batch_execute("SELECT 1").await.is_err());
    }
    mine.batch_execute("SELECT 1").await.unwrap();
    connect(&app).await.unwrap().batch_execute("SELECT 1").await.unwrap();
    assert!(undo.has_no_inverse());
    assert_eq!(drill.world.revert(&undo).await, Ok(Reverted::AlreadyBack));
}

#[tokio::test]
#[ignore = "needs postgresql and redis: scripts/test installs them"]
async fn without_sessions_nothing_is_touched() {
    let home = Home::new("pg-none");
    let server = Server::new(home.path()).await;
    let drill = Drill::new(&target(&server), "postgres-terminate-connections: { target: pg, application: nobody }");
    let undo = drill.inject().await.unwrap();
    assert_eq!(drill.touched(&undo).await, 0, "an act without an effect is never seen in effect");
}

#[tokio::test]
#[ignore = "needs postgresql and redis: scripts/test installs them"]
async fn slow_queries_wait_now_and_then() {
    let home = Home::new("pg-slow");
    let server = Server::new(home.path()).await;
    server.run(TABLE).await;
    let fault = "for: 1m, postgres-slow-queries: { target: pg, table: orders, delay: 400ms, every: 500ms }";
    let drill = Drill::new(&target(&server), fault);
    let undo = drill.inject().await.unwrap();
    let client = server.client().await;
    client.batch_execute("SET statement_timeout = 100").await.unwrap();
    let (mut waited, mut passed) = (false, false);
    until("a query waits, and another passes", async || {
        match client.batch_execute("SELECT * FROM orders").await {
            Ok(()) => passed = true,
            Err(e) => waited |= e.code() == Some(&SqlState::QUERY_CANCELED),
        }
        waited && passed
    })
    .await;
    let pulses = drill.touched(&undo).await;
    until("the table is held again", async || drill.touched(&undo).await > pulses).await;
    drill.revert(&undo).await;
    assert_eq!(tried(&server, "SELECT * FROM orders").await, Ok(()));
    assert_eq!(server.tagged().await, 0);
}

#[tokio::test]
#[ignore = "needs postgresql and redis: scripts/test installs them"]
async fn a_promoted_standby_takes_writes_and_nothing_is_started_beside_it() {
    let home = Home::new("pg-promote");
    let primary = Server::new(home.path()).await;
    primary.run(TABLE).await;
    let standby = Data::standby(home.path(), "standby", &primary, primary.data.port).start().await;
    let targets = |url: &str| format!("pg: {{ postgres: {{ url: '{url}' }} }}");
    let aimed = |url: &str| Drill::new(&targets(url), "postgres-promote: { target: pg }");
    let refused = aimed(&primary.url()).prepare().await.unwrap_err().to_string();
    assert!(refused.contains("is no standby"), "{refused}");

    let drill = aimed(&standby.url());
    let failover = |after| Failover { peer: standby.url(), after };
    assert_eq!(drill.world.may_start(&failover(None)).await, Ok(Start::Yes));
    let locked = Drill::new(&targets(&standby.url()), "for: 1s, postgres-lock-table: { target: pg, table: orders }");
    assert!(locked.prepare().await.unwrap_err().to_string().contains("is a standby"));

    let undo = drill.inject().await.unwrap();
    assert_eq!(drill.touched(&undo).await, 1);
    standby.run("INSERT INTO orders VALUES (1, 1)").await;
    assert_eq!(drill.world.revert(&undo).await, Ok(Reverted::AlreadyBack));
    assert!(drill.world.databases.is_primary(&standby.url()).await.unwrap(), "an undo never demotes");

    let said = drill.world.may_start(&failover(None)).await.unwrap_err().to_string();
    assert!(said.contains("was promoted") && said.contains("after_failover"), "{said}");
    let said = drill.world.may_start(&failover(Some(AfterFailover::Rejoin))).await.unwrap_err().to_string();
    assert!(said.contains("pg_rewind"), "{said}");
    assert_eq!(drill.world.may_start(&failover(Some(AfterFailover::LeaveDown))).await, Ok(Start::LeaveDown));
    let peer = standby.url();
    drop(standby);
    let unseen = drill.world.may_start(&Failover { peer, after: Some(AfterFailover::LeaveDown) }).await;
    assert!(unseen.unwrap_err().to_string().contains("cannot be seen"));
}
