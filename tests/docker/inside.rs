//! What a worker does inside a container: it feels the container's limits, and nothing of it outlives the undo.

use simulacro::safety::{Reverted, Standing};

use crate::stage::Stage;
use crate::support::{Container, docker, kernel};

fn oom_kills(container: &Container) -> u64 {
    let text = kernel(container, "memory", "memory.oom_control", "memory.events");
    let line = text.lines().find_map(|line| line.strip_prefix("oom_kill ")).expect("the kernel counts them");
    line.trim().parse().expect("a number")
}

#[tokio::test]
#[ignore = "needs docker"]
async fn a_container_out_of_memory_loses_its_first_process_and_its_policy_brings_it_back() {
    let container = Container::start("oom", &["--restart", "always", "-m", "96m"]);
    assert_eq!(oom_kills(&container), 0);
    let stage = Stage::at(&container, "container-oom: { target: box }");
    let undo = stage.hurt().await;
    assert_eq!(stage.heal(&undo).await, [Ok(Reverted::Restored)]);
    let told = container.inspect();
    assert_eq!(told["RestartCount"], 1, "the policy did it: {}", told["State"]);
    let worth = std::fs::read_to_string(format!("/proc/{}/oom_score_adj", container.pid())).unwrap();
    assert_eq!(worth.trim(), "0", "the next incarnation is nobody's first choice");
}

#[tokio::test]
#[ignore = "needs docker"]
async fn without_a_limit_of_its_own_it_needs_one_for_the_time_of_the_fault() {
    let container = Container::start("oom-limit", &["--restart", "always"]);
    let told = Stage::at(&container, "container-oom: { target: box }").refused().await;
    assert!(told.contains("mem_limit") && told.contains("`memory:`"), "{told}");
    let stage = Stage::at(&container, "container-oom: { target: box, memory: 96MiB }");
    let undo = stage.hurt().await;
    assert_eq!(stage.heal(&undo).await, [Ok(Reverted::Restored), Ok(Reverted::Restored)]);
    assert_ne!(container.inspect()["HostConfig"]["Memory"], 96 << 20);
}

#[tokio::test]
#[ignore = "needs docker"]
async fn a_full_disk_of_a_container_is_full_inside_and_empty_again_afterwards() {
    let container = Container::start("disk", &["--tmpfs", "/data:size=32m"]);
    let write = ["sh", "-c", "head -c 1000000 /dev/zero > /data/x && rm /data/x"];
    assert!(crate::support::succeeds(&container, &write));
    let fault = "for: 1s, container-disk-fill: { target: box, directory: /data, leave_free: 0B, floor: 0B }";
    let stage = Stage::at(&container, fault);
    let undo = stage.hurt().await;
    assert!(!crate::support::succeeds(&container, &write), "no space left");
    assert_eq!(stage.heal(&undo).await, [Ok(Reverted::Restored)]);
    assert!(crate::support::succeeds(&container, &write));
    assert_eq!(stage.heal(&undo).await, [Ok(Reverted::AlreadyBack)]);
}

#[tokio::test]
#[ignore = "needs docker"]
async fn stress_counts_against_the_container_and_ends_with_it() {
    let container = Container::start("stress", &["-m", "256m", "--cpus", "0.5"]);
    let fault = "for: 1s, container-stress: { target: box, threads: 1, memory: 64MiB }";
    let stage = Stage::at(&container, fault);
    let undo = stage.hurt().await;
    let used: u64 =
        kernel(&container, "memory", "memory.usage_in_bytes", "memory.current").parse().expect("a number of bytes");
    // It counts as in force a little before all of it is taken.
    assert!(used > 50 << 20, "{used}");
    // A worker that stayed behind in its control groups would keep the engine from starting it again.
    docker(&["restart", "-t", "0", &container.name]);
    for record in &undo {
        assert_eq!(stage.world.standing(record).await, Ok(Standing::Gone));
    }
    for answer in stage.heal(&undo).await {
        assert!(matches!(answer, Ok(Reverted::AlreadyBack | Reverted::Restored)), "{answer:?}");
    }
}
