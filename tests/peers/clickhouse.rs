//! The ledger in a ClickHouse server: Debian's, an old one, whose HTTP interface is the real one.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use simulacro::world::Http as _;
use simulacro::world::http::{HostHttp, HttpOutcome, HttpRequest};

use crate::common::{Home, PATIENCE, free_port};
use crate::{Peer, documented, holds};

/// Where Debian has it, which is not in everybody's path.
const SERVER: &str = "/usr/sbin/clickhouse-server";

const PASSWORD: &str = "open sesame";

/// Writes the configuration of a server into a folder.
fn configure(folder: &Path, port: u16) {
    let at = |name: &str| format!("{}/", folder.join(name).display());
    let config = format!(
        "<yandex>
  <logger><level>fatal</level><console>1</console></logger>
  <http_port>{port}</http_port><listen_host>127.0.0.1</listen_host>
  <path>{}</path><tmp_path>{}</tmp_path>
  <users_config>users.xml</users_config>
  <default_profile>default</default_profile><default_database>default</default_database>
  <mark_cache_size>67108864</mark_cache_size>
</yandex>",
        at("data"),
        at("tmp")
    );
    let users = format!(
        "<yandex>
  <profiles><default></default></profiles>
  <users><drill>
    <password>{PASSWORD}</password><networks><ip>127.0.0.1</ip></networks>
    <profile>default</profile><quota>default</quota>
  </drill></users>
  <quotas><default></default></quotas>
</yandex>"
    );
    std::fs::write(folder.join("config.xml"), config).unwrap();
    std::fs::write(folder.join("users.xml"), users).unwrap();
}

/// A query by hand: status and body.
async fn query(port: u16, password: &str, query: &str) -> Option<(u16, String)> {
    let request = HttpRequest {
        method: "POST".into(),
        url: format!("http://127.0.0.1:{port}/?wait_end_of_query=1"),
        headers: vec![("X-ClickHouse-User".into(), "drill".into()), ("X-ClickHouse-Key".into(), password.to_owned())],
        body: Some(query.into()),
        timeout: Duration::from_secs(10),
        max_body: 1 << 20,
        fresh_connection: true,
    };
    match HostHttp::default().exchange(&request).await {
        HttpOutcome::Answered { status, body, .. } => Some((status, String::from_utf8(body).unwrap())),
        HttpOutcome::Failed(_) => None,
    }
}

/// Starts the server once, to make the table.
async fn prepare(folder: &Path, port: u16) {
    configure(folder, port);
    let _peer = Peer::start(Command::new(SERVER).arg(format!("--config-file={}", folder.join("config.xml").display())));
    let table = "CREATE TABLE orders (id String, n UInt64, price Float64) ENGINE = MergeTree ORDER BY id";
    let start = std::time::Instant::now();
    loop {
        match query(port, PASSWORD, table).await {
            Some((200, _)) => break,
            Some((status, why)) => panic!("{status}: {why}"),
            None => assert!(start.elapsed() < PATIENCE, "the server does not come up"),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let foreign = "INSERT INTO orders VALUES ('shop-1', 1, 9.5)";
    assert_eq!(query(port, PASSWORD, foreign).await, Some((200, String::new())));
    assert_eq!(query(port, "guessed", "SELECT 1").await.map(|(status, _)| status), Some(401));
}

/// The scenario of docs/clickhouse.md, for a server from before there were asynchronous inserts.
fn scenario() -> String {
    let text = documented("clickhouse.md");
    let user = "      user: drill\n";
    assert!(text.contains(user), "docs/clickhouse.md does not name the user as this test expects");
    text.replacen(user, &format!("{user}      settings: {{ async_insert: \"\" }}\n"), 1)
}

fn drill(home: &Home, port: u16, text: &str) -> (Option<i32>, String) {
    std::fs::write(home.path().join("drill.yaml"), text).unwrap();
    let config = home.path().join("config.xml").display().to_string();
    let vars = [format!("db=127.0.0.1:{port}"), format!("server={SERVER}"), format!("config={config}")];
    let vars = vars.iter().flat_map(|var| ["-V", var]);
    let mut command = home.simulacro();
    let output = command.env("CLICKHOUSE_PASSWORD", PASSWORD).args(["run", "drill.yaml"]).args(vars).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    (output.status.code(), said.into_owned())
}

#[tokio::test]
#[ignore = "needs clickhouse-server: scripts/test installs it"]
async fn the_documented_drill_kills_clickhouse_and_loses_nothing() {
    let home = Home::new("clickhouse");
    let port = free_port();
    prepare(home.path(), port).await;
    let (code, said) = drill(&home, port, &scenario());
    assert_eq!(code, Some(0), "{said}");
    let ledger = home.result().ledger.expect("a ledger");
    assert!(ledger.acked > 20 && ledger.lost == Some(0), "{ledger:?}");
    assert_eq!((ledger.altered, ledger.duplicates), (Some(0), Some(0)), "{ledger:?}");
    assert!(!holds(&home.newest_run(), PASSWORD) && !said.contains(PASSWORD), "a secret was written down");
}

#[tokio::test]
#[ignore = "needs clickhouse-server: scripts/test installs it"]
async fn what_clickhouse_refuses_is_never_acknowledged() {
    let home = Home::new("clickhouse-refuses");
    let port = free_port();
    prepare(home.path(), port).await;
    let text =
        scenario().replace("table: orders", "table: missing").replace("ledger:\n", "ledger:\n  read_within: 1s\n");
    let (code, said) = drill(&home, port, &text);
    assert_ne!(code, Some(0), "{said}");
    let ledger = home.result().ledger.expect("a ledger");
    assert!(ledger.acked == 0 && ledger.refused > 0, "{ledger:?}");
}
