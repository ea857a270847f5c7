//! What others do to a container meanwhile, and what cannot be hurt at all: nothing of theirs is undone, nothing is
//! left behind, and each case is told with its remedy.

use simulacro::safety::{Reverted, Standing};

use crate::stage::Stage;
use crate::support::{Container, Network, docker, unique};

#[tokio::test]
#[ignore = "needs docker"]
async fn what_somebody_else_took_back_is_back_already() {
    let network = Network::new("others", &[]);
    let container = Container::start("others", &["--network", &network.name]);
    let by_hand: [(&str, Vec<&str>); 4] = [
        ("container-pause: { target: box }", vec!["unpause", &container.name]),
        ("container-stop: { target: box, grace: 0s }", vec!["start", &container.name]),
        ("container-disconnect: { target: box }", vec!["network", "connect", &network.name, &container.name]),
        ("container-limit: { target: box, pids: 50 }", vec!["update", "--pids-limit", "70", &container.name]),
    ];
    for (fault, command) in by_hand {
        let stage = Stage::at(&container, &format!("for: 1s, {fault}"));
        let undo = stage.hurt().await;
        docker(&command);
        assert_eq!(stage.world.standing(&undo[0]).await, Ok(Standing::Gone), "{fault}: its loss is seen");
        assert_eq!(stage.heal(&undo).await, [Ok(Reverted::AlreadyBack)], "{fault}");
    }
    assert_eq!(container.inspect()["HostConfig"]["PidsLimit"], 70, "what others set stays");
}

#[tokio::test]
#[ignore = "needs docker"]
async fn some_of_several_limits_changed_by_others_is_told_as_foreign_and_theirs_stays() {
    let container = Container::start("mixed", &[]);
    let stage = Stage::at(&container, "for: 1s, container-limit: { target: box, cpus: 0.5, pids: 50 }");
    let undo = stage.hurt().await;
    docker(&["update", "--pids-limit", "70", &container.name]);
    assert_eq!(stage.world.standing(&undo[0]).await, Ok(Standing::Foreign));
    assert_eq!(stage.heal(&undo).await, [Ok(Reverted::Restored)]);
    let host = container.inspect()["HostConfig"].clone();
    assert_eq!((&host["PidsLimit"], &host["CpuQuota"]), (&70.into(), &(-1).into()));
}

#[tokio::test]
#[ignore = "needs docker"]
async fn a_container_that_was_replaced_is_gone_and_its_successor_is_not_touched() {
    let faults = [
        "container-pause: { target: box }",
        "container-kill: { target: box, mode: api }",
        "container-limit: { target: box, pids: 50 }",
    ];
    for fault in faults {
        let container = Container::start("replaced", &[]);
        let stage = Stage::at(&container, &format!("for: 1s, {fault}"));
        let undo = stage.hurt().await;
        container.remove();
        docker(&["run", "-d", "--name", &container.name, crate::support::IMAGE, "sh", "-c", "exit 3"]);
        crate::common::wait_for(
            "the successor to end",
            || (container.inspect()["State"]["Status"] == "exited").then_some(()),
            || container.inspect()["State"].to_string(),
        );
        assert_eq!(stage.world.standing(&undo[0]).await, Ok(Standing::Gone), "{fault}");
        assert_eq!(stage.heal(&undo).await, [Ok(Reverted::TargetGone)], "{fault}");
        assert_eq!(container.inspect()["State"]["Status"], "exited", "{fault}: the successor is not started");
    }
}

#[tokio::test]
#[ignore = "needs docker"]
async fn a_container_missing_at_another_engine_proves_nothing() {
    let container = Container::start("elsewhere", &[]);
    let stage = Stage::at(&container, "for: 1s, container-pause: { target: box }");
    let undo = stage.hurt().await;
    let simulacro::safety::Undo::Container(mut record) = undo[0].clone() else { panic!("{undo:?}") };
    record.engine_id = "ANOTHER".into();
    record.container.id = "0".repeat(64);
    let strange = [simulacro::safety::Undo::Container(record)];
    let told = stage.heal(&strange).await[0].clone().expect_err("not proof").to_string();
    assert!(told.contains("another engine answers"), "{told}");
    assert_eq!(stage.heal(&undo).await, [Ok(Reverted::Restored)]);
}

#[tokio::test]
#[ignore = "needs docker"]
async fn a_network_that_was_removed_meanwhile_took_its_cut_with_it() {
    let network = Network::new("removed", &[]);
    let container = Container::start("removed", &["--network", &network.name]);
    let stage = Stage::at(&container, "for: 1s, container-disconnect: { target: box }");
    let undo = stage.hurt().await;
    docker(&["network", "rm", &network.name]);
    assert_eq!(stage.heal(&undo).await, [Ok(Reverted::TargetGone)]);
}

#[tokio::test]
#[ignore = "needs docker"]
async fn what_cannot_be_taken_back_is_refused_with_the_remedy() {
    let kill = "container-kill: { target: box }";
    let removed = Container::start("rm", &["--rm"]);
    let told = Stage::at(&removed, kill).refused().await;
    assert!(told.contains("--rm"), "{told}");

    let down = Container::start("down", &[]);
    docker(&["kill", &down.name]);
    let told = Stage::at(&down, kill).refused().await;
    assert!(told.contains(&format!("docker start {}", down.name)), "{told}");

    let paused = Container::start("paused", &[]);
    docker(&["pause", &paused.name]);
    let told = Stage::at(&paused, "for: 1s, container-pause: { target: box }").refused().await;
    assert!(told.contains("not by this drill") && told.contains("docker unpause"), "{told}");
    docker(&["unpause", &paused.name]);

    let host = Container::start("host", &["--network", "none"]);
    let told = Stage::at(&host, "for: 1s, container-disconnect: { target: box }").refused().await;
    assert!(told.contains("no network of its own"), "{told}");
    let told = Stage::at(&paused, "for: 1s, container-disconnect: { target: box, network: backend }").refused().await;
    assert!(told.contains("not in the network backend; it is in bridge"), "{told}");

    let published = Container::start("published", &["-p", "127.0.0.1::80"]);
    let told = Stage::at(&published, "for: 1s, container-disconnect: { target: box }").refused().await;
    assert!(told.contains("a port that the engine chose"), "{told}");
}

#[tokio::test]
#[ignore = "needs docker"]
async fn a_selector_that_means_two_is_refused_by_the_guard_with_their_names() {
    let label = format!("group={}", unique("two"));
    let one = Container::start("a", &["-l", &label]);
    let two = Container::start("b", &["-l", &label]);
    let selector = format!("{{ labels: {{ {} }} }}", label.replace('=', ": "));
    let told = Stage::new(&selector, "for: 1s, container-pause: { target: box }").refused().await;
    assert!(told.contains("means 2 containers") && told.contains("max_targets"), "{told}");
    assert!(told.contains(&one.name) && told.contains(&two.name), "{told}");
}

#[tokio::test]
#[ignore = "needs docker"]
async fn a_container_that_vanishes_before_the_act_is_an_error_of_the_fault_and_nothing_is_left() {
    let container = Container::start("vanished", &[]);
    let stage = Stage::at(&container, "for: 1s, container-pause: { target: box }");
    let undo = stage.prepare().await.expect("prepared");
    container.remove();
    let told = stage.inject(&undo).await.expect_err("it is gone");
    assert!(told.contains("No such container"), "{told}");
    assert_eq!(stage.heal(&undo).await, [Ok(Reverted::TargetGone)]);
}
