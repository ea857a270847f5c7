//! Tables of nftables: what is said to `nft`, and what it says of them. Pure.
//!
//! Each table has a set `live` whose two elements expire in the kernel, and no rule acts without them: so a fault ends
//! by itself even when nobody is left to undo it.

use std::fmt::Write;
use std::time::Duration;

use super::NetworkEffect;
use crate::scenario::fault::{Direction, Flow, NoAnswer, Refusal};

/// Before connection tracking and address translation: packets are seen with the addresses that the target uses.
const FIRST: &str = "priority -300; policy accept; meta nfproto != @live accept;";

/// What is known only when the table is made.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Ports {
    /// Where the keeper takes questions for names.
    pub(super) answer: u16,
    /// From where it asks on.
    pub(super) ask: u16,
}

/// The table that makes an effect; none when no table can. It expires after `lease`.
pub(super) fn script(tag: &str, effect: &NetworkEffect, lease: Duration, ports: Ports) -> Option<String> {
    let body = match effect {
        NetworkEffect::Cut { flow, action } => format!("{}{}", hit(*action), chains(flow)),
        NetworkEffect::Loss { flow, share } => {
            let millionths = (share.0 * 1e6).round().clamp(1.0, 1e6);
            format!("chain hit {{ numgen random mod 1000000 < {millionths} counter drop; }}\n{}", chains(flow))
        }
        NetworkEffect::Unnamed(answer) => unnamed(*answer),
        NetworkEffect::Renamed(_) => renamed(ports),
        NetworkEffect::Shape { .. } => return None,
    };
    let live = elements(lease);
    Some(format!(
        "create table inet {tag}\ntable inet {tag} {{\nset live {{ type nf_proto; flags timeout; elements = {live}; }}\n\
         {body}}}\n"
    ))
}

/// What renews the time that a table is in force.
pub(super) fn renewal(tag: &str, lease: Duration) -> String {
    format!("flush set inet {tag} live\nadd element inet {tag} live {}\n", elements(lease))
}

fn elements(lease: Duration) -> String {
    let seconds = lease.as_millis().div_ceil(1000).max(1);
    format!("{{ ipv4 timeout {seconds}s, ipv6 timeout {seconds}s }}")
}

fn hit(action: Refusal) -> String {
    let rules = match action {
        Refusal::Drop => "counter drop;",
        // What tells a sender that it was refused must itself pass.
        Refusal::Reject => {
            "tcp flags & rst == rst accept; icmp type destination-unreachable accept; icmpv6 type \
             destination-unreachable accept; meta l4proto tcp counter reject with tcp reset; counter reject with icmpx \
             type port-unreachable;"
        }
    };
    format!("chain hit {{ {rules} }}\n")
}

/// The chains that see packets of a flow, each packet once.
fn chains(flow: &Flow) -> String {
    let mut text = String::new();
    for (way, chain, side, device) in
        [(Direction::In, "input", "saddr", "iifname"), (Direction::Out, "output", "daddr", "oifname")]
    {
        if flow.direction != way && flow.direction != Direction::Both {
            continue;
        }
        let peers: Vec<String> = match flow.peers.as_slice() {
            [] => vec![format!("{device} != \"lo\"")],
            peers => peers.iter().map(|peer| format!("{} {side} {peer}", family(peer.address.is_ipv4()))).collect(),
        };
        let list = flow.ports.iter().map(u16::to_string).collect::<Vec<_>>().join(", ");
        let ports: Vec<String> = match flow.ports.as_slice() {
            [] => vec![String::new()],
            _ => ["dport", "sport"].map(|port| format!(" meta l4proto {{ tcp, udp }} th {port} {{ {list} }}")).to_vec(),
        };
        let _ = write!(text, "chain {chain}_here {{ type filter hook {chain} {FIRST}");
        for peer in &peers {
            for port in &ports {
                let _ = write!(text, " {peer}{port} goto hit;");
            }
        }
        text.push_str(" }\n");
    }
    text
}

fn family(ipv4: bool) -> &'static str {
    if ipv4 { "ip" } else { "ip6" }
}

