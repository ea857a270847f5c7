//! What is refused, with the reason, before anything is touched.

use simulacro::world::network::abilities;

use crate::bed::{Bed, end, stranger};
use crate::fault::Stage;

#[tokio::test]
#[ignore = "needs root and nft"]
async fn a_machine_is_hit_only_with_consent_and_never_as_a_whole() {
    let bed = Bed::new();
    let stage = Stage::new(&bed);
    for (fault, word) in [
        ("network-loss: { target: here, loss: 1%, ports: [5432] }", "consent"),
        ("network-partition: { target: consented }", "the way you reach it"),
        ("network-loss: { target: consented, loss: 1%, direction: in }", "the way you reach it"),
        ("network-partition: { target: nobody }", "nothing called nobody"),
        ("network-bandwidth: { target: app, rate: 1mbit, device: eth7 }", "no device eth7"),
    ] {
        let refused = stage.prepare(fault).await.unwrap_err().to_string();
        assert!(refused.contains(word), "{fault}: {refused}");
    }
}

#[tokio::test]
#[ignore = "needs root and nft"]
async fn a_process_without_a_network_of_its_own_is_refused() {
    let bed = Bed::new();
    let outside = stranger(&["sleep", "600"]);
    std::fs::write(bed.pid_file(), outside.to_string()).unwrap();
    let stage = Stage::new(&bed);
    let refused = stage.prepare("network-partition: { target: app, ports: [5432] }").await;
    end(outside);
    let refused = refused.unwrap_err().to_string();
    assert!(refused.contains("shares this machine's"), "{refused}");
}

/// Where the kernel has netem these are prepared; where it has not they are refused, and the reason is told.
#[tokio::test]
#[ignore = "needs root and tc"]
async fn what_only_netem_can_do_is_refused_without_it() {
    let bed = Bed::new();
    let stage = Stage::new(&bed);
    let all = tokio::task::spawn_blocking(abilities).await.unwrap();
    let netem = all.into_iter().find(|ability| ability.what == "network: other shapes").unwrap().how;
    for fault in [
        "network-duplicate: { target: app, share: 1% }",
        "network-corrupt: { target: app, share: 1% }",
        "network-reorder: { target: app, share: 10% }",
    ] {
        match (stage.prepare(fault).await, &netem) {
            (Ok(undo), Ok(_)) => assert_eq!(undo.len(), 1),
            (Err(refused), Err(_)) => assert!(refused.to_string().contains("sch_netem"), "{refused}"),
            (found, netem) => panic!("{fault}: {found:?}, and netem is {netem:?}"),
        }
    }
    println!("figure: netem on this machine: {netem:?}");
}
