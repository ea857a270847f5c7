//! Queueing disciplines: what is said to `tc`, and what it says of them. Pure.

use super::Shape;

/// A device that packets pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Device {
    /// Its name.
    pub(super) name: String,
    /// Its largest packet, in bytes.
    pub(super) mtu: u64,
}

/// What `ip -o link show up` lists, loopback excepted.
pub(super) fn devices(listing: &str) -> Vec<Device> {
    let device = |line: &str| {
        let (_, rest) = line.split_once(": ")?;
        let (name, rest) = rest.split_once(": ")?;
        let mtu = rest.split_once(" mtu ").and_then(|(_, n)| n.split_ascii_whitespace().next()?.parse().ok());
        let loopback = rest.split('>').next().is_some_and(|flags| flags.contains("LOOPBACK"));
        // `eth0@if5`: the other end of a pair.
        let name = name.split('@').next().unwrap_or(name).to_owned();
        (!loopback).then(|| Device { name, mtu: mtu.unwrap_or(1500) })
    };
    listing.lines().filter_map(device).collect()
}

/// The handle that belongs to a tag. Handles that the kernel draws by itself begin at 8000.
pub(super) fn handle(tag: &str) -> String {
    format!("{:x}", 0x5000 + crc32fast::hash(tag.as_bytes()) % 0x2fff)
}

/// Whether only netem can do that.
pub(super) fn needs_netem(shape: &Shape) -> bool {
    !matches!(shape, Shape::Rate(_))
}

/// The words for `tc` that set it.
pub(super) fn add(device: &Device, handle: &str, shape: &Shape) -> Vec<String> {
    let micros = |duration: crate::model::HumanDuration| format!("{}us", duration.get().as_micros());
    let percent = |share: crate::model::Ratio| format!("{:.4}%", share.0 * 100.0);
    let words = match shape {
        Shape::Rate(rate) => {
            let bytes = rate.0 / 8;
            // What may leave at once: 5 ms of the rate. What may wait: 100 ms of it. Never less than some packets.
            let burst = (bytes / 200).max(device.mtu + 100);
            let limit = (bytes / 10).max(30 * device.mtu);
            format!("tbf rate {}bit burst {burst} limit {limit}", rate.0)
        }
        Shape::Delay { latency, jitter } if jitter.get().is_zero() => {
            format!("netem limit {MANY} delay {}", micros(*latency))
        }
        Shape::Delay { latency, jitter } => {
            format!("netem limit {MANY} delay {} {}", micros(*latency), micros(*jitter))
        }
        Shape::Duplicate(share) => format!("netem limit {MANY} duplicate {}", percent(*share)),
        Shape::Corrupt(share) => format!("netem limit {MANY} corrupt {}", percent(*share)),
        Shape::Reorder { share, latency } => {
            format!("netem limit {MANY} delay {} reorder {}", micros(*latency), percent(*share))
        }
    };
    let text = format!("tc qdisc add dev {} root handle {handle}: {words}", device.name);
    text.split_ascii_whitespace().map(str::to_owned).collect()
}

/// Packets that netem may hold: its own default of 1000 would lose packets of a fast link.
const MANY: u32 = 100_000;

/// What stands at the root of a device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Root {
    /// What the kernel puts there by itself.
    Usual,
    /// Ours, and how many packets it did something to.
    Ours {
        /// How many.
        touched: u64,
    },
    /// Somebody else's.
    Foreign(String),
}

/// What `tc -s qdisc show dev DEVICE` says of the root. A discipline that nobody asked for has the handle `0:`.
pub(super) fn root(listing: &str, handle: &str) -> Root {
    let mut lines = listing.lines();
    let Some(line) = lines.find(|line| line.starts_with("qdisc ") && line.contains(" root ")) else {
        return Root::Usual;
    };
    let words: Vec<&str> = line.split_ascii_whitespace().collect();
    let (kind, theirs) = (words.get(1).copied().unwrap_or(""), words.get(2).copied().unwrap_or(""));
    match theirs.trim_end_matches(':') {
        "0" => Root::Usual,
        own if own == handle => {
            let counts = lines.next().unwrap_or_default();
            // A limit touches what it holds back or loses; netem is asked about every packet.
            let touched = match kind {
                "tbf" => number(counts, "overlimits ") + number(counts, "(dropped "),
                _ => number(counts, " bytes "),
            };
            Root::Ours { touched }
        }
        _ => Root::Foreign(format!("{kind} {theirs}")),
    }
}

