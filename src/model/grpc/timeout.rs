//! `grpc-timeout`.

use std::time::Duration;

/// The value of the header `grpc-timeout` for a deadline that is so far off: at most eight digits and a unit, never
/// more than the time itself (doc/PROTOCOL-HTTP2.md of gRPC).
pub fn timeout_value(left: Duration) -> String {
    let nanos = left.as_nanos();
    let units = [("n", 1), ("u", 1_000), ("m", 1_000_000), ("S", 1_000_000_000), ("M", 60_000_000_000)];
    let fits = units.iter().find(|(_, size)| nanos / size < 100_000_000);
    match fits {
        Some((unit, size)) => format!("{}{unit}", nanos / size),
        // Nearly two centuries.
        None => "99999999M".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_finest_unit_that_fits_is_taken() {
        assert_eq!(timeout_value(Duration::from_millis(50)), "50000000n");
        assert_eq!(timeout_value(Duration::from_millis(200)), "200000u");
        assert_eq!(timeout_value(Duration::from_secs(2)), "2000000u");
        assert_eq!(timeout_value(Duration::from_secs(3600)), "3600000m");
        assert_eq!(timeout_value(Duration::MAX), "99999999M");
    }

    proptest! {
        #[test]
        fn it_is_never_longer_and_hardly_shorter(nanos in 1u64..5_000_000_000_000_000_000) {
            let text = timeout_value(Duration::from_nanos(nanos));
            let (digits, unit) = text.split_at(text.len() - 1);
            prop_assert!(digits.len() <= 8);
            let size = match unit { "n" => 1, "u" => 1_000, "m" => 1_000_000, "S" => 1_000_000_000, _ => 60_000_000_000u64 };
            let read = digits.parse::<u64>().unwrap() * size;
            prop_assert!(read <= nanos && nanos - read < size);
        }
    }
}
