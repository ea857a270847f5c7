//! A PostgreSQL server of the test's own, run by a user without rights.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tokio_postgres::{Client, Error, NoTls};

use super::common::{PATIENCE, free_port, signal};

/// Who runs the server when the tests run as root, which PostgreSQL refuses.
const USER: &str = "postgres";

/// Settings of every server: small, and without what only an accident of the machine would need.
const SETTINGS: &str = "listen_addresses = '127.0.0.1'\nmax_connections = 20\nfsync = off\nautovacuum = off\n\
    shared_buffers = 16MB\nwal_level = replica\nhot_standby = on\nmax_wal_senders = 4\nunix_socket_directories = ''\n\
    track_commit_timestamp = on\nwal_receiver_status_interval = 1s\n";

/// Everybody is trusted but `guarded`, who has a password.
const ACCESS: &str = "hostssl all tls_only 127.0.0.1/32 trust\nhost all tls_only 127.0.0.1/32 reject\n\
    host all guarded 127.0.0.1/32 scram-sha-256\nhost all all 127.0.0.1/32 trust\n\
    host replication all 127.0.0.1/32 trust\n";

/// A program of the newest PostgreSQL that Debian has installed.
pub fn program(name: &str) -> PathBuf {
    let found = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut found: Vec<_> = found.map(|version| version.path().join("bin").join(name)).filter(|p| p.exists()).collect();
    found.sort();
    found.pop().unwrap_or_else(|| panic!("no {name} under /usr/lib/postgresql; scripts/test installs it"))
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Words before a command that make it run as the user without rights.
pub fn without_rights() -> Vec<String> {
    let words = ["setpriv", "--reuid", USER, "--regid", USER, "--clear-groups"];
    if is_root() { words.map(str::to_owned).to_vec() } else { Vec::new() }
}

fn as_user(name: &str) -> Command {
    let mut words = without_rights();
    words.push(program(name).display().to_string());
    let mut command = Command::new(&words[0]);
    command.args(&words[1..]).stdin(Stdio::null()).env("LC_ALL", "C").env("TZ", "UTC");
    command
}

fn run(command: &mut Command) {
    let output = command.output().unwrap_or_else(|e| panic!("{command:?}: {e}"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Gives a folder and what is in it to the user without rights.
pub fn hand_over(dir: &Path) {
    if is_root() {
        run(Command::new("chown").arg("-R").arg(format!("{USER}:{USER}")).arg(dir));
    }
}

/// Data of a server, and the port it listens on.
pub struct Data {
    pub dir: PathBuf,
    pub port: u16,
}

impl Data {
    fn place(home: &Path, name: &str) -> Data {
        // The user without rights must get through to its folder.
        fs::set_permissions(home, fs::Permissions::from_mode(0o755)).unwrap();
        let dir = home.join(name);
        fs::create_dir(&dir).unwrap();
        fs::set_permissions(&dir, fs::Permissions::from_mode(0o700)).unwrap();
        hand_over(&dir);
        Data { dir, port: free_port() }
    }

    /// A new, empty server.
    pub fn new(home: &Path, name: &str) -> Data {
        let data = Data::place(home, name);
        run(as_user("initdb")
            .args(["-U", "postgres", "-A", "trust", "--no-sync", "--no-instructions", "-E", "UTF8", "--locale=C"])
            .arg("-D")
            .arg(&data.dir));
        data.set(&format!("{SETTINGS}port = {}\n", data.port));
        fs::write(data.dir.join("pg_hba.conf"), ACCESS).unwrap();
        data
    }

    /// A standby of a server that runs. It receives from `upstream`, a port.
    pub fn standby(home: &Path, name: &str, of: &Server, upstream: u16) -> Data {
        let data = Data::place(home, name);
        let from = format!("host=127.0.0.1 port={} user=postgres", of.data.port);
        run(as_user("pg_basebackup")
            .args(["-d", &from, "-X", "stream", "-c", "fast", "--no-sync", "-D"])
            .arg(&data.dir));
        let upstream = format!("host=127.0.0.1 port={upstream} user=postgres application_name=standby");
        data.set(&format!("port = {}\nprimary_conninfo = '{upstream}'\n", data.port));
        fs::write(data.dir.join("standby.signal"), "").unwrap();
        data
    }

    /// Adds to the settings; the last one of a name counts.
    pub fn set(&self, settings: &str) {
        let file = self.dir.join("postgresql.auto.conf");
        let before = fs::read_to_string(&file).unwrap_or_default();
        fs::write(&file, before + settings).unwrap();
    }

    pub fn url(&self) -> String {
        self.url_as("postgres")
    }

    pub fn url_as(&self, user: &str) -> String {
        format!("postgres://{user}@127.0.0.1:{}/postgres", self.port)
    }

    /// The command that runs the server.
    pub fn command(&self) -> Vec<String> {
        let mut words = without_rights();
        words.extend([program("postgres").display().to_string(), "-D".into(), self.dir.display().to_string()]);
        words
    }

    /// Starts the server and waits until it answers.
    pub async fn start(self) -> Server {
        let words = self.command();
        let log = fs::File::create(self.dir.with_extension("log")).unwrap();
        let child = Command::new(&words[0])
            .args(&words[1..])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::from(log))
            .spawn()
            .unwrap();
        let server = Server { data: self, child };
        server.until_it_answers().await;
        server
    }
}

/// A server that runs until this is dropped.
pub struct Server {
    pub data: Data,
    child: Child,
}

impl Server {
    /// A new server in a folder.
    pub async fn new(home: &Path) -> Server {
        Data::new(home, "data").start().await
    }

    pub fn url(&self) -> String {
        self.data.url()
    }

    async fn until_it_answers(&self) {
        until("PostgreSQL answers", async || connect(&self.url()).await.is_ok()).await;
    }

    /// A client's session.
    pub async fn client(&self) -> Client {
        connect(&self.url()).await.unwrap()
    }

    /// Runs statements as superuser.
    pub async fn run(&self, sql: &str) {
        self.client().await.batch_execute(sql).await.unwrap();
    }

    /// The one number that a query gives.
    pub async fn number(&self, sql: &str) -> i64 {
        self.client().await.query_one(sql, &[]).await.unwrap().get(0)
    }

    /// Sessions that carry a tag of ours, those that only look left out.
    pub async fn tagged(&self) -> i64 {
        let ours = "application_name LIKE 'simulacro/%' AND application_name <> 'simulacro/control'";
        self.number(&format!("SELECT count(*) FROM pg_stat_activity WHERE {ours}")).await
    }

    /// Ends the server in an orderly way, and gives its data back.
    pub fn stop(mut self) -> Data {
        self.end();
        let dir = self.data.dir.clone();
        let port = self.data.port;
        Data { dir, port }
    }

    fn end(&mut self) {
        if let Ok(None) = self.child.try_wait() {
            // A fast shutdown: sessions are ended, the data are closed.
            signal(self.child.id() as i32, rustix::process::Signal::INT);
            let _ = self.child.wait();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end();
    }
}

/// Opens a session; it ends with the client.
pub async fn connect(url: &str) -> Result<Client, Error> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}

/// Waits until something is so.
pub async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let waiting = async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    assert!(tokio::time::timeout(PATIENCE, waiting).await.is_ok(), "waited in vain until {what}");
}
