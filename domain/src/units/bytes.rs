//! Memory sizes, as people write and read them.

use std::fmt;
use std::str::FromStr;

/// A number of bytes. Written `64MiB`, `1.5 GB` or a bare integer; shown in binary units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Bytes(pub u64);

/// A text that is not a memory size.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` is not a memory size: write a number with B, KiB, MiB or GiB (or KB, MB, GB), such as \"64MiB\""
)]
pub struct ParseBytesError {
    text: String,
}

const UNITS: [(&str, u64); 9] = [
    ("kib", 1 << 10),
    ("mib", 1 << 20),
    ("gib", 1 << 30),
    ("tib", 1 << 40),
    ("kb", 1_000),
    ("mb", 1_000_000),
    ("gb", 1_000_000_000),
    ("tb", 1_000_000_000_000),
    ("b", 1),
];

impl FromStr for Bytes {
    type Err = ParseBytesError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = || ParseBytesError { text: text.to_owned() };
        let lower = text.trim().to_ascii_lowercase();
        let (digits, unit) = UNITS
            .iter()
            .find_map(|&(name, size)| Some((lower.strip_suffix(name)?.trim_end(), size)))
            .unwrap_or((lower.as_str(), 1));
        if let Ok(whole) = digits.parse::<u64>() {
            return whole.checked_mul(unit).map(Bytes).ok_or_else(error);
        }
        let number: f64 = digits.parse().map_err(|_| error())?;
        let bytes = number * unit as f64;
        // A fraction of a unit is rounded to the nearest byte; 2^63 is beyond any device.
        if bytes.is_finite() && (0.0..9.2e18).contains(&bytes) && unit > 1 {
            Ok(Bytes(bytes.round() as u64))
        } else {
            Err(error())
        }
    }
}

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self.0 {
            0..1024 => format!("{} B", self.0),
            1024..1_048_576 => format!("{:.1} KiB", self.0 as f64 / 1024.0),
            1_048_576..1_073_741_824 => format!("{:.1} MiB", self.0 as f64 / 1_048_576.0),
            _ => format!("{:.2} GiB", self.0 as f64 / 1_073_741_824.0),
        };
        f.pad(&text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn sizes_read_as_people_write_them() {
        for (text, bytes) in [
            ("64MiB", 64 << 20),
            ("64 mib", 64 << 20),
            ("1GB", 1_000_000_000),
            ("1.5GiB", 3 << 29),
            ("88", 88),
            ("88B", 88),
            ("0.5 KiB", 512),
        ] {
            assert_eq!(text.parse(), Ok(Bytes(bytes)), "{text}");
        }
    }

    #[test]
    fn what_is_not_a_size_is_refused() {
        for text in ["", "MiB", "64 MibX", "-1MiB", "1.5", "nan GiB", "99999999999 GiB", "1e40 GiB"] {
            assert!(text.parse::<Bytes>().is_err(), "{text}");
        }
    }

    #[test]
    fn sizes_show_in_binary_units() {
        let shown = |bytes| Bytes(bytes).to_string();
        assert_eq!(
            [shown(88), shown(48_000), shown(64 << 20), shown(3 << 29)],
            ["88 B", "46.9 KiB", "64.0 MiB", "1.50 GiB"]
        );
    }

    proptest! {
        #[test]
        fn any_text_is_answered_without_a_panic(text in ".{0,24}") {
            let _ = text.parse::<Bytes>();
        }

        #[test]
        fn a_whole_number_of_bytes_reads_back(bytes in 0u64..=u64::MAX) {
            prop_assert_eq!(bytes.to_string().parse(), Ok(Bytes(bytes)));
        }
    }
}
