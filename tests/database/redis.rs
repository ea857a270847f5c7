//! Each fault of Redis: injected, seen by a client, seen by `standing`, taken back twice, and nothing left.

use std::time::Duration;

use simulacro::safety::{Reverted, Standing};

use super::cache::{Cache, ask};
use super::cluster::until;
use super::common::Home;
use super::drill::{Drill, world};

const SHORT: Duration = Duration::from_millis(1500);

fn target(cache: &Cache) -> String {
    format!("cache: {{ redis: {{ url: '{}' }} }}", cache.url())
}

/// Whether a command is answered soon.
async fn answers(cache: &Cache, words: &[&str]) -> bool {
    ask::<::redis::Value>(&mut cache.client(SHORT).await, words).await.is_ok()
}

#[tokio::test]
#[ignore = "needs postgresql and redis: scripts/test installs them"]
async fn a_pause_of_everything_stops_all_commands_until_the_undo() {
    let home = Home::new("redis-pause");
    let cache = Cache::new(home.path(), &[]).await;
    let mut client = cache.client(SHORT).await;
    ask::<()>(&mut client, &["SET", "a", "1"]).await.unwrap();
    let drill = Drill::new(&target(&cache), "for: 1m, redis-pause: { target: cache }");
    let undo = drill.inject().await.unwrap();
    assert_eq!(drill.touched(&undo).await, 1);
    // Longer than one pause of those that are renewed.
    assert!(ask::<String>(&mut client, &["GET", "a"]).await.is_err());
    assert_eq!(drill.touched(&undo).await, 1);
    drill.revert(&undo).await;
    assert!(answers(&cache, &["GET", "a"]).await);
}

#[tokio::test]
#[ignore = "needs postgresql and redis: scripts/test installs them"]
async fn without_its_runner_a_pause_ends_by_itself() {
    let home = Home::new("redis-expiry");
    let cache = Cache::new(home.path(), &[]).await;
    let drill = Drill::new(&target(&cache), "for: 1m, redis-pause: { target: cache }");
    let undo = drill.inject().await.unwrap();
    // What renews the pause ends with its world, as it does with its process.
    drop(drill);
    until("commands are answered again", async || answers(&cache, &["PING"]).await).await;
    let other = world();
    until("the pause is gone", async || other.standing(&undo).await == Ok(Standing::Gone)).await;
    assert_eq!(other.revert(&undo).await, Ok(Reverted::AlreadyBack));
}

#[tokio::test]
#[ignore = "needs postgresql and redis: scripts/test installs them"]
async fn a_pause_of_writes_lets_reads_pass_and_another_process_can_end_it() {
    let home = Home::new("redis-writes");
    let cache = Cache::new(home.path(), &[]).await;
    let drill = Drill::new(&target(&cache), "for: 1m, redis-pause: { target: cache, commands: writes }");
    let undo = drill.inject().await.unwrap();
    assert_eq!(drill.touched(&undo).await, 1);
    assert!(answers(&cache, &["GET", "a"]).await && !answers(&cache, &["SET", "a", "1"]).await);
    let again = drill.prepare().await.unwrap_err().to_string();
    assert!(again.contains("paused already"), "{again}");
    let other = world();
    assert_eq!(other.revert(&undo).await, Ok(Reverted::Restored));
    assert!(answers(&cache, &["SET", "a", "2"]).await);
    assert_eq!(drill.world.standing(&undo).await, Ok(Standing::Gone));
    assert_eq!(drill.world.revert(&undo).await, Ok(Reverted::AlreadyBack));
}

#[tokio::test]
#[ignore = "needs postgresql and redis: scripts/test installs them"]
async fn a_pause_of_writes_ends_at_the_server_by_itself() {
    let home = Home::new("redis-writes-expiry");
    let cache = Cache::new(home.path(), &[]).await;
    let fault = "for: 1s, redis-pause: { target: cache, commands: writes }";
    let drill = Drill::held_for(&target(&cache), fault, "2s");
    let undo = drill.inject().await.unwrap();
    assert_eq!(drill.touched(&undo).await, 1);
    until("writes are answered again", async || answers(&cache, &["SET", "a", "1"]).await).await;
    assert_eq!(drill.world.standing(&undo).await, Ok(Standing::Gone));
}

#[tokio::test]
#[ignore = "needs postgresql and redis: scripts/test installs them"]
async fn evicted_keys_are_gone_and_no_others() {
    let home = Home::new("redis-evict");
    let cache = Cache::new(home.path(), &[]).await;
    let mut client = cache.client(SHORT).await;
    for n in 0..50 {
        ask::<()>(&mut client, &["SET", &format!("session:{n}"), "x"]).await.unwrap();
    }
    ask::<()>(&mut client, &["SET", "order", "x"]).await.unwrap();
    let few = "redis-evict: { target: cache, keys: 'session:*', limit: 20 }";
    let drill = Drill::new(&target(&cache), few);
    let undo = drill.inject().await.unwrap();
    assert_eq!(drill.touched(&undo).await, 20);
    assert_eq!(ask::<u64>(&mut client, &["DBSIZE"]).await.unwrap(), 31);
    let rest = Drill::new(&target(&cache), "redis-evict: { target: cache, keys: 'session:*' }");
    let undo = rest.inject().await.unwrap();
    assert_eq!(rest.touched(&undo).await, 30);
    assert_eq!(ask::<Vec<String>>(&mut client, &["KEYS", "*"]).await.unwrap(), ["order"]);
    // What was deleted cannot be seen from elsewhere: that is an error, and not "gone".
    assert!(world().standing(&undo).await.is_err());
    let none = Drill::new(&target(&cache), "redis-evict: { target: cache, keys: 'nobody:*' }");
    let undo = none.inject().await.unwrap();
    assert_eq!(none.touched(&undo).await, 0, "an act without an effect is never seen in effect");
}

#[tokio::test]
#[ignore = "needs postgresql and redis: scripts/test installs them"]
async fn killed_clients_are_gone_and_may_come_back() {
    let home = Home::new("redis-kill");
    let cache = Cache::new(home.path(), &[]).await;
    let mut clients = [cache.client(SHORT).await, cache.client(SHORT).await];
    let drill = Drill::new(&target(&cache), "redis-kill-clients: { target: cache }");
    let undo = drill.inject().await.unwrap();
    assert_eq!(drill.touched(&undo).await, 2);
    for client in &mut clients {
        assert!(ask::<String>(client, &["PING"]).await.is_err());
    }
    assert!(answers(&cache, &["PING"]).await);
    assert_eq!(world().standing(&undo).await, Ok(Standing::InForce { touched: 2 }));
    assert_eq!(drill.world.revert(&undo).await, Ok(Reverted::AlreadyBack));
}
