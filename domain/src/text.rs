//! Text that others sent: workers, sweep files, error messages of libraries. It is data, and is shown as such.

use std::borrow::Cow;

/// Whether a letter is shown where it stands, or breaks a line: no other control character, which may drive a terminal, and
/// none that turns the direction of what follows.
#[must_use]
pub fn is_printable(letter: char) -> bool {
    match letter {
        '\n' | '\t' => true,
        '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => false,
        letter => !letter.is_control(),
    }
}

/// The text with U+FFFD in place of each letter that is not printable.
#[must_use]
pub fn printable(text: &str) -> Cow<'_, str> {
    if text.chars().all(is_printable) {
        return Cow::Borrowed(text);
    }
    let letters = text.chars();
    Cow::Owned(
        letters
            .map(|letter| if is_printable(letter) { letter } else { char::REPLACEMENT_CHARACTER })
            .collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_drives_a_terminal_or_turns_the_text_is_replaced() {
        assert_eq!(printable("a\tb\nc é 数"), "a\tb\nc é 数");
        let evil = "\u{1b}]0;x\u{7}\u{9b}31m\r\u{8}\0\u{202e}live\u{2069}";
        assert_eq!(
            printable(evil),
            "\u{fffd}]0;x\u{fffd}\u{fffd}31m\u{fffd}\u{fffd}\u{fffd}\u{fffd}live\u{fffd}"
        );
    }
}
