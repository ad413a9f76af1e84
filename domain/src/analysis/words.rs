//! Numbers and lists as the sentences of the analysis write them.

/// A number with three significant digits and no zeros that say nothing: `0.312`, `0.1`, `1200`, `3.2e-5`.
#[must_use]
pub fn about(number: f64) -> String {
    if number == 0.0 || !number.is_finite() {
        return number.to_string();
    }
    let rounded: f64 = format!("{number:.2e}").parse().unwrap_or(number);
    exact(rounded)
}

/// A number as it would be typed, with no digit added: `0.01`, `0.00316228`, `1e-7`.
#[must_use]
pub fn exact(number: f64) -> String {
    let plain = number.to_string();
    let scientific = format!("{number:e}");
    if plain.len() > scientific.len() + 4 { scientific } else { plain }
}

/// A score, with four significant digits so that neighbours differ: `0.6931`.
#[must_use]
pub fn score(number: f64) -> String {
    if number == 0.0 || !number.is_finite() {
        return number.to_string();
    }
    format!("{number:.3e}").parse().map_or_else(|_| number.to_string(), exact)
}

/// A large number with three significant digits: `950`, `64 thousand`, `11.2 million`.
#[must_use]
pub fn many(number: f64) -> String {
    match number {
        _ if number < 9_995.0 => about(number),
        _ if number < 999_500.0 => format!("{} thousand", about(number / 1e3)),
        _ if number < 999_500_000.0 => format!("{} million", about(number / 1e6)),
        _ => format!("{} billion", about(number / 1e9)),
    }
}

/// How many times: `3.1x`, `1000x`.
#[must_use]
pub fn times(ratio: f64) -> String {
    if ratio < 9.95 { format!("{ratio:.1}x") } else { format!("{ratio:.0}x") }
}

/// A duration in seconds: `2.1 ms`, `12.3 s`, `3.2 min`, `5.1 h`.
#[must_use]
pub fn seconds(seconds: f64) -> String {
    match seconds {
        _ if seconds < 0.1 => format!("{} ms", about(1e3 * seconds)),
        _ if seconds < 120.0 => format!("{} s", about(seconds)),
        _ if seconds < 7200.0 => format!("{} min", about(seconds / 60.0)),
        _ => format!("{} h", about(seconds / 3600.0)),
    }
}

/// Bytes in binary units.
#[must_use]
pub fn bytes(bytes: f64) -> String {
    crate::units::Bytes(bytes.max(0.0).round() as u64).to_string()
}

/// `8`, `8 and 32`, `8, 32 and 128`.
#[must_use]
pub fn list<T: ToString>(items: impl IntoIterator<Item = T>) -> String {
    let words: Vec<String> = items.into_iter().map(|item| item.to_string()).collect();
    match words.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} and {last}", rest.join(", ")),
        None => String::new(),
    }
}

/// `batch size 8`, `batch sizes 8 and 32`.
#[must_use]
pub fn batch_sizes(sizes: &[u64]) -> String {
    format!("batch size{} {}", if sizes.len() == 1 { "" } else { "s" }, list(sizes))
}

/// `1 seed`, `3 seeds`.
#[must_use]
pub fn count(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

/// The text as a sentence: its first letter large, a full stop at its end.
#[must_use]
pub fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| format!("{}{}.", first.to_uppercase(), letters.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn numbers_say_no_more_than_is_known() {
        assert_eq!([0.312_456, 0.1, 1234.5, 3.2e-8, 0.0].map(about), ["0.312", "0.1", "1230", "3.2e-8", "0"]);
        assert_eq!([950.0, 64_000.0, 11_213_000.0].map(many), ["950", "64 thousand", "11.2 million"]);
        assert_eq!([0.691_234, 2.0].map(score), ["0.6912", "2"]);
        assert_eq!([0.01, 0.003_162_28, 1e-7].map(exact), ["0.01", "0.00316228", "1e-7"]);
        assert_eq!([3.12, 1000.4].map(times), ["3.1x", "1000x"]);
        assert_eq!([0.00213, 12.34, 184.0, 18_000.0].map(seconds), ["2.13 ms", "12.3 s", "3.07 min", "5 h"]);
        assert_eq!(bytes(1536.0), "1.5 KiB");
    }

    #[test]
    fn lists_read_aloud() {
        assert_eq!(list([8]), "8");
        assert_eq!(list([8, 32, 128]), "8, 32 and 128");
        assert_eq!(batch_sizes(&[8]), "batch size 8");
        assert_eq!(batch_sizes(&[8, 32]), "batch sizes 8 and 32");
        assert_eq!((count(1, "seed"), count(3, "seed")), ("1 seed".to_owned(), "3 seeds".to_owned()));
        assert_eq!(sentence("no trial came through"), "No trial came through.");
    }

    proptest! {
        #[test]
        fn no_number_panics(number in any::<f64>()) {
            let _ = (about(number), exact(number), score(number), many(number), times(number), seconds(number), bytes(number));
        }
    }
}
