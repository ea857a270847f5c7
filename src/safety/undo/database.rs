//! Undo of what was done to a database server.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Family, Home, Reverted};
use crate::model::HumanDuration;
use crate::scenario::database::node;
use crate::scenario::fault::LockMode;
use crate::scenario::target::AfterFailover;

/// Undo for a database server. Addresses keep their references to secrets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DatabaseUndo {
    /// End our own PostgreSQL sessions of one tag, and with them whatever they hold.
    PostgresSessions {
        /// The server's address.
        url: String,
        /// Their `application_name`, unique among all runs and their faults.
        tag: String,
        /// What they hold.
        held: Held,
        /// After this time the server ends them by itself.
        hold: HumanDuration,
        /// Which server it was.
        server: PostgresServer,
    },
    /// Sessions of clients were ended: they connect again by themselves, or not at all.
    PostgresTerminated {
        /// The server's address.
        url: String,
        /// Unique among all runs and their faults.
        tag: String,
        /// The sessions that there were.
        sessions: Vec<PostgresSession>,
    },
    /// A standby was promoted.
    PostgresPromoted {
        /// The server's address.
        url: String,
        /// Which server it is.
        server: PostgresServer,
    },
    /// Let a Redis server's clients go on.
    RedisPaused {
        /// The server's address.
        url: String,
        /// Unique among all runs and their faults.
        tag: String,
        /// Whether only commands that write wait.
        writes: bool,
        /// After this time the server lets them go on by itself.
        hold: HumanDuration,
        /// The server's `run_id`.
        server: String,
    },
    /// Keys were deleted.
    RedisEvicted {
        /// The server's address.
        url: String,
        /// Unique among all runs and their faults.
        tag: String,
        /// The pattern of the keys.
        keys: String,
    },
    /// Connections of clients were closed.
    RedisClientsKilled {
        /// The server's address.
        url: String,
        /// The clients that there were, by the server's numbers.
        clients: Vec<u64>,
        /// The server's `run_id`.
        server: String,
    },
}

/// What tagged sessions hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Held {
    /// All connections but so many.
    Connections {
        /// How many ordinary ones stay free.
        leave: u32,
    },
    /// A lock on a table.
    Lock {
        /// The table.
        table: String,
        /// What it blocks.
        mode: LockMode,
    },
    /// A lock on a table, now and then.
    Pulses {
        /// The table.
        table: String,
    },
}

/// Which PostgreSQL server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PostgresServer {
    /// The identifier of its data, which its standbys share.
    pub system: String,
    /// When it was started, in microseconds since 1970 by its own clock.
    pub started: i64,
}

/// One session of a PostgreSQL server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct PostgresSession {
    /// Its process.
    pub pid: i32,
    /// When it began, in microseconds since 1970 by the server's clock.
    pub started: i64,
}

/// Who may have taken over from what an undo would start, and what becomes of that then.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failover {
    /// The address of the PostgreSQL server that may have been promoted.
    pub peer: String,
    /// What becomes of the old primary.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<AfterFailover>,
}

impl DatabaseUndo {
    /// The server's address.
    pub fn url(&self) -> &str {
        match self {
            DatabaseUndo::PostgresSessions { url, .. }
            | DatabaseUndo::PostgresTerminated { url, .. }
            | DatabaseUndo::PostgresPromoted { url, .. }
            | DatabaseUndo::RedisPaused { url, .. }
            | DatabaseUndo::RedisEvicted { url, .. }
            | DatabaseUndo::RedisClientsKilled { url, .. } => url,
        }
    }
}

impl Family for DatabaseUndo {
    fn by_hand(&self) -> String {
        let url = for_shell(self.url());
        match self {
            DatabaseUndo::PostgresSessions { tag, hold, .. } => format!(
                "psql \"{url}\" -c \"select pg_terminate_backend(pid) from pg_stat_activity where application_name = \
                 '{tag}'\"; the server does it by itself {hold} after they were opened"
            ),
            DatabaseUndo::PostgresTerminated { .. } | DatabaseUndo::RedisClientsKilled { .. } => {
                "nothing to do: clients connect again by themselves".into()
            }
            DatabaseUndo::PostgresPromoted { .. } => {
                format!(
                    "decide which server is the primary, and copy its data to the other: pg_rewind, or pg_basebackup from \"{url}\""
                )
            }
            DatabaseUndo::RedisPaused { hold, writes: true, .. } => {
                format!("redis-cli -u \"{url}\" client unpause; the server does it by itself after {hold}")
            }
            DatabaseUndo::RedisPaused { .. } => {
                "end the runner: the server lets its clients go on within a second or two".into()
            }
            DatabaseUndo::RedisEvicted { keys, .. } => format!("fill what stood in {keys} again from where it came"),
        }
    }

