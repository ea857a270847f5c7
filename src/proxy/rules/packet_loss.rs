//! Packet loss, as a TCP stream lives through it: a lost packet is sent again, and everything behind it waits.
//!
//! A proxy has no packets: the kernels on both sides take care that none is lost. What a program sees of loss is time,
//! and that is what is made here, packet by packet.

use std::time::Duration;

use super::chance::share;
use super::{Chunk, Passage, Past, Rule};
use crate::model::{Delta, Offset};

/// Bytes in a packet: an Ethernet frame less the headers of IP and TCP.
const PACKET: usize = 1460;

/// Most losses of one packet; the sixth takes a minute with the usual timeout.
const MOST: u32 = 8;

/// Each packet is lost with some probability, again and again; each loss costs a timeout, twice the one before.
pub(super) struct PacketLoss {
    loss: f64,
    timeout: i64,
}

impl PacketLoss {
    pub(super) fn new(loss: f64, timeout: Duration) -> Self {
        PacketLoss { loss, timeout: Delta::from(timeout).nanos() }
    }

    /// How often a packet with that lot is lost before it arrives: `n` times with probability `loss^n × (1 - loss)`.
    fn losses(&self, lot: u64) -> u32 {
        let (drawn, mut threshold, mut losses) = (share(lot), self.loss, 0);
        while drawn < threshold && losses < MOST {
            losses += 1;
            threshold *= self.loss;
        }
        losses
    }
}

impl Rule for PacketLoss {
    fn cut(&self, _: &Chunk, _: &Past) -> usize {
        PACKET
    }

    fn passage(&self, chunk: &Chunk, ready: Offset, _: &Past) -> Passage {
        let timeouts = (1i64 << self.losses(chunk.lot)) - 1;
        Passage::At(ready + Delta(self.timeout.saturating_mul(timeouts)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proxy::rules::{Direction, lot};

    #[test]
    fn losses_are_as_frequent_as_asked_and_double_their_timeout() {
        let rule = PacketLoss::new(0.1, Duration::from_millis(200));
        let past = Past::new(Offset::ZERO);
        let n = 100_000;
        let mut counts = [0u32; 10];
        for sequence in 0..n {
            let lot = lot(5, 1, Direction::Up, sequence);
            let losses = rule.losses(lot);
            counts[losses as usize] += 1;
            let chunk = Chunk { direction: Direction::Up, arrived: Offset::ZERO, len: 1, lot, hold: None };
            let at = Offset::from_millis(200 * ((1 << losses) - 1));
            assert_eq!(rule.passage(&chunk, Offset::ZERO, &past), Passage::At(at));
        }
        let lost = f64::from(n as u32 - counts[0]) / n as f64;
        let twice = f64::from(n as u32 - counts[0] - counts[1]) / n as f64;
        // 99.99 % intervals of the binomial.
        assert!((lost - 0.1).abs() < 0.004 && (twice - 0.01).abs() < 0.0013, "{lost} {twice}");
    }

    #[test]
    fn certain_loss_ends_and_none_passes_at_once() {
        assert_eq!(PacketLoss::new(1.0, Duration::ZERO).losses(7), MOST);
        assert_eq!(PacketLoss::new(0.0, Duration::ZERO).losses(0), 0);
    }
}
