//! The primary is killed and its standby promoted: what the drill says was lost, against what the databases hold.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use simulacro::model::Offset;
use simulacro::timeline::ledger::{Fate, replay};

use super::cache::Cache;
use super::cluster::{Data, Server, until};
use super::common::{Home, figure, free_port, times};

const TABLE: &str = "CREATE TABLE ledger (id int8 PRIMARY KEY, n int8)";

/// A pair of servers that do not run: the standby receives over the drill's link.
struct Pair {
    primary: Data,
    standby: Data,
    link: u16,
}

impl Pair {
    async fn new(home: &Path, synchronous: bool) -> Pair {
        let primary = Server::new(home).await;
        primary.run(TABLE).await;
        let link = free_port();
        let standby = Data::standby(home, "standby", &primary, link);
        let primary = primary.stop();
        if synchronous {
            primary.set("synchronous_commit = on\nsynchronous_standby_names = '*'\n");
        }
        Pair { primary, standby, link }
    }

    /// Replication stalls, the primary is killed 400 ms later, the standby is promoted.
    fn scenario(&self, rpo: &str) -> String {
        let words = |data: &Data| serde_json::to_string(&data.command()).unwrap();
        let (primary, standby, link) = (self.primary.port, self.standby.port, self.link);
        format!(
            "
name: failover
services:
  first:
    command: {}
    ready: {{ tcp: '127.0.0.1:{primary}', within: 20s }}
  second:
    command: {}
    ready: {{ tcp: '127.0.0.1:{standby}', within: 20s }}
proxies: {{ replication: {{ listen: '127.0.0.1:{link}', upstream: '127.0.0.1:{primary}' }} }}
targets:
  first: {{ process: first }}
  old: {{ postgres: {{ url: '{}', container: first, peer: new, after_failover: leave_down }} }}
  new: {{ postgres: {{ url: '{}' }} }}
ledger:
  every: 20ms
  timeout: 1s
  write: {{ postgres: {{ url: '{}', table: ledger, columns: {{ id: '${{id}}', n: '${{id}}' }} }} }}
  read: {{ postgres: {{ url: '{}', table: ledger, columns: [n] }} }}
phases: {{ warmup: 1s, baseline: 1s, recovery: {{ deadline: 3s, hold: 300ms }}, after: 100ms }}
faults:
  - name: stall
    at: 0s
    until: {{ step: promote, at_most: 20s }}
    proxy-timeout: {{ proxy: replication }}
    impact: tolerated
  - {{ name: crash, at: 400ms, process-kill: {{ target: first }}, impact: tolerated }}
playbook:
  - {{ name: promote, after: {{ fault: crash, is: injected }}, postgres: {{ target: new, do: promote }} }}
objectives: {{ rpo: {{ max: {rpo}, fault: crash }} }}
guard: {{ allow_irreversible: true, max_hold: 30s }}
",
            words(&self.primary),
            words(&self.standby),
            self.primary.url(),
            self.standby.url(),
            self.primary.url(),
            self.standby.url(),
        )
    }

    /// The ids that each server holds, each started alone: what was committed on the old primary, and on the new.
    async fn truth(self) -> (BTreeSet<i64>, BTreeSet<i64>) {
        // Nobody would answer a synchronous commit any more; reading needs none.
        self.primary.set("synchronous_standby_names = ''\n");
        (ids(self.primary).await, ids(self.standby).await)
    }
}

