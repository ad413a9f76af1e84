//! How long a text is before anything draws it: enough to keep labels apart.

/// Width in pixels at a font size, taken a little too wide rather than too narrow for the fonts in use.
#[must_use]
pub fn width(text: &str, size: f64) -> f64 {
    let em: f64 = text.chars().map(advance).sum();
    em * size
}

fn advance(letter: char) -> f64 {
    match letter {
        'i' | 'j' | 'l' | '.' | ',' | ':' | ';' | '\'' | '|' | '!' => 0.32,
        ' ' | 'f' | 't' | 'r' | 'I' | '(' | ')' | '-' | '/' => 0.40,
        'm' | 'w' | 'M' | 'W' | '%' | '@' => 0.92,
        letter if letter.is_ascii_uppercase() => 0.70,
        letter if letter.is_ascii() || letter == '·' || letter == '–' => 0.60,
        // Wide scripts take a whole square.
        _ => 1.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn longer_texts_are_wider() {
        assert!(width("1024", 11.0) > width("32", 11.0));
        assert!(width("iiii", 11.0) < width("mmmm", 11.0));
        assert_eq!(width("", 11.0), 0.0);
    }
}
