//! Numbers as people read them. Every function says its unit; none rounds what a program would read.

use domain::units::Bytes;

/// Bytes in binary units: `46.9 KiB`.
#[must_use]
pub fn bytes(bytes: u64) -> String {
    Bytes(bytes).to_string()
}

/// A whole number with thousands apart: `12,288`.
#[must_use]
pub fn whole(number: u64) -> String {
    let digits = number.to_string();
    let groups: Vec<&str> =
        digits.as_bytes().rchunks(3).rev().filter_map(|group| std::str::from_utf8(group).ok()).collect();
    groups.join(",")
}

/// A number with `digits` significant digits, in scientific notation where plain digits would mislead: `0.6931`,
/// `1.2e-7`.
#[must_use]
pub fn significant(number: f64, digits: usize) -> String {
    if number == 0.0 || !number.is_finite() {
        return number.to_string();
    }
    let scientific = format!("{number:.*e}", digits.saturating_sub(1));
    let exponent =
        scientific.split_once('e').and_then(|(_, exponent)| exponent.parse::<i32>().ok()).unwrap_or(0);
    if !(-4..=6).contains(&exponent) {
        return scientific;
    }
    let decimals = i32::try_from(digits).unwrap_or(0) - 1 - exponent;
    format!("{number:.*}", usize::try_from(decimals).unwrap_or(0))
}

/// A number as it would be typed, with no digit added: `0.01`, `0.00316228`, `1e-7`.
#[must_use]
pub fn exact(number: f64) -> String {
    let plain = number.to_string();
    let scientific = format!("{number:e}");
    if plain.len() > scientific.len() + 4 { scientific } else { plain }
}

/// A share of 1 as a percentage: `84.3 %`.
#[must_use]
pub fn percent(share: f64) -> String {
    format!("{:.1} %", 100.0 * share)
}

/// A rate or count with a decimal prefix: `71.2k`, `1.35M`.
#[must_use]
pub fn prefixed(number: f64) -> String {
    match number.abs() {
        size if size < 9_999.5 => significant(number, 3).parse::<f64>().map_or_else(|_| String::new(), exact),
        size if size < 999_950.0 => format!("{:.1}k", number / 1e3),
        size if size < 999_995_000.0 => format!("{:.2}M", number / 1e6),
        _ => format!("{:.2}G", number / 1e9),
    }
}

/// A duration in seconds: `2 ms`, `0.42 s`, `12.3 s`, `3m 04s`, `2h 05m`, `3d 02h`.
#[must_use]
pub fn seconds(seconds: f64) -> String {
    if !seconds.is_finite() || seconds < 0.0 {
        return "unknown".to_owned();
    }
    let whole = seconds.round() as u64;
    match seconds {
        _ if seconds < 0.0995 => format!("{:.0} ms", 1000.0 * seconds),
        _ if seconds < 9.995 => format!("{seconds:.2} s"),
        _ if seconds < 59.95 => format!("{seconds:.1} s"),
        _ if whole < 3_600 => format!("{}m {:02}s", whole / 60, whole % 60),
        _ if whole < 86_400 => format!("{}h {:02}m", whole / 3_600, whole % 3_600 / 60),
        _ => format!("{}d {:02}h", whole / 86_400, whole % 86_400 / 3_600),
    }
}

/// An estimate of a duration in seconds, without digits that nobody can know: `14 s`, `3m 04s`.
#[must_use]
pub fn roughly(estimate: f64) -> String {
    if (0.0..59.5).contains(&estimate) { format!("{:.0} s", estimate.ceil()) } else { seconds(estimate) }
}

/// A count and its noun: `1 trial`, `3 trials`.
#[must_use]
pub fn count(number: u64, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", whole(number))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn thousands_stand_apart() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(whole), ["0", "999", "1,000", "1,234,567"]);
    }

    #[test]
    fn significant_digits_survive_small_and_large_numbers() {
        let shown = [0.691_234, 12.3456, 0.000_123_45, 1.2e-7, 1.5e9, 0.0, 123_456.0];
        assert_eq!(
            shown.map(|number| significant(number, 4)),
            ["0.6912", "12.35", "0.0001234", "1.200e-7", "1.500e9", "0", "123456"]
        );
    }

    #[test]
    fn an_exact_number_is_as_typed() {
        assert_eq!(
            [0.01, 0.003_162_28, 1e-7, 30.0, 1e9].map(exact),
            ["0.01", "0.00316228", "1e-7", "30", "1e9"]
        );
    }

    #[test]
    fn durations_change_their_unit() {
        let shown = [0.002, 0.42, 12.34, 184.0, 7_500.0, 270_000.0, 59.97];
        assert_eq!(shown.map(seconds), ["2 ms", "0.42 s", "12.3 s", "3m 04s", "2h 05m", "3d 03h", "1m 00s"]);
    }

    #[test]
    fn estimates_have_no_fraction() {
        assert_eq!([0.2, 13.4, 184.0].map(roughly), ["1 s", "14 s", "3m 04s"]);
    }

    #[test]
    fn rates_have_a_prefix() {
        assert_eq!([9.46, 950.0, 71_234.0, 1_350_000.0].map(prefixed), ["9.46", "950", "71.2k", "1.35M"]);
        assert_eq!(prefixed(999_960.0), "1.00M");
    }

    proptest! {
        #[test]
        fn no_number_panics(number in any::<f64>(), digits in 0usize..20) {
            let _ = (significant(number, digits), exact(number), prefixed(number), seconds(number), percent(number));
        }
    }
}
