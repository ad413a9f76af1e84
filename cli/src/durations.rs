//! Durations as people type them: `90`, `90s`, `10m`, `1h30m`, `2d`.

use std::time::Duration;

/// Reads a duration; a bare number counts seconds.
///
/// # Errors
/// For anything else, with an example.
pub fn parse(text: &str) -> Result<Duration, String> {
    let bad = || format!("`{text}` is not a duration: write it as 90s, 10m or 1h30m");
    let text_lower = text.trim().to_ascii_lowercase();
    if let Ok(seconds) = text_lower.parse::<f64>() {
        return Duration::try_from_secs_f64(seconds).map_err(|_| bad());
    }
    let mut seconds = 0u64;
    let mut digits = String::new();
    for c in text_lower.chars() {
        let unit = match c {
            '0'..='9' => {
                digits.push(c);
                continue;
            }
            's' => 1,
            'm' => 60,
            'h' => 3_600,
            'd' => 86_400,
            _ => return Err(bad()),
        };
        let number: u64 = digits.parse().map_err(|_| bad())?;
        seconds = number.checked_mul(unit).and_then(|more| seconds.checked_add(more)).ok_or_else(bad)?;
        digits.clear();
    }
    if digits.is_empty() && !text_lower.is_empty() { Ok(Duration::from_secs(seconds)) } else { Err(bad()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_as_people_type_them() {
        for (text, seconds) in
            [("90", 90.0), ("0.5", 0.5), ("90s", 90.0), ("10m", 600.0), ("1h30m", 5400.0), ("2d", 172_800.0)]
        {
            assert_eq!(parse(text).unwrap().as_secs_f64(), seconds, "{text}");
        }
        for text in ["", "-1", "m", "10x", "1h30", "nan", "99999999999999999999s"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