/// Silence is made on the way in: a datagram dropped on the way out is an error that its sender is told. A resolver on
/// this side (Docker's at 127.0.0.11 listens on a port that it draws) never gets the question; of others the answer is
/// lost.
fn unnamed(answer: NoAnswer) -> String {
    match answer {
        NoAnswer::Nothing => format!(
            "chain hit {{ counter drop; }}\nchain input_here {{ type filter hook input {FIRST} ip daddr 127.0.0.11 goto \
             hit; iifname \"lo\" meta l4proto {{ tcp, udp }} th dport 53 goto hit; meta l4proto {{ tcp, udp }} th sport \
             53 goto hit; }}\n"
        ),
        NoAnswer::Refused => format!(
            "{}chain output_here {{ type filter hook output {FIRST} meta l4proto {{ tcp, udp }} th dport 53 goto hit; \
             }}\n",
            hit(Refusal::Reject)
        ),
    }
}

/// Before Docker's own translation (priority -100), which would lead elsewhere.
fn renamed(ports: Ports) -> String {
    format!(
        "chain output_here {{ type nat hook output priority -110; policy accept; meta nfproto != @live accept; udp \
         dport 53 udp sport != {} counter redirect to :{}; }}\n",
        ports.ask, ports.answer
    )
}

/// What a listed table says: none when it is not in force any more, else how many packets its rules met.
pub(super) fn met(listing: &str) -> Option<u64> {
    listing.contains(" expires ").then(|| {
        let mut words = listing.split_ascii_whitespace();
        let mut sum = 0;
        while let Some(word) = words.next() {
            if word == "packets" {
                sum += words.next().and_then(|n| n.parse::<u64>().ok()).unwrap_or(0);
            }
        }
        sum
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Ratio;

    fn text(effect: &NetworkEffect) -> String {
        script("tag", effect, Duration::from_millis(1500), Ports { answer: 5300, ask: 5301 }).unwrap()
    }

    #[test]
    fn every_table_expires_and_no_rule_acts_without_its_lease() {
        let flow = Flow::default();
        for effect in [
            NetworkEffect::Cut { flow: flow.clone(), action: Refusal::Drop },
            NetworkEffect::Loss { flow, share: Ratio(0.3) },
            NetworkEffect::Unnamed(NoAnswer::Nothing),
            NetworkEffect::Unnamed(NoAnswer::Refused),
            NetworkEffect::Renamed(Default::default()),
        ] {
            let text = text(&effect);
            assert!(text.contains("ipv4 timeout 2s, ipv6 timeout 2s"), "{text}");
            let hooks = text.matches(" hook ").count();
            assert!(
                hooks > 0 && hooks == text.matches("policy accept; meta nfproto != @live accept;").count(),
                "{text}"
            );
        }
    }

    #[test]
    fn a_flow_is_matched_by_each_peer_and_by_ports_of_either_side() {
        let peers = vec!["10.0.0.0/24".parse().unwrap(), "fd00::1".parse().unwrap()];
        let flow = Flow { peers, ports: vec![5432], direction: Direction::Out };
        let text = text(&NetworkEffect::Cut { flow, action: Refusal::Reject });
        assert!(!text.contains("input_here") && !text.contains("lo\""), "{text}");
        for rule in ["ip daddr 10.0.0.0/24", "ip6 daddr fd00::1"] {
            for port in ["dport", "sport"] {
                let rule = format!("{rule} meta l4proto {{ tcp, udp }} th {port} {{ 5432 }} goto hit;");
                assert!(text.contains(&rule), "{rule} in {text}");
            }
        }
    }

    #[test]
    fn without_a_peer_loopback_is_left_alone() {
        let text = text(&NetworkEffect::Cut { flow: Flow::default(), action: Refusal::Drop });
        assert!(text.contains("iifname != \"lo\" goto hit") && text.contains("oifname != \"lo\" goto hit"), "{text}");
    }

    #[test]
    fn a_share_is_told_in_millionths() {
        let loss = |share| text(&NetworkEffect::Loss { flow: Flow::default(), share: Ratio(share) });
        assert!(loss(0.3).contains("mod 1000000 < 300000 "));
        assert!(loss(1.0).contains("mod 1000000 < 1000000 "));
    }

    /// As nft 1.0.6 prints it.
    #[test]
    fn a_listing_tells_packets_as_long_as_the_lease_runs() {
        let live = "set live { elements = { ipv4 timeout 5m expires 4m59s992ms, ipv6 timeout 5m expires 4m59s } }";
        let rules = "counter packets 3 bytes 180 drop\n counter packets 4 bytes 1 drop";
        assert_eq!(met(&format!("{live}\n{rules}")), Some(7));
        assert_eq!(met(rules), None, "expired");
    }
}