async fn ids(data: Data) -> BTreeSet<i64> {
    let server = data.start().await;
    let rows = server.client().await.query("SELECT id FROM ledger", &[]).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

/// What the drill wrote down of each id, and when the crash came.
struct Account {
    acked: BTreeMap<i64, Offset>,
    unknown: BTreeSet<i64>,
}

fn account(run: &Path) -> Account {
    let journal = fs::read_to_string(run.join("ledger.jsonl")).unwrap();
    let ids: BTreeMap<u64, i64> = journal
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .filter_map(|line| find(&line, "id")?.as_str()?.parse().ok().zip(find(&line, "n")?.as_u64()))
        .map(|(id, n)| (n, id))
        .collect();
    let (mut acked, mut unknown) = (BTreeMap::new(), BTreeSet::new());
    for entry in replay(&journal) {
        let id = ids[&entry.n];
        match entry.fate {
            Fate::Acked { when } => acked.extend([(id, when)]),
            Fate::Unknown { .. } => unknown.extend([id]),
            Fate::Refused { .. } | Fate::NotSent { .. } => {}
        }
    }
    Account { acked, unknown }
}

/// The field of a name, wherever it is.
fn find<'v>(value: &'v serde_json::Value, name: &str) -> Option<&'v serde_json::Value> {
    let fields = value.as_object()?;
    fields.get(name).or_else(|| fields.values().find_map(|inner| find(inner, name)))
}

