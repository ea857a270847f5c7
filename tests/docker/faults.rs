//! Every fault on containers: seen from outside, seen by `standing`, taken back twice, and the inspection as before.

use simulacro::safety::{Reverted, Standing};

use crate::stage::Stage;
use crate::support::{Container, Network, assert_same, docker, kernel, lasting, succeeds, unique};

/// A held fault from end to end. `hurt` looks from outside while it stands.
async fn lives(container: &Container, fault: &str, hurt: impl AsyncFnOnce()) {
    let stage = Stage::at(container, fault);
    let before = lasting(&container.inspect());
    let early = stage.prepare().await.expect("prepared");
    assert_eq!(stage.heal(&early).await, [Ok(Reverted::AlreadyBack)], "inject never ran");

    let undo = stage.hurt().await;
    hurt().await;
    assert_eq!(stage.heal(&undo).await, [Ok(Reverted::Restored)]);
    assert_eq!(stage.world.standing(&undo[0]).await, Ok(Standing::Gone));
    assert_eq!(stage.heal(&undo).await, [Ok(Reverted::AlreadyBack)]);
    assert_same(&lasting(&container.inspect()), &before, fault);
}

#[tokio::test]
#[ignore = "needs docker"]
async fn a_paused_container_refuses_commands_until_it_is_unpaused() {
    let container = Container::start("pause", &[]);
    lives(&container, "for: 1s, container-pause: { target: box }", async || {
        assert!(!succeeds(&container, &["true"]));
    })
    .await;
    assert!(succeeds(&container, &["true"]));
}

#[tokio::test]
#[ignore = "needs docker"]
async fn a_stopped_container_has_no_process_until_it_is_started() {
    let container = Container::start("stop", &["--restart", "always"]);
    let pid = container.pid();
    lives(&container, "for: 1s, container-stop: { target: box, grace: 2s }", async || {
        assert!(!std::path::Path::new(&format!("/proc/{pid}")).exists());
    })
    .await;
    assert_ne!(container.pid(), pid);
}

#[tokio::test]
#[ignore = "needs docker"]
async fn the_engines_kill_suppresses_the_policy_and_the_undo_starts_it_and_its_policy_again() {
    let container = Container::start("kill", &["--restart", "always"]);
    lives(&container, "for: 1s, container-kill: { target: box, mode: api }", async || {
        assert_eq!(container.inspect()["State"]["ExitCode"], 137);
    })
    .await;
    // The policy is at work again: a crash now is healed by it alone.
    let stage = Stage::at(&container, "container-kill: { target: box }");
    let undo = stage.hurt().await;
    assert_eq!(stage.heal(&undo).await, [Ok(Reverted::Restored)]);
    assert_eq!(container.inspect()["RestartCount"], 1, "the policy did it, not the undo");
}

#[tokio::test]
#[ignore = "needs docker"]
async fn a_crash_without_a_policy_is_healed_by_the_undo() {
    let container = Container::start("crash", &[]);
    let before = lasting(&container.inspect());
    let stage = Stage::at(&container, "container-kill: { target: box }");
    let undo = stage.hurt().await;
    assert_eq!(stage.heal(&undo).await, [Ok(Reverted::Restored)]);
    assert_eq!(stage.heal(&undo).await, [Ok(Reverted::Restored)], "another incarnation runs: nothing to do");
    assert_same(&lasting(&container.inspect()), &before, "after the undo");
}

#[tokio::test]
#[ignore = "needs docker"]
async fn a_restart_is_seen_after_the_fact_and_leaves_it_running() {
    let container = Container::start("restart", &[]);
    let (before, pid) = (lasting(&container.inspect()), container.pid());
    let stage = Stage::at(&container, "container-restart: { target: box, grace: 1s }");
    let undo = stage.hurt().await;
    assert_ne!(container.pid(), pid);
    assert_eq!(stage.heal(&undo).await, [Ok(Reverted::Restored)]);
    assert_same(&lasting(&container.inspect()), &before, "after the undo");

    // A restart that broke off between its stop and its start.
    docker(&["stop", "-t", "0", &container.name]);
    assert_eq!(stage.heal(&undo).await, [Ok(Reverted::Restored)]);
    assert_same(&lasting(&container.inspect()), &before, "after the undo");
}

#[tokio::test]
#[ignore = "needs docker"]
async fn a_disconnected_container_comes_back_with_its_aliases_and_its_address() {
    let network = Network::new("net", &[]);
    let alias = unique("alias");
    let args = ["--network", &network.name, "--network-alias", &alias];
    let peer = Container::start("peer", &["--network", &network.name]);
    let container = Container::start("disconnect", &args);
    assert!(succeeds(&peer, &["getent", "hosts", &alias]));
    lives(&container, "for: 1s, container-disconnect: { target: box }", async || {
        assert!(!succeeds(&peer, &["getent", "hosts", &alias]), "its name has vanished");
    })
    .await;
    assert!(succeeds(&peer, &["getent", "hosts", &alias]));
}

