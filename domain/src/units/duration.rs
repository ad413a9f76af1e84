//! Lengths of time, as people write and read them: one grammar for every flag and variable.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// A length of time, 0 or longer. Written as numbers with units, such as `250ms`, `30s`, `1.5h` or `1h30m`, whose sum it
/// is; shown so that it reads back as the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct TimeSpan(pub Duration);

/// Why a text is not a length of time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseTimeSpanError {
    /// A number without a unit: seconds to one reader, minutes to another.
    #[error("`{text}` needs a unit after {number}: ms, s, m, h or d, such as {number}s")]
    NoUnit {
        /// All that was given.
        text: String,
        /// The number in it that has no unit.
        number: String,
    },
    /// Anything else that the grammar does not hold.
    #[error(
        "`{0}` is not a length of time: write numbers with ms, s, m, h or d, such as 250ms, 30s, 1h30m or 7d"
    )]
    Malformed(String),
    /// More than 2^64 seconds.
    #[error("`{0}` is longer than any clock can count: give less, such as 7d")]
    TooLong(String),
    /// Longer than [`TimeSpan::within`] allows.
    #[error("`{text}` is longer than {most}: give less")]
    OverMost {
        /// What was given.
        text: String,
        /// The longest that is taken.
        most: TimeSpan,
    },
    /// Nothing, where [`TimeSpan::positive`] wants something.
    #[error("`{0}` must be longer than 0: give for example 30s")]
    Zero(String),
}

const NANOS_PER_SECOND: u128 = 1_000_000_000;
const NANOS_PER_MILLI: u128 = 1_000_000;

/// Units with their nanoseconds, the longest first.
const UNITS: [(&str, u128); 6] = [
    ("d", 86_400 * NANOS_PER_SECOND),
    ("h", 3_600 * NANOS_PER_SECOND),
    ("m", 60 * NANOS_PER_SECOND),
    ("min", 60 * NANOS_PER_SECOND),
    ("s", NANOS_PER_SECOND),
    ("ms", NANOS_PER_MILLI),
];

impl TimeSpan {
    /// Reads one that must be longer than 0.
    ///
    /// # Errors
    /// [`ParseTimeSpanError`].
    pub fn positive(text: &str) -> Result<Self, ParseTimeSpanError> {
        match text.parse()? {
            Self(Duration::ZERO) => Err(ParseTimeSpanError::Zero(text.to_owned())),
            span => Ok(span),
        }
    }

    /// Reads one that must be longer than 0 and at most so many days.
    ///
    /// # Errors
    /// [`ParseTimeSpanError`].
    pub fn within(text: &str, days: u32) -> Result<Self, ParseTimeSpanError> {
        let most = Self(Duration::from_secs(u64::from(days) * 86_400));
        match Self::positive(text)? {
            span if span <= most => Ok(span),
            _ => Err(ParseTimeSpanError::OverMost { text: text.to_owned(), most }),
        }
    }
}

impl FromStr for TimeSpan {
    type Err = ParseTimeSpanError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let malformed = || ParseTimeSpanError::Malformed(text.to_owned());
        let too_long = || ParseTimeSpanError::TooLong(text.to_owned());
        let lower = text.trim().to_ascii_lowercase();
        if lower.is_empty() {
            return Err(malformed());
        }
        let (mut rest, mut nanos) = (lower.as_str(), 0u128);
        while !rest.is_empty() {
            let (number, after) = split_while(rest, |c| c.is_ascii_digit() || c == '.');
            let (unit, after) = split_while(after.trim_start(), |c| c.is_ascii_alphabetic());
            if unit.is_empty() && after.is_empty() && number.parse::<f64>().is_ok() {
                return Err(ParseTimeSpanError::NoUnit { text: text.to_owned(), number: number.to_owned() });
            }
            let (_, unit) = UNITS.into_iter().find(|(name, _)| *name == unit).ok_or_else(malformed)?;
            let part = if number.contains('.') {
                // A cast from a float stops at the largest integer, which is too long in any case.
                (number.parse::<f64>().map_err(|_| malformed())? * unit as f64).round() as u128
            } else if number.is_empty() {
                return Err(malformed());
            } else {
                u128::from(number.parse::<u64>().map_err(|_| too_long())?) * unit
            };
            nanos = nanos.checked_add(part).ok_or_else(too_long)?;
            rest = after.trim_start();
        }
        let seconds = u64::try_from(nanos / NANOS_PER_SECOND).map_err(|_| too_long())?;
        // The remainder is below 10^9, which a u32 holds.
        Ok(Self(Duration::new(seconds, (nanos % NANOS_PER_SECOND) as u32)))
    }
}

/// The characters from the start for which `holds` holds, and the rest.
fn split_while(text: &str, holds: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(|c| !holds(c)).unwrap_or(text.len()))
}