    fn subject(&self) -> String {
        let kind = if self.url().starts_with("redis") { "redis" } else { "postgres" };
        format!("{kind} {}", node(self.url()))
    }

    fn longest(&self) -> Duration {
        Duration::from_secs(10)
    }

    /// What a session that was being opened held, ends with its runner; a command of Redis waits as long as a pause.
    fn flight(&self) -> Duration {
        Duration::from_secs(2)
    }

    fn may_be_overtaken(&self, reverted: Reverted) -> bool {
        !self.has_no_inverse() && reverted == Reverted::AlreadyBack
    }

    fn has_no_inverse(&self) -> bool {
        !matches!(self, DatabaseUndo::PostgresSessions { .. } | DatabaseUndo::RedisPaused { .. })
    }

    /// An address of this machine's own means another server elsewhere.
    fn home(&self) -> Home {
        let node = node(self.url());
        let host = node.rsplit_once(':').map_or(node, |(host, _)| host);
        let own = host == "localhost" || host.starts_with("127.") || host == "[::1]";
        if own { Home::Machine } else { Home::Anywhere }
    }
}

/// An address between double quotes of a shell: references become what the shell resolves itself.
fn for_shell(url: &str) -> String {
    let mut out = String::new();
    let mut rest = url;
    while let Some(at) = rest.find("${") {
        out.push_str(&rest[..at]);
        let inner = rest[at + 2..].split('}').next().unwrap_or_default();
        match inner.split_once(':') {
            Some(("env", name)) => out.push_str(&format!("${{{name}}}")),
            Some(("file", path)) => out.push_str(&format!("$(cat {path})")),
            _ => out.push_str(inner),
        }
        rest = rest.get(at + 3 + inner.len()..).unwrap_or_default();
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sessions(url: &str) -> DatabaseUndo {
        DatabaseUndo::PostgresSessions {
            url: url.into(),
            tag: "simulacro/run/f".into(),
            held: Held::Lock { table: "orders".into(), mode: LockMode::Everything },
            hold: HumanDuration::from_secs(60),
            server: PostgresServer { system: "1".into(), started: 2 },
        }
    }

    #[test]
    fn by_hand_is_a_command_that_resolves_its_secrets_itself() {
        let by_hand = sessions("postgres://u:${env:PGPASSWORD}@h:5432/d").by_hand();
        assert!(by_hand.starts_with("psql \"postgres://u:${PGPASSWORD}@h:5432/d\" -c"), "{by_hand}");
        let by_hand = sessions("postgres://u:${file:/run/secret}@h/d").by_hand();
        assert!(by_hand.contains("u:$(cat /run/secret)@h/d"), "{by_hand}");
    }

    #[test]
    fn an_address_of_this_machine_is_not_one_of_another() {
        assert_eq!(sessions("postgres://u:${env:P}@127.0.0.1:1/d").home(), Home::Machine);
        assert_eq!(sessions("postgres://localhost/d").home(), Home::Machine);
        assert_eq!(sessions("postgres://db.example:5432/d").home(), Home::Anywhere);
    }

    #[test]
    fn records_keep_their_form() {
        let undo = sessions("postgres://h/d");
        let text = serde_json::to_string(&undo).unwrap();
        assert_eq!(
            text,
            r#"{"postgres-sessions":{"url":"postgres://h/d","tag":"simulacro/run/f","held":{"lock":{"table":"orders","mode":"everything"}},"hold":"1m","server":{"system":"1","started":2}}}"#
        );
        assert_eq!(serde_json::from_str::<DatabaseUndo>(&text).unwrap(), undo);
    }
}