fn number(counts: &str, after: &str) -> u64 {
    let rest = counts.split_once(after).map_or("", |(_, rest)| rest);
    rest.split(|c: char| !c.is_ascii_digit()).next().and_then(|n| n.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{BitRate, HumanDuration, Ratio};

    /// As iproute2 6.1 prints it, on Linux 6.18 and (netem) 6.1.
    const TBF: &str = "qdisc tbf 5abc: root refcnt 3 rate 1Mbit burst 16Kb lat 100ms \n \
        Sent 12345 bytes 99 pkt (dropped 2, overlimits 31 requeues 0) \n backlog 0b 0p requeues 0\n";
    const NETEM: &str = "qdisc netem 5abc: root refcnt 2 limit 100000 delay 50ms\n \
        Sent 840 bytes 12 pkt (dropped 0, overlimits 0 requeues 0) \n backlog 0b 0p requeues 0\n";

    #[test]
    fn ours_usual_and_foreign_are_told_apart() {
        assert_eq!(root(TBF, "5abc"), Root::Ours { touched: 33 });
        assert_eq!(root(NETEM, "5abc"), Root::Ours { touched: 12 });
        assert_eq!(root(TBF, "5abd"), Root::Foreign("tbf 5abc:".into()));
        assert_eq!(root("qdisc noqueue 0: root refcnt 2 \n Sent 0 bytes 0 pkt", "5abc"), Root::Usual);
        assert_eq!(root("", "5abc"), Root::Usual);
        let many = "qdisc mq 0: root \nqdisc fq_codel 0: parent :1 limit 10240p\n";
        assert_eq!(root(many, "5abc"), Root::Usual);
    }

    #[test]
    fn devices_are_read_without_loopback() {
        let listing = "1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536 qdisc noqueue state UNKNOWN\n\
            7: eth0@if8: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1450 qdisc noqueue state UP\n";
        assert_eq!(devices(listing), [Device { name: "eth0".into(), mtu: 1450 }]);
    }

    #[test]
    fn what_is_said_to_tc() {
        let device = Device { name: "eth0".into(), mtu: 1500 };
        let said = |shape: Shape| add(&device, "5abc", &shape).join(" ");
        let ms = HumanDuration::from_millis;
        let begin = "tc qdisc add dev eth0 root handle 5abc: ";
        for (shape, words) in [
            (Shape::Rate(BitRate(1_000_000)), "tbf rate 1000000bit burst 1600 limit 45000"),
            (Shape::Rate(BitRate(800_000_000)), "tbf rate 800000000bit burst 500000 limit 10000000"),
            (Shape::Delay { latency: ms(50), jitter: ms(0) }, "netem limit 100000 delay 50000us"),
            (Shape::Delay { latency: ms(50), jitter: ms(5) }, "netem limit 100000 delay 50000us 5000us"),
            (Shape::Duplicate(Ratio(0.05)), "netem limit 100000 duplicate 5.0000%"),
            (Shape::Corrupt(Ratio(0.01)), "netem limit 100000 corrupt 1.0000%"),
            (
                Shape::Reorder { share: Ratio(0.25), latency: ms(10) },
                "netem limit 100000 delay 10000us reorder 25.0000%",
            ),
        ] {
            assert_eq!(said(shape), format!("{begin}{words}"));
        }
    }

    #[test]
    fn a_handle_belongs_to_its_tag_and_is_none_that_the_kernel_draws() {
        let number = |tag: String| u32::from_str_radix(&handle(&tag), 16).unwrap();
        assert!((0..1000).map(|n| number(n.to_string())).all(|n| (0x5000..0x8000).contains(&n)));
        assert_ne!(handle("a"), handle("b"));
    }
}
