//! Lengths of time on the command line.

use std::time::Duration;

use domain::units::{ParseTimeSpanError, TimeSpan};

/// Reads a length of time. A bare number counts seconds, because scripts give `--timeout 90`.
///
/// # Errors
/// What is wrong with the text, with an example.
pub fn parse(text: &str) -> Result<Duration, ParseTimeSpanError> {
    let seconds = text.trim().parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    seconds.map_or_else(|| text.parse().map(|TimeSpan(length)| length), Ok)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bare_number_counts_seconds() {
        for (text, seconds) in [("90", 90.0), ("0.5", 0.5), ("90s", 90.0), ("1h30m", 5400.0)] {
            assert_eq!(parse(text).unwrap().as_secs_f64(), seconds, "{text}");
        }
        for text in ["", "-1", "m", "10x", "1h30", "nan", "99999999999999999999s"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