#[tokio::test]
#[ignore = "needs docker"]
async fn an_address_that_is_fixed_returns_and_one_that_would_not_is_refused_beforehand() {
    let pid = std::process::id();
    let subnet = format!("10.{}.{}.0/24", 128 + pid % 100, pid / 100 % 250);
    let network = Network::new("fixed", &["--subnet", &subnet]);
    let address = subnet.replace(".0/24", ".77");
    let fixed = Container::start("fixed", &["--network", &network.name, "--ip", &address]);
    lives(&fixed, "for: 1s, container-disconnect: { target: box }", async || {
        assert_eq!(fixed.inspect()["NetworkSettings"]["Networks"], serde_json::json!({}));
    })
    .await;
    assert_eq!(fixed.inspect()["NetworkSettings"]["Networks"][&network.name]["IPAddress"], address.as_str());

    let first = Container::start("first", &["--network", &network.name]);
    let second = Container::start("second", &["--network", &network.name]);
    first.remove();
    let stage = Stage::at(&second, "for: 1s, container-disconnect: { target: box }");
    let told = stage.refused().await;
    assert!(told.contains("ipv4_address") && told.contains("address: any"), "{told}");
    let stage = Stage::at(&second, "for: 1s, container-disconnect: { target: box, address: any }");
    let undo = stage.hurt().await;
    assert_eq!(stage.heal(&undo).await, [Ok(Reverted::Restored)]);
}

#[tokio::test]
#[ignore = "needs docker"]
async fn an_address_that_another_took_meanwhile_is_no_undo_and_is_said() {
    let network = Network::new("taken", &[]);
    let container = Container::start("mine", &["--network", &network.name]);
    let stage = Stage::at(&container, "for: 1s, container-disconnect: { target: box }");
    let undo = stage.hurt().await;
    let thief = Container::start("thief", &["--network", &network.name]);
    let answers = stage.heal(&undo).await;
    let told = answers[0].clone().expect_err("the address is taken").to_string();
    assert!(told.contains("another container has that now") && told.contains("address: any"), "{told}");
    // Connected, but not as it was; once the other one is gone a person can do what the message says.
    thief.remove();
    docker(&["network", "disconnect", &network.name, &container.name]);
    assert_eq!(stage.heal(&undo).await, [Ok(Reverted::Restored)]);
}

#[tokio::test]
#[ignore = "needs docker"]
async fn limits_bite_and_are_set_back_where_there_were_none() {
    let container = Container::running("limit", &[], "trap 'exit 0' TERM; while :; do :; done");
    let quota = |c: &Container| kernel(c, "cpu", "cpu.cfs_quota_us", "cpu.max");
    let memory = |c: &Container| kernel(c, "memory", "memory.limit_in_bytes", "memory.max");
    let throttled = |c: &Container| {
        let stat = kernel(c, "cpu", "cpu.stat", "cpu.stat");
        let line = stat.lines().find(|l| l.starts_with("nr_throttled")).expect("nr_throttled").to_owned();
        line.split(' ').nth(1).unwrap().parse::<u64>().unwrap()
    };
    let fault = "for: 1s, container-limit: { target: box, cpus: 0.2, memory: 64MiB, pids: 50 }";
    lives(&container, fault, async || {
        assert!(quota(&container).starts_with("20000"), "{}", quota(&container));
        assert_eq!(memory(&container), (64 << 20).to_string());
        let before = throttled(&container);
        crate::common::wait_for(
            "the kernel to hold it back",
            || (throttled(&container) > before).then_some(()),
            String::new,
        );
    })
    .await;
    assert!(["-1", "max"].contains(&quota(&container).split(' ').next().unwrap()), "{}", quota(&container));
    assert!(memory(&container) == "max" || memory(&container).len() >= 18, "{}", memory(&container));
}

#[tokio::test]
#[ignore = "needs docker"]
async fn limits_are_set_back_to_what_they_were() {
    let args = ["--cpus", "1.5", "-m", "256m", "--memory-swap", "512m", "--pids-limit", "100"];
    let container = Container::start("limited", &args);
    lives(&container, "for: 1s, container-limit: { target: box, cpus: 0.2, memory: 64MiB, pids: 50 }", async || {
        assert_eq!(container.inspect()["HostConfig"]["Memory"], 64 << 20);
    })
    .await;
    let host = &container.inspect()["HostConfig"];
    assert_eq!((&host["NanoCpus"], &host["MemorySwap"]), (&1_500_000_000_i64.into(), &(512_i64 << 20).into()));
    let stage = Stage::at(&container, "for: 1s, container-limit: { target: box, memory: 256MiB, pids: 100 }");
    // Memory is what it is, but without swap on top: that is a change.
    stage.prepare().await.expect("swap changes");
    let stage = Stage::at(&container, "for: 1s, container-limit: { target: box, pids: 100 }");
    assert!(stage.refused().await.contains("would change nothing"));
}
