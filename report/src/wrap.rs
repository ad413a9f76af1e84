//! Sentences broken into lines at spaces.

use unicode_width::UnicodeWidthStr;

/// The text in lines of at most `width` columns, each ended and each but the first set in by `indent` spaces. A
/// word longer than a line stands alone; without a width there is one line.
#[must_use]
pub fn wrap(text: &str, width: Option<usize>, indent: usize) -> String {
    let margin = " ".repeat(indent);
    let mut out = String::new();
    let mut line = String::new();
    for word in text.split(' ') {
        let fits = width.is_none_or(|width| line.width() + 1 + word.width() <= width);
        if line.trim().is_empty() {
            line.push_str(word);
        } else if fits {
            line.push(' ');
            line.push_str(word);
        } else {
            out.push_str(line.trim_end());
            out.push('\n');
            line = format!("{margin}{word}");
        }
    }
    out.push_str(line.trim_end());
    out.push('\n');
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lines_break_at_spaces_and_are_set_in() {
        assert_eq!(wrap("- one two three", Some(9), 2), "- one two\n  three\n");
        assert_eq!(wrap("one two", None, 2), "one two\n");
        assert_eq!(wrap("extraordinary a b", Some(4), 0), "extraordinary\na b\n");
        assert_eq!(wrap("", Some(4), 2), "\n");
    }

    proptest! {
        #[test]
        fn no_word_is_lost_and_no_line_too_long(words in prop::collection::vec("[a-z]{1,9}", 1..30), width in 12usize..60) {
            let text = words.join(" ");
            let wrapped = wrap(&text, Some(width), 2);
            prop_assert_eq!(wrapped.split_whitespace().collect::<Vec<_>>(), words);
            prop_assert!(wrapped.lines().all(|line| line.width() <= width), "{}", wrapped);
        }
    }
}
