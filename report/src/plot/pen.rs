//! How lengths, inks and dashes are written in SVG.

use super::chart::{Dash, Ink};

/// A length or place with a tenth of a pixel, no digit too many.
pub fn px(length: f64) -> String {
    let tenths = (10.0 * length).round();
    if !tenths.is_finite() || tenths == 0.0 {
        return "0".to_owned();
    }
    let text = format!("{:.1}", tenths / 10.0);
    text.strip_suffix(".0").map_or(text.clone(), str::to_owned)
}

/// The class of an ink.
pub fn class(ink: Ink) -> String {
    match ink {
        Ink::Text => "text".to_owned(),
        Ink::Soft => "soft".to_owned(),
        Ink::Faint => "faint".to_owned(),
        Ink::Alarm => "alarm".to_owned(),
        Ink::Series(index) => format!("series-{index}"),
        Ink::Kind(index) => format!("kind-{index}"),
        Ink::Unknown => "unknown".to_owned(),
        Ink::Fill(_) | Ink::Hatched => String::new(),
    }
}

/// The class of a dash; empty for none.
pub fn dash_class(dash: Dash) -> &'static str {
    match dash {
        Dash::Solid => "",
        Dash::Dashed => "dashed",
        Dash::DashDot => "dash-dot",
        Dash::Dotted => "dotted",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_have_a_tenth_of_a_pixel_and_no_digit_too_many() {
        assert_eq!([1.0, 0.04, -0.04, 12.35, f64::NAN].map(px), ["1", "0", "0", "12.4", "0"]);
    }
}
