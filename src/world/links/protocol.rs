//! What runner and proxy process say to each other: JSON documents, one per line.
//!
//! The proxy reads one [`Assignment`] from its standard input, writes one [`Report`] to its standard output, and from
//! then on answers each [`Request`] on its Unix socket with one [`Answer`], in order. Standard input is its lease: at
//! end of file it removes every rule, closes its links and ends. By hand:
//!
//! ```text
//! echo '{"remove":{"link":"front","id":"<run>/<fault>"}}' | socat - UNIX-CONNECT:<control>
//! ```

use std::io;
use std::path::PathBuf;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::model::{LinkAddress, LinkRule, Name, RuleId, RuleStatus};

/// Longest line either side accepts, in bytes.
pub const LONGEST_LINE: u64 = 1 << 20;

/// What the proxy process is to do: its first line of standard input.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Assignment {
    /// The links to open.
    pub links: Vec<LinkAddress>,
    /// Where its random choices come from.
    pub seed: u64,
    /// Path of the Unix socket it takes orders on; it must not exist.
    pub control: PathBuf,
}

/// How the start went: the proxy's only line on standard output.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Report {
    /// Every link listens and orders are taken.
    Ready {
        /// The proxy's process id.
        pid: u32,
        /// The links with the addresses they listen on in fact: a port 0 is replaced by the one that was chosen.
        links: Vec<LinkAddress>,
    },
    /// Nothing listens; the process ends.
    Failed {
        /// The link that could not be opened; none when it was the control socket or the assignment.
        #[serde(default)]
        link: Option<Name>,
        /// The address or path in question.
        address: String,
        /// Whether somebody else listens there.
        in_use: bool,
        /// The system's words.
        why: String,
    },
}

/// An order to the proxy.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Request {
    /// Set a rule.
    Set {
        /// On which link.
        link: Name,
        /// Under which id.
        id: RuleId,
        /// The rule.
        rule: LinkRule,
    },
    /// Keep a rule for another lease, where rules are leased.
    Renew {
        /// On which link.
        link: Name,
        /// Under which id.
        id: RuleId,
    },
    /// Remove a rule.
    Remove {
        /// From which link.
        link: Name,
        /// By which id.
        id: RuleId,
    },
    /// Tell whether a rule stands, and what it has done.
    Status {
        /// On which link.
        link: Name,
        /// Under which id.
        id: RuleId,
    },
}

/// What the proxy answers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// The order was carried out.
    Done,
    /// No rule of that id stands on that link.
    Absent,
    /// The rule stands.
    InForce(RuleStatus),
    /// This proxy has no link of that name.
    UnknownLink,
    /// The order could not be carried out, or not be read.
    Failed {
        /// Why.
        why: String,
    },
}

/// Writes one document as one line.
///
/// # Errors
/// When the other side is gone.
pub async fn send<T: Serialize>(to: &mut (impl AsyncWrite + Unpin), document: &T) -> io::Result<()> {
    let mut line = serde_json::to_vec(document)?;
    line.push(b'\n');
    to.write_all(&line).await?;
    to.flush().await
}

/// Reads one document; none at the end of the stream.
///
/// # Errors
/// When the line is longer than [`LONGEST_LINE`], is cut off, or is not such a document (`InvalidData`), or the stream
/// breaks.
pub async fn receive<T: DeserializeOwned>(from: &mut (impl AsyncBufRead + Unpin)) -> io::Result<Option<T>> {
    let mut line = Vec::new();
    if from.take(LONGEST_LINE).read_until(b'\n', &mut line).await? == 0 {
        return Ok(None);
    }
    if line.last() != Some(&b'\n') {
        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "a line is cut off, or longer than 1 MiB"));
    }
    serde_json::from_slice(&line).map(Some).map_err(|e| io::Error::new(io::ErrorKind::InvalidData, e))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::HumanDuration;

    #[tokio::test]
    async fn documents_survive_the_wire_and_damage_is_told_from_the_end() {
        let request = Request::Set {
            link: "front".parse().expect("a name"),
            id: RuleId("run/crawl".into()),
            rule: LinkRule::latency(HumanDuration::from_millis(250), HumanDuration::from_millis(50)),
        };
        let mut wire = Vec::new();
        send(&mut wire, &request).await.expect("written");
        send(&mut wire, &Answer::Done).await.expect("written");
        wire.extend_from_slice(b"{\"remove\":");
        let mut from = wire.as_slice();
        assert_eq!(receive(&mut from).await.expect("read"), Some(request));
        assert_eq!(receive(&mut from).await.expect("read"), Some(Answer::Done));
        let cut = receive::<Request>(&mut from).await.expect_err("cut off");
        assert_eq!(cut.kind(), io::ErrorKind::UnexpectedEof);
        assert_eq!(receive::<Request>(&mut from).await.expect("the end"), None);
    }

    #[tokio::test]
    async fn nonsense_and_endless_lines_are_refused() {
        let nonsense = receive::<Request>(&mut b"{\"dance\":{}}\n".as_slice()).await.expect_err("refused");
        assert_eq!(nonsense.kind(), io::ErrorKind::InvalidData);
        let endless = vec![b' '; LONGEST_LINE as usize + 2];
        let endless = receive::<Request>(&mut endless.as_slice()).await.expect_err("refused");
        assert_eq!(endless.kind(), io::ErrorKind::UnexpectedEof);
    }

    #[test]
    fn the_wire_format_is_as_documented() {
        let remove = Request::Remove { link: "front".parse().expect("a name"), id: RuleId("r/f".into()) };
        let json = serde_json::to_string(&remove).expect("json");
        assert_eq!(json, r#"{"remove":{"link":"front","id":"r/f"}}"#);
        let answer = serde_json::to_string(&Answer::InForce(RuleStatus { touched: 3 })).expect("json");
        assert_eq!(answer, r#"{"in_force":{"touched":3}}"#);
    }
}
