//! How sweeps are called.

/// What a name, or a tag, of a sweep is made of.
pub const NAME_RULE: &str = "1 to 63 lower-case letters, digits and hyphens";

/// Whether this may name a sweep, or be a tag of one: [`NAME_RULE`].
#[must_use]
pub fn is_name(text: &str) -> bool {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    !text.is_empty() && text.len() <= 63 && text.chars().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_short_and_needs_no_quotes() {
        for name in ["a", "fashion-mnist-2", &"x".repeat(63)] {
            assert!(is_name(name), "{name}");
        }
        for name in ["", "A", "a b", "a_b", "\u{e9}", "@last", &"x".repeat(64)] {
            assert!(!is_name(name), "{name}");
        }
    }
}
