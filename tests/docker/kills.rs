//! The real runner, killed in the middle of container faults: its watchdog leaves nothing behind.

use std::fs;
use std::process::Stdio;
use std::time::{Duration, Instant};

use rand::{Rng, SeedableRng};
use rustix::process::Signal;

use crate::common::{Home, figure, signal, times, wait_for};
use crate::support::{Container, Network, assert_same, lasting};

fn scenario(home: &Home, container: &Container) -> std::path::PathBuf {
    let text = format!(
        "
name: container-kills
targets: {{ box: {{ container: {{ name: {} }} }} }}
phases: {{ warmup: 100ms, baseline: 100ms, recovery: {{ deadline: 5s, hold: 100ms }}, after: 100ms }}
probes: [{{ name: p, tcp: {{ address: '127.0.0.1:1' }}, every: 200ms }}]
faults:
  - {{ name: frozen, at: 0s, for: 800ms, impact: tolerated, container-pause: {{ target: box }} }}
  - {{ name: cut, after: {{ fault: frozen, is: undone }}, for: 800ms, impact: tolerated,
      container-disconnect: {{ target: box }} }}
  - {{ name: slow, after: {{ fault: cut, is: undone }}, for: 800ms, impact: tolerated,
      container-limit: {{ target: box, cpus: 0.2, memory: 64MiB, pids: 50 }} }}
  - {{ name: down, after: {{ fault: slow, is: undone }}, for: 800ms, impact: tolerated,
      container-kill: {{ target: box, mode: api }} }}
  - {{ name: crash, after: {{ fault: down, is: undone }}, impact: tolerated, container-kill: {{ target: box }} }}
",
        container.name
    );
    let file = home.path().join("container-kills.yaml");
    fs::write(&file, text).unwrap();
    file
}

#[test]
#[ignore = "needs docker"]
fn killed_at_random_moments_the_container_is_as_before() {
    let kills = times("SIMULACRO_SOAK_KILLS", 5);
    let seed = rand::rng().random();
    println!("seed {seed}");
    let mut moments = rand::rngs::StdRng::seed_from_u64(seed);
    let network = Network::new("kills", &[]);
    let container = Container::start("kills", &["--network", &network.name, "--network-alias", "db"]);
    let before = lasting(&container.inspect());
    let (mut slowest, mut hurt) = (Duration::ZERO, 0);
    for n in 0..kills {
        let home = Home::new("container-kill");
        let log = fs::File::create(home.path().join("runner.log")).unwrap();
        let mut runner = home
            .simulacro()
            .args(["run", "--yes"])
            .arg(scenario(&home, &container))
            .stdout(Stdio::from(log.try_clone().unwrap()))
            .stderr(Stdio::from(log))
            .spawn()
            .unwrap();
        // The moment itself is what is random here: there is no condition to wait for.
        std::thread::sleep(Duration::from_millis(moments.random_range(300..8_000)));
        hurt += usize::from(lasting(&container.inspect()) != before);
        signal(runner.id() as i32, Signal::KILL);
        runner.wait().unwrap();
        let start = Instant::now();
        home.wait_until_quiet();
        wait_for(
            "the container to be as before",
            || (lasting(&container.inspect()) == before).then_some(()),
            || fs::read_to_string(home.path().join("runner.log")).unwrap_or_default(),
        );
        slowest = slowest.max(start.elapsed());
        let recover = home.run(&["recover", "--all"]);
        assert!(recover.status.success(), "kill {n}, seed {seed}: {}", String::from_utf8_lossy(&recover.stderr));
        assert_same(&lasting(&container.inspect()), &before, &format!("kill {n}, seed {seed}"));
    }
    figure("container kills: SIGKILLs of the runner during faults on a container", kills);
    figure("of these while the container was hurt", hurt);
    figure("slowest time until the container was as before, ms", slowest.as_millis());
}