async fn drill(home: &Home, pair: &Pair, rpo: &str) -> (Option<i32>, String) {
    fs::write(home.path().join("drill.yaml"), pair.scenario(rpo)).unwrap();
    let mut command = home.simulacro();
    command.args(["run", "drill.yaml", "--yes"]).env("LC_ALL", "C");
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    (output.status.code(), said)
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs postgresql and redis: scripts/test installs them"]
async fn with_asynchronous_replication_the_loss_found_is_the_loss_there_is() {
    let drills = times("SIMULACRO_SOAK_FAILOVERS", 2);
    let (mut losses, mut points) = (Vec::new(), Vec::new());
    for n in 0..drills {
        let home = Home::new("pg-failover");
        let pair = Pair::new(home.path(), false).await;
        let (code, said) = drill(&home, &pair, "10s").await;
        assert_eq!(code, Some(0), "drill {n}: {said}");
        let result = home.result();
        let run = home.newest_run();
        let account = account(&run);
        let (primary, standby) = pair.truth().await;

        // The old primary was killed, not its disk: it holds everything that it ever acknowledged.
        assert!(account.acked.keys().all(|id| primary.contains(id)), "drill {n}");
        let missing: BTreeSet<i64> = primary.difference(&standby).copied().collect();
        let lost: BTreeSet<i64> = missing.iter().copied().filter(|id| account.acked.contains_key(id)).collect();
        // Whatever else is missing was committed, and nobody was told.
        assert!(missing.difference(&lost).all(|id| account.unknown.contains(id)), "drill {n}: {missing:?}");

        let ledger = result.ledger.as_ref().expect("a ledger");
        assert!(!lost.is_empty(), "drill {n}: nothing was lost: {ledger:?}");
        assert_eq!(ledger.lost, Some(lost.len() as u64), "drill {n}");
        assert_eq!((ledger.unexpected, ledger.altered, ledger.duplicates), (Some(0), Some(0), Some(0)), "drill {n}");
        let crash = result.faults.iter().find(|fault| fault.name.as_str() == "crash").unwrap();
        let oldest = lost.iter().map(|id| account.acked[id]).min().unwrap();
        let rpa = ledger.rpa[&crash.name];
        assert_eq!(rpa.value, crash.t_act.expect("it was done").since(oldest), "drill {n}");
        losses.push(lost.len());
        points.push(rpa.value.seconds());
    }
    points.sort_by(f64::total_cmp);
    figure("asynchronous failovers whose RPA and loss equal what the databases hold", format!("{drills} of {drills}"));
    figure("acknowledged writes lost in them", format!("{losses:?}"));
    figure("RPA in them, least and most, s", format!("{:.3} {:.3}", points[0], points[points.len() - 1]));
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs postgresql and redis: scripts/test installs them"]
async fn with_synchronous_replication_nothing_is_lost_under_the_same_fault() {
    let drills = times("SIMULACRO_SOAK_FAILOVERS", 2).div_ceil(2);
    for n in 0..drills {
        let home = Home::new("pg-sync");
        let pair = Pair::new(home.path(), true).await;
        let (code, said) = drill(&home, &pair, "0s").await;
        assert_eq!(code, Some(0), "drill {n}: {said}");
        let ledger = home.result().ledger.expect("a ledger");
        let account = account(&home.newest_run());
        let (_, standby) = pair.truth().await;
        assert!(account.acked.len() > 20 && account.acked.keys().all(|id| standby.contains(id)), "drill {n}");
        assert_eq!(ledger.lost, Some(0), "drill {n}");
    }
    figure("synchronous failovers under the same fault without a loss", format!("{drills} of {drills}"));
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs postgresql and redis: scripts/test installs them"]
async fn a_ledger_in_redis_survives_a_pause() {
    let home = Home::new("redis-ledger");
    let cache = Cache::new(home.path(), &[]).await;
    let text = format!(
        "
name: cache
targets: {{ cache: {{ redis: {{ url: '{url}' }} }} }}
ledger:
  every: 20ms
  timeout: 300ms
  write: {{ redis: {{ url: '{url}', key: 'ledger:${{id}}', value: '{{\"n\": ${{id}}}}' }} }}
  read: {{ redis: {{ url: '{url}', keys: 'ledger:*', values: true }} }}
phases: {{ warmup: 200ms, baseline: 500ms, recovery: {{ deadline: 3s, hold: 300ms }}, after: 500ms }}
faults: [{{ name: pause, at: 0s, for: 2s, redis-pause: {{ target: cache }}, impact: tolerated }}]
objectives: {{ rpo: {{ max: 0s, fault: pause }} }}
",
        url = cache.url()
    );
    fs::write(home.path().join("drill.yaml"), text).unwrap();
    let output = home.run(&["run", "drill.yaml"]);
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    let ledger = home.result().ledger.expect("a ledger");
    assert!(ledger.acked > 20 && ledger.unknown > 20, "{ledger:?}");
    assert_eq!((ledger.lost, ledger.altered, ledger.unexpected), (Some(0), Some(0), Some(0)), "{ledger:?}");
    until("Redis answers", async || cache.ask::<String>(&["PING"]).await.is_ok()).await;
}

/// A scenario of `scenarios/`, run for real.
fn shown(home: &Home, name: &str, vars: &[String]) -> (Option<i32>, String) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios").join(name);
    let mut command = home.simulacro();
    command.arg("run").arg(file).arg("--yes").envs([("PGPASSWORD", PASSWORD), ("REDIS_PASSWORD", PASSWORD)]);
    let output = command.args(vars.iter().flat_map(|var| ["-V", var])).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(!said.contains(PASSWORD), "a secret was told");
    (output.status.code(), said)
}

const PASSWORD: &str = "correct-horse-battery";

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs postgresql and redis: scripts/test installs them"]
async fn the_scenario_of_contention_runs_with_the_rights_that_it_names() {
    let home = Home::new("pg-contention");
    let server = Server::new(home.path()).await;
    server.run("CREATE USER app").await;
    server.run(&format!("CREATE USER drill PASSWORD '{PASSWORD}'; GRANT pg_monitor, pg_signal_backend TO drill")).await;
    server.run(&format!("{TABLE}; GRANT ALL ON ledger TO drill")).await;
    let _somebody_else = super::cluster::connect(&server.data.url_as("app")).await.unwrap();
    let port = server.data.port;
    let vars = [
        format!("host=127.0.0.1:{port}"),
        format!("db=postgres://drill:${{env:PGPASSWORD}}@127.0.0.1:{port}/postgres"),
    ];
    let (code, said) = tokio::task::block_in_place(|| shown(&home, "postgres-contention.yaml", &vars));
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(server.tagged().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs postgresql and redis: scripts/test installs them"]
async fn the_scenario_of_a_lost_cache_runs() {
    let home = Home::new("redis-lost");
    let cache = Cache::new(home.path(), &[]).await;
    let mut client = cache.client(std::time::Duration::from_secs(5)).await;
    super::cache::ask::<()>(&mut client, &["SET", "cache:1", "x"]).await.unwrap();
    let url = format!("cache={}", cache.url());
    let vars = [format!("host=127.0.0.1:{}", cache.port), url];
    let (code, said) = tokio::task::block_in_place(|| shown(&home, "redis-lost.yaml", &vars));
    assert_eq!(code, Some(0), "{said}");
}
