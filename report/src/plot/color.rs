//! Colours that are told apart by people with any colour vision, on paper and on a dark screen.

use std::fmt;

/// A colour, red, green and blue from 0 to 255.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rgb(pub u8, pub u8, pub u8);

/// Viridis (Smith and van der Walt 2015) at ten even places: perceptually uniform, its lightness always rising, so that
/// it reads the same with any colour vision and in grey.
const VIRIDIS: [Rgb; 10] = [
    Rgb(0x44, 0x01, 0x54),
    Rgb(0x48, 0x28, 0x78),
    Rgb(0x3e, 0x49, 0x89),
    Rgb(0x31, 0x68, 0x8e),
    Rgb(0x26, 0x82, 0x8e),
    Rgb(0x1f, 0x9e, 0x89),
    Rgb(0x35, 0xb7, 0x79),
    Rgb(0x6e, 0xce, 0x58),
    Rgb(0xb5, 0xde, 0x2b),
    Rgb(0xfd, 0xe7, 0x25),
];

/// The colour of a share from 0 (dark) to 1 (light); beyond them that of the nearer end.
#[must_use]
pub fn viridis(share: f64) -> Rgb {
    let last = VIRIDIS.len() - 1;
    let place = if share.is_finite() { share.clamp(0.0, 1.0) * last as f64 } else { 0.0 };
    let index = (place.floor() as usize).min(last - 1);
    let (from, to, part) = (VIRIDIS[index], VIRIDIS[index + 1], place - index as f64);
    let mix = |from: u8, to: u8| (f64::from(from) + part * (f64::from(to) - f64::from(from))).round() as u8;
    Rgb(mix(from.0, to.0), mix(from.1, to.1), mix(from.2, to.2))
}

impl Rgb {
    /// Relative luminance (WCAG 2), 0 for black to 1 for white.
    #[must_use]
    pub fn luminance(self) -> f64 {
        let linear = |part: u8| {
            let part = f64::from(part) / 255.0;
            if part <= 0.04045 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * linear(self.0) + 0.7152 * linear(self.1) + 0.0722 * linear(self.2)
    }

    /// Whether black text reads better on it than white.
    #[must_use]
    pub fn wants_black_text(self) -> bool {
        self.luminance() > 0.18
    }
}

impl fmt::Display for Rgb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{:02x}{:02x}{:02x}", self.0, self.1, self.2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_ends_are_those_of_viridis() {
        assert_eq!(
            [0.0, 1.0, 7.0, f64::NAN].map(|share| viridis(share).to_string()),
            ["#440154", "#fde725", "#fde725", "#440154"]
        );
    }

    proptest! {
        #[test]
        fn lighter_means_more(low in 0.0f64..1.0, step in 0.02f64..1.0) {
            let high = (low + step).min(1.0);
            prop_assume!(high - low > 0.02);
            prop_assert!(viridis(low).luminance() < viridis(high).luminance());
        }
    }
}
