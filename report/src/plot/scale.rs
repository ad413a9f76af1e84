//! From a value to its place on an axis.

/// How an axis is divided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spacing {
    /// Equal differences, equal distances.
    Linear,
    /// Equal ratios, equal distances; marked at powers of 2.
    Log2,
    /// Equal ratios, equal distances; marked at powers of 10.
    Log10,
}

/// The values an axis covers and the pixels it covers them with. Never empty: the ends differ.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scale {
    spacing: Spacing,
    domain: (f64, f64),
    range: (f64, f64),
}

impl Spacing {
    /// Whether ratios count.
    #[must_use]
    pub fn is_log(self) -> bool {
        self != Self::Linear
    }

    /// Whether a value has a place on such an axis.
    #[must_use]
    pub fn holds(self, value: f64) -> bool {
        value.is_finite() && (value > 0.0 || !self.is_log())
    }

    /// The number that grows evenly along the axis.
    fn even(self, value: f64) -> f64 {
        if self.is_log() { value.ln() } else { value }
    }

    fn value(self, even: f64) -> f64 {
        if self.is_log() { even.exp() } else { even }
    }

    /// The smallest span that holds these values with some air (a share of the span) at each end; something sensible
    /// around a single value, and around none.
    #[must_use]
    pub fn span(self, values: impl IntoIterator<Item = f64>, air: f64) -> (f64, f64) {
        let held = values.into_iter().filter(|&value| self.holds(value)).map(|value| self.even(value));
        let (low, high) =
            held.fold((f64::MAX, f64::MIN), |(low, high), value| (low.min(value), high.max(value)));
        let (low, high) = match (low, high) {
            (low, high) if low > high => (self.even(1.0), self.even(10.0)),
            (low, high) if high - low < 1e-9 * low.abs().max(1.0) => {
                let room = if self.is_log() { std::f64::consts::LN_2 } else { (0.1 * low.abs()).max(0.5) };
                (low - room, high + room)
            }
            span => span,
        };
        let air = air * (high - low);
        (self.value(low - air), self.value(high + air))
    }
}

impl Scale {
    /// A scale from the values `domain` to the pixels `range`. A domain without extent is widened.
    #[must_use]
    pub fn new(spacing: Spacing, domain: (f64, f64), range: (f64, f64)) -> Self {
        let holds = spacing.holds(domain.0) && spacing.holds(domain.1) && domain.0 < domain.1;
        let domain = if holds { domain } else { spacing.span([domain.0, domain.1], 0.0) };
        Self { spacing, domain, range }
    }

    /// The pixel of a value; beyond the range for a value beyond the domain. `None` where the axis has no such value.
    #[must_use]
    pub fn at(&self, value: f64) -> Option<f64> {
        let even = |value| self.spacing.even(value);
        let share = (even(value) - even(self.domain.0)) / (even(self.domain.1) - even(self.domain.0));
        self.spacing.holds(value).then_some(self.range.0 + share * (self.range.1 - self.range.0))
    }

    /// The values covered.
    #[must_use]
    pub fn domain(&self) -> (f64, f64) {
        self.domain
    }

    /// How it is divided.
    #[must_use]
    pub fn spacing(&self) -> Spacing {
        self.spacing
    }

    /// Its length in pixels.
    #[must_use]
    pub fn length(&self) -> f64 {
        (self.range.1 - self.range.0).abs()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn spacing() -> impl Strategy<Value = Spacing> {
        prop_oneof![Just(Spacing::Linear), Just(Spacing::Log2), Just(Spacing::Log10)]
    }

    #[test]
    fn worked_examples() {
        let linear = Scale::new(Spacing::Linear, (0.0, 10.0), (100.0, 0.0));
        assert_eq!([0.0, 2.5, 10.0].map(|value| linear.at(value).unwrap()), [100.0, 75.0, 0.0]);
        let log = Scale::new(Spacing::Log2, (1.0, 1024.0), (0.0, 100.0));
        assert!((log.at(32.0).unwrap() - 50.0).abs() < 1e-9);
        assert_eq!((log.at(0.0), log.at(f64::NAN)), (None, None));
    }

    #[test]
    fn one_value_and_none_get_a_span_too() {
        let (low, high) = Spacing::Log2.span([32.0], 0.0);
        assert!((low - 16.0).abs() < 1e-9 && (high - 64.0).abs() < 1e-9);
        assert_eq!(Spacing::Linear.span([0.0], 0.0), (-0.5, 0.5));
        assert!(Spacing::Log10.span([-1.0, 0.0, f64::NAN], 0.0).0 > 0.0);
    }

    proptest! {
        #[test]
        fn larger_values_lie_further_along(
            spacing in spacing(), values in prop::collection::vec(1e-9f64..1e9, 2..20), length in 10.0f64..1e4,
        ) {
            let scale = Scale::new(spacing, spacing.span(values.iter().copied(), 0.05), (0.0, length));
            let mut sorted = values;
            sorted.sort_by(f64::total_cmp);
            let places: Vec<f64> = sorted.iter().map(|&value| scale.at(value).unwrap()).collect();
            prop_assert!(places.windows(2).all(|pair| pair[0] <= pair[1]));
            prop_assert!(places.iter().all(|&place| (-1e-6..=length + 1e-6).contains(&place)));
        }

        #[test]
        fn no_value_panics(spacing in spacing(), low in any::<f64>(), high in any::<f64>(), value in any::<f64>()) {
            let scale = Scale::new(spacing, (low, high), (0.0, 100.0));
            let (low, high) = scale.domain();
            prop_assert!(low < high || !low.is_finite() || !high.is_finite());
            let _ = scale.at(value);
        }
    }
}
