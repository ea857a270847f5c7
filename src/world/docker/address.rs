//! Where an engine listens, and what is in the way.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;

use crate::world::DriverError;

/// Longest wait for the engine to take a connection.
const DIAL_WITHIN: Duration = Duration::from_secs(3);

/// The address of an engine, made whole: an undo record must not depend on the environment it was written in.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Address {
    /// A Unix socket: the engine is on this machine, or pretends to be.
    Socket(PathBuf),
    /// Plain HTTP.
    Tcp(String),
}

impl Address {
    /// The engine that a scenario means: what it names, else `DOCKER_HOST`, else the first usual socket that is there.
    pub(super) fn of(named: Option<&str>) -> Result<Address, DriverError> {
        if let Some(named) = named.filter(|n| !n.is_empty()) {
            return parse(named, "`engine:` of the target");
        }
        match std::env::var("DOCKER_HOST") {
            Ok(host) if !host.is_empty() => parse(&host, "DOCKER_HOST"),
            _ => Ok(Address::Socket(usual(std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from), Path::exists))),
        }
    }

    /// Looks whether anything answers there.
    pub(super) async fn dial(&self) -> Result<(), DriverError> {
        let dialled = match self {
            Address::Socket(path) => timeout(DIAL_WITHIN, UnixStream::connect(path)).await.map(|s| s.map(drop)),
            Address::Tcp(host) => timeout(DIAL_WITHIN, TcpStream::connect(host)).await.map(|s| s.map(drop)),
        };
        match dialled {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(self.refusal(&error)),
            Err(_) => Err(DriverError::Timeout(format!(
                "the container engine at {self} took no connection within {} s: is it overloaded?",
                DIAL_WITHIN.as_secs()
            ))),
        }
    }

    fn refusal(&self, error: &std::io::Error) -> DriverError {
        use std::io::ErrorKind::{ConnectionRefused, NotFound, PermissionDenied};
        let start = "start it (`systemctl start docker`), or say where it listens with DOCKER_HOST or `engine:`";
        match (self, error.kind()) {
            (Address::Socket(path), PermissionDenied) => {
                let group = group_of(path).map_or_else(
                    || "run as root".into(),
                    |g| format!("join the group `{g}` (`usermod -aG {g} $USER`, then log in again), or run as root"),
                );
                DriverError::Refused(format!("this user may not use the container engine's socket {self}: {group}"))
            }
            (Address::Socket(_), NotFound) => {
                DriverError::Refused(format!("no container engine at {self}: there is no such socket; {start}"))
            }
            (_, ConnectionRefused) => {
                DriverError::Refused(format!("no container engine listens at {self}: it is not running; {start}"))
            }
            _ => DriverError::Failed(format!("cannot reach the container engine at {self}: {error}")),
        }
    }
}

impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Address::Socket(path) => write!(f, "unix://{}", path.display()),
            Address::Tcp(host) => write!(f, "tcp://{host}"),
        }
    }
}

fn parse(text: &str, whence: &str) -> Result<Address, DriverError> {
    let text = text.trim();
    if let Some(path) = text.strip_prefix("unix://").or_else(|| text.starts_with('/').then_some(text)) {
        return Ok(Address::Socket(path.into()));
    }
    if let Some(host) = text.strip_prefix("tcp://").or_else(|| text.strip_prefix("http://")) {
        if std::env::var_os("DOCKER_TLS_VERIFY").is_some_and(|v| !v.is_empty()) {
            return Err(DriverError::Refused(format!(
                "{whence} is {text} and DOCKER_TLS_VERIFY is set: engines behind TLS are not spoken to; forward the \
                 socket instead: `ssh -L /tmp/engine.sock:/var/run/docker.sock HOST`, then unix:///tmp/engine.sock"
            )));
        }
        return Ok(Address::Tcp(host.trim_end_matches('/').into()));
    }
    Err(DriverError::Refused(format!(
        "{whence} is `{text}`: write unix:///path/to/socket or tcp://host:port (for ssh:// forward the socket: \
         `ssh -L /tmp/engine.sock:/var/run/docker.sock HOST`)"
    )))
}

/// The usual sockets in order: Docker's, a rootless Docker's, a rootless Podman's, Podman's. None there: Docker's, whose
/// absence then is what is told.
fn usual(runtime: Option<PathBuf>, there: impl Fn(&Path) -> bool) -> PathBuf {
    let docker = PathBuf::from("/var/run/docker.sock");
    let own = |name: &str| runtime.as_ref().map(|dir| dir.join(name));
    let sockets =
        [Some(docker.clone()), own("docker.sock"), own("podman/podman.sock"), Some("/run/podman/podman.sock".into())];
    sockets.into_iter().flatten().find(|path| there(path)).unwrap_or(docker)
}

/// The name of the group that may use a socket; none when it is root's, or has no name.
fn group_of(path: &Path) -> Option<String> {
    let gid = std::fs::metadata(path).ok().filter(|m| m.mode() & 0o060 == 0o060)?.gid();
    let groups = std::fs::read_to_string("/etc/group").ok()?;
    let name =
        groups.lines().find(|l| l.split(':').nth(2).is_some_and(|id| id == gid.to_string()))?.split(':').next()?;
    (gid != 0).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_as_docker_host_writes_them() {
        let socket = |path: &str| Ok(Address::Socket(path.into()));
        assert_eq!(parse("unix:///run/a.sock", "x"), socket("/run/a.sock"));
        assert_eq!(parse("/run/a.sock", "x"), socket("/run/a.sock"));
        assert_eq!(parse("tcp://10.0.0.1:2375/", "x"), Ok(Address::Tcp("10.0.0.1:2375".into())));
        for wrong in ["ssh://me@host", "fd://", "docker", ""] {
            let refused = parse(wrong, "DOCKER_HOST").unwrap_err().to_string();
            assert!(refused.contains("DOCKER_HOST") && refused.contains("unix://"), "{refused}");
        }
        assert_eq!(Address::Socket("/run/a.sock".into()).to_string(), "unix:///run/a.sock");
    }

    #[test]
    fn the_first_usual_socket_that_is_there_is_taken_and_dockers_when_none_is() {
        let runtime = || Some(PathBuf::from("/run/user/7"));
        let only = |wanted: &'static str| move |path: &Path| path == Path::new(wanted);
        for there in ["/var/run/docker.sock", "/run/user/7/docker.sock", "/run/user/7/podman/podman.sock"] {
            assert_eq!(usual(runtime(), only(there)), PathBuf::from(there));
        }
        assert_eq!(usual(None, only("/run/podman/podman.sock")), PathBuf::from("/run/podman/podman.sock"));
        assert_eq!(usual(runtime(), |_| false), PathBuf::from("/var/run/docker.sock"));
    }

    #[tokio::test]
    async fn whatever_is_in_the_way_is_said_with_its_remedy() {
        let dir = tempfile::tempdir().unwrap();
        let missing = Address::Socket(dir.path().join("none.sock"));
        let told = missing.dial().await.unwrap_err().to_string();
        assert!(told.contains("no such socket") && told.contains("DOCKER_HOST"), "{told}");

        let path = dir.path().join("dead.sock");
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        let told = Address::Socket(path).dial().await.unwrap_err().to_string();
        assert!(told.contains("not running") && told.contains("systemctl start docker"), "{told}");
    }
}
