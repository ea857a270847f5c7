//! Which packets a fault of a network means.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::FieldProblem;
use crate::model::Ratio;

/// What faults of networks may be aimed at.
pub(super) const SORTS: &[&str] = &["process", "container", "host"];

/// Shares are drawn in millionths: what is smaller would never happen.
pub(super) fn share_problem(field: &'static str, share: Ratio) -> Vec<FieldProblem> {
    let problem = || FieldProblem {
        field,
        message: format!("a share of {share} touches no packet"),
        hint: "give 0.0001% or more".into(),
    };
    if share.0 < 1e-6 { vec![problem()] } else { Vec::new() }
}

/// Which way packets go, seen from the target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// To the target.
    In,
    /// From the target.
    Out,
    /// Both ways.
    #[default]
    Both,
}

/// Addresses on the other side: one, or a network of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer {
    /// The address, or the first of the network.
    pub address: IpAddr,
    /// How many leading bits are the network's.
    pub prefix: u8,
}

impl From<IpAddr> for Peer {
    fn from(address: IpAddr) -> Self {
        Peer { address, prefix: if address.is_ipv4() { 32 } else { 128 } }
    }
}

impl FromStr for Peer {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is neither an address nor a network: write 10.0.0.5 or 10.0.0.0/24");
        let (address, prefix) = text.trim().split_once('/').map_or((text.trim(), None), |(a, p)| (a, Some(p)));
        let peer = Peer::from(address.parse::<IpAddr>().map_err(|_| wrong())?);
        match prefix.map(str::parse::<u8>) {
            None => Ok(peer),
            Some(Ok(prefix)) if prefix <= peer.prefix => Ok(Peer { prefix, ..peer }),
            Some(_) => Err(wrong()),
        }
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Peer { address, prefix } = self;
        if *self == Peer::from(*address) { write!(f, "{address}") } else { write!(f, "{address}/{prefix}") }
    }
}

impl Serialize for Peer {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Peer {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d)?.parse().map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for Peer {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Peer".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "examples": ["10.0.0.5", "10.0.0.0/24", "fd00::/64"] })
    }
}

/// Which packets are meant: those to or from these peers, by these ports, in this direction.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Flow {
    /// Addresses on the other side; empty for all but the target's own loopback.
    pub peers: Vec<Peer>,
    /// Ports of TCP and UDP, on either side; empty for every packet.
    pub ports: Vec<u16>,
    /// Which way.
    pub direction: Direction,
}

impl Flow {
    /// Whether it means everything that leaves or reaches the target.
    pub fn is_everything(&self) -> bool {
        self.peers.is_empty() && self.ports.is_empty()
    }
}

impl fmt::Display for Flow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |what: Vec<String>| what.join(" ");
        let peers = list(self.peers.iter().map(Peer::to_string).collect());
        let ports = list(self.ports.iter().map(u16::to_string).collect());
        let way = match self.direction {
            Direction::In => "in",
            Direction::Out => "out",
            Direction::Both => "",
        };
        let ports = if ports.is_empty() { ports } else { format!("port {ports}") };
        let words: Vec<&str> = [peers.as_str(), &ports, way].into_iter().filter(|w| !w.is_empty()).collect();
        f.write_str(&words.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn peers_are_addresses_and_networks() {
        for text in ["10.0.0.5", "10.0.0.0/24", "fd00::1", "fd00::/64"] {
            assert_eq!(text.parse::<Peer>().unwrap().to_string(), text);
        }
        for text in ["", "db", "10.0.0.0/33", "10.0.0.5/x", "fd00::/129"] {
            assert!(text.parse::<Peer>().is_err(), "{text}");
        }
    }
}