impl fmt::Display for TimeSpan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut nanos = self.0.as_nanos();
        let mut text = String::new();
        for (name, unit) in UNITS.into_iter().filter(|(name, _)| !matches!(*name, "min" | "ms")) {
            let count = nanos / unit;
            nanos %= unit;
            if count > 0 {
                text.push_str(&format!("{count}{name}"));
            }
        }
        if nanos > 0 {
            text.push_str(&format!("{}ms", nanos as f64 / NANOS_PER_MILLI as f64));
        }
        f.pad(if text.is_empty() { "0s" } else { &text })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn millis(text: &str) -> u128 {
        text.parse::<TimeSpan>().unwrap_or_else(|error| panic!("{error}")).0.as_millis()
    }

    #[test]
    fn times_read_as_people_write_them() {
        for (text, expected) in [
            ("250ms", 250),
            ("30s", 30_000),
            ("5m", 300_000),
            ("5min", 300_000),
            ("1h", 3_600_000),
            ("7d", 604_800_000),
            ("1h30m", 5_400_000),
            ("1H 30 m", 5_400_000),
            ("1.5h", 5_400_000),
            ("30m1h", 5_400_000),
            ("0s", 0),
            (" 2d ", 172_800_000),
        ] {
            assert_eq!(millis(text), expected, "{text}");
        }
    }

    #[test]
    fn a_number_without_a_unit_is_refused_with_a_hint() {
        let hint = |text: &str| text.parse::<TimeSpan>().unwrap_err().to_string();
        assert_eq!(hint("90"), "`90` needs a unit after 90: ms, s, m, h or d, such as 90s");
        assert_eq!(hint("1h30"), "`1h30` needs a unit after 30: ms, s, m, h or d, such as 30s");
    }

    #[test]
    fn what_is_not_a_time_is_refused() {
        for text in ["", " ", "m", "-1s", "10x", "1..5s", ".s", "1h-", "nan", "7é", "é", "5m s", "1e3s", "7w"]
        {
            let error = text.parse::<TimeSpan>().unwrap_err();
            assert_eq!(error, ParseTimeSpanError::Malformed(text.to_owned()));
        }
    }

    #[test]
    fn a_time_that_no_clock_counts_is_refused() {
        let digits = "9".repeat(400);
        for text in [
            "99999999999999999999s".to_owned(),
            "18446744073709551616s".to_owned(),
            "18446744073709551615d".to_owned(),
            "18446744073709551615s1s".to_owned(),
            format!("{digits}.5h"),
        ] {
            let error = text.parse::<TimeSpan>().unwrap_err();
            assert_eq!(error, ParseTimeSpanError::TooLong(text));
        }
        assert_eq!("18446744073709551615s".parse(), Ok(TimeSpan(Duration::from_secs(u64::MAX))));
    }

    #[test]
    fn zero_and_too_much_are_refused_where_there_are_bounds() {
        let refused = TimeSpan::within("2d1s", 2).unwrap_err();
        assert_eq!(refused.to_string(), "`2d1s` is longer than 2d: give less");
        assert_eq!(TimeSpan::within("48h", 2), "2d".parse());
        assert_eq!(TimeSpan::positive("0h0s"), Err(ParseTimeSpanError::Zero("0h0s".to_owned())));
        assert_eq!(TimeSpan::positive("1ms"), Ok(TimeSpan(Duration::from_millis(1))));
    }

    #[test]
    fn times_show_in_the_units_that_they_are_written_in() {
        let shown = |millis| TimeSpan(Duration::from_millis(millis)).to_string();
        assert_eq!(
            [shown(0), shown(250), shown(30_000), shown(5_400_000), shown(604_800_000), shown(90_061_001)],
            ["0s", "250ms", "30s", "1h30m", "7d", "1d1h1m1s1ms"]
        );
    }

    proptest! {
        #[test]
        fn any_text_is_answered_without_a_panic(text in ".{0,24}") {
            let _ = text.parse::<TimeSpan>();
        }

        #[test]
        fn numbers_and_units_are_answered_without_a_panic(text in "([0-9.]{1,24}(ms|s|m|h|d)?){0,6}") {
            let _ = text.parse::<TimeSpan>();
        }

        #[test]
        fn what_is_shown_reads_back_to_the_nanosecond(seconds in any::<u64>(), nanos in 0u32..1_000_000_000) {
            let span = TimeSpan(Duration::new(seconds, nanos));
            prop_assert_eq!(span.to_string().parse(), Ok(span));
        }

        #[test]
        fn parts_add_up(hours in 0u64..1_000_000, minutes in 0u64..1_000_000) {
            let sum = TimeSpan(Duration::from_secs(hours * 3_600 + minutes * 60));
            prop_assert_eq!(format!("{hours}h{minutes}m").parse(), Ok(sum));
        }
    }
}
