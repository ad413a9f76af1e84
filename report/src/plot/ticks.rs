//! Where an axis is marked, and what is written there.

use super::scale::{Scale, Spacing};
use crate::human;

/// A mark on an axis.
#[derive(Debug, Clone, PartialEq)]
pub struct Tick {
    /// Where it is, in the units of the axis.
    pub value: f64,
    /// What is written there; empty for a mark between two written ones.
    pub label: String,
}

/// What the numbers of an axis are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// A number without a unit, such as a loss.
    Plain,
    /// A learning rate: three significant digits tell it.
    Rate,
    /// A count, such as steps; large ones are shown with a prefix.
    Count,
    /// Bytes, shown in binary units.
    Bytes,
    /// Seconds, shown in the unit that fits.
    Seconds,
}

impl Unit {
    /// A value as it stands at a tick: no digit more than it needs.
    #[must_use]
    pub fn short(self, value: f64) -> String {
        match self {
            Self::Plain => human::exact(rounded(value)),
            Self::Rate => human::exact(format!("{value:.2e}").parse().unwrap_or(value)),
            Self::Count => count(value),
            Self::Bytes => scaled(value, &BINARY),
            Self::Seconds if value.abs() >= 1.0 => format!("{} s", grouped(value)),
            Self::Seconds => scaled(value, &FRACTIONS),
        }
    }

    /// A value as it stands in a sentence or a table.
    #[must_use]
    pub fn long(self, value: f64) -> String {
        match self {
            Self::Plain => human::significant(value, 4),
            Self::Rate => human::exact(value),
            Self::Count if value.fract() == 0.0 && value >= 0.0 => human::whole(value as u64),
            Self::Count => human::prefixed(value),
            Self::Bytes => human::bytes(value.max(0.0) as u64),
            Self::Seconds if value < 1e-3 => {
                scaled(human::significant(value, 3).parse().unwrap_or(value), &FRACTIONS)
            }
            Self::Seconds => human::seconds(value),
        }
    }

    /// The size of the step from which the numbers are counted: 1, or a power of 1024 for bytes.
    fn step_of(self, largest: f64) -> f64 {
        let size = if self == Self::Bytes { unit_of(largest, &BINARY).0 } else { 1.0 };
        if size > 0.0 { size } else { 1.0 }
    }
}

const BINARY: [(f64, &str); 5] = [
    (1.0, "B"),
    (1024.0, "KiB"),
    (1024.0 * 1024.0, "MiB"),
    (1024.0 * 1024.0 * 1024.0, "GiB"),
    (1024.0 * 1024.0 * 1024.0 * 1024.0, "TiB"),
];
const FRACTIONS: [(f64, &str); 3] = [(1e-6, "µs"), (1e-3, "ms"), (1.0, "s")];
const DECIMAL: [(f64, &str); 4] = [(1.0, ""), (1e3, "k"), (1e6, "M"), (1e9, "G")];

fn unit_of(value: f64, units: &[(f64, &'static str)]) -> (f64, &'static str) {
    let fitting = units.iter().rev().find(|(size, _)| value.abs() >= *size * (1.0 - 1e-9));
    fitting.or(units.first()).copied().unwrap_or((1.0, ""))
}

fn scaled(value: f64, units: &[(f64, &'static str)]) -> String {
    if value == 0.0 {
        return "0".to_owned();
    }
    let (size, name) = unit_of(value, units);
    format!("{} {name}", human::exact(rounded(value / size)))
}

/// Counts below 100,000 in full (a batch size is known by its digits) unless they are whole thousands, larger ones with a
/// prefix: `4000`, `65536`, `20k`, `250k`.
fn count(value: f64) -> String {
    if value.abs() < 1e4 || value.abs() < 1e5 && value % 1e3 != 0.0 {
        return human::exact(rounded(value));
    }
    let (size, name) = unit_of(value, &DECIMAL);
    format!("{}{name}", human::exact(human::significant(value / size, 3).parse().unwrap_or(value / size)))
}

fn grouped(value: f64) -> String {
    if value >= 1e4 && value.fract() == 0.0 {
        human::whole(value as u64)
    } else {
        human::exact(rounded(value))
    }
}

/// Without the last digits, which repeated additions leave behind.
fn rounded(value: f64) -> f64 {
    format!("{value:.9e}").parse().unwrap_or(value)
}

/// The gap between two labels, in pixels.
const GAP: f64 = 6.0;

/// The marks of an axis, at most `most` of them with a label (but always one where the axis covers a round number). `length`
/// tells how long a label is along the axis, in pixels.
#[must_use]
pub fn ticks(scale: &Scale, most: usize, unit: Unit, length: impl Fn(&str) -> f64) -> Vec<Tick> {
    let most = most.max(2);
    match scale.spacing() {
        Spacing::Linear => labelled(linear(scale.domain(), most, unit), unit, scale.domain().1),
        Spacing::Log2 => powers_of_2(scale.domain(), most, unit),
        Spacing::Log10 => powers_of_10(scale, most, unit, length),
    }
}

/// Marks at these values and nowhere else; where two labels would touch, the later one stays away.
#[must_use]
pub fn ticks_at(scale: &Scale, values: &[f64], unit: Unit, length: impl Fn(&str) -> f64) -> Vec<Tick> {
    let (low, high) = scale.domain();
    // Middle and half the length of the last label.
    let mut last: Option<(f64, f64)> = None;
    let held = values.iter().filter(|&&value| (low..=high).contains(&value));
    held.filter_map(|&value| Some((value, scale.at(value)?)))
        .map(|(value, place)| {
            let label = unit.short(value);
            let half = length(&label) / 2.0;
            let fits = last.is_none_or(|(middle, other)| (place - middle).abs() >= half + other + GAP);
            if fits {
                last = Some((place, half));
            }
            Tick { value, label: if fits { label } else { String::new() } }
        })
        .collect()
}

/// Each with its label; bytes all in the unit of the largest.
fn labelled(values: Vec<f64>, unit: Unit, largest: f64) -> Vec<Tick> {
    let (size, name) = unit_of(largest, &BINARY);
    let label = |value: f64| match unit {
        Unit::Bytes if value != 0.0 => format!("{} {name}", human::exact(rounded(value / size))),
        _ => unit.short(value),
    };
    values.into_iter().map(|value| Tick { value, label: label(value) }).collect()
}

/// Multiples of 1, 2 or 5 times a power of ten, of the unit that the largest value is told in.
fn linear((low, high): (f64, f64), most: usize, unit: Unit) -> Vec<f64> {
    let size = unit.step_of(high.abs().max(low.abs()));
    let (low, high) = (low / size, high / size);
    let span = high - low;
    if !(span.is_finite() && span > 0.0) {
        return Vec::new();
    }
    let smallest = span / most as f64;
    let power = 10f64.powf(smallest.log10().floor());
    // The finest that leaves room for all labels; finer still where that marks fewer than two places.
    let steps = [0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0].map(|factor| factor * power);
    let roomy = steps.iter().position(|step| *step >= smallest * (1.0 - 1e-9)).unwrap_or(steps.len() - 1);
    let multiples = |step: f64| {
        let (first, last) = ((low / step - 1e-9).ceil(), (high / step + 1e-9).floor());
        let count = (last - first + 1.0).clamp(0.0, 3.0 * most as f64) as u32;
        (0..count).map(|index| (first + f64::from(index)) * step * size).collect::<Vec<f64>>()
    };
    let finer = steps[..=roomy].iter().rev().map(|&step| multiples(step));
    finer.clone().find(|values| values.len() >= 2).or(finer.clone().next_back()).unwrap_or_default()
}

fn powers_of_2((low, high): (f64, f64), most: usize, unit: Unit) -> Vec<Tick> {
    let (first, last) = exponents(low.log2(), high.log2());
    let every = every(last - first + 1, most);
    let ticks: Vec<Tick> = (first..=last)
        .map(|exponent| {
            let value = 2f64.powi(i32::try_from(exponent).unwrap_or(0));
            let label = if exponent.rem_euclid(every) == 0 { unit.short(value) } else { String::new() };
            Tick { value, label }
        })
        .collect();
    if written(&ticks) < 2 { between((low, high), most, unit) } else { ticks }
}

fn powers_of_10(scale: &Scale, most: usize, unit: Unit, length: impl Fn(&str) -> f64) -> Vec<Tick> {
    let (low, high) = scale.domain();
    let (first, last) = exponents(low.log10(), high.log10());
    let every = every(last - first + 1, most);
    let marks: Vec<(f64, i64, u32)> = (first - 1..=last)
        .flat_map(|exponent| (1..10u32).map(move |multiple| (exponent, multiple)))
        .filter(|&(_, multiple)| every == 1 || multiple == 1)
        .map(|(exponent, multiple)| {
            (format!("{multiple}e{exponent}").parse().unwrap_or(0.0), exponent, multiple)
        })
        .filter(|&(value, ..)| (low * (1.0 - 1e-9)..=high * (1.0 + 1e-9)).contains(&value))
        .collect();
    // As many multiples as find room.
    let fits = |multiples: &[u32]| {
        let written = marks.iter().filter(|mark| multiples.contains(&mark.2));
        let ends: Vec<(f64, f64)> = written
            .filter_map(|&(value, ..)| Some((scale.at(value)?, length(&unit.short(value)) / 2.0)))
            .collect();
        let apart = |pair: &[(f64, f64)]| (pair[1].0 - pair[0].0).abs() >= pair[0].1 + pair[1].1 + GAP;
        ends.len() <= most && ends.windows(2).all(apart)
    };
    let choices: [&[u32]; 5] = [&[1, 2, 3, 4, 5, 6, 7, 8, 9], &[1, 2, 3, 5], &[1, 2, 5], &[1, 3], &[1]];
    let fitting = choices.into_iter().find(|multiples| fits(multiples));
    let multiples = fitting.filter(|_| every == 1).unwrap_or(&[1]);
    let ticks: Vec<Tick> = marks
        .iter()
        .map(|&(value, exponent, multiple)| {
            let is_written = multiples.contains(&multiple) && exponent.rem_euclid(every) == 0;
            Tick { value, label: if is_written { unit.short(value) } else { String::new() } }
        })
        .collect();
    if written(&ticks) < 2 { between((low, high), most, unit) } else { ticks }
}

/// Of so many powers, each how-manieth is written.
fn every(powers: i64, most: usize) -> i64 {
    let most = most as i64;
    ((powers + most - 1) / most).max(1)
}

/// Where a logarithmic axis is shorter than a step of its own, marks at round numbers.
fn between(domain: (f64, f64), most: usize, unit: Unit) -> Vec<Tick> {
    labelled(linear(domain, most.min(5), unit), unit, domain.1)
}

fn written(ticks: &[Tick]) -> usize {
    ticks.iter().filter(|tick| !tick.label.is_empty()).count()
}

/// The whole exponents within a span, ends included; at most a few thousand.
fn exponents(low: f64, high: f64) -> (i64, i64) {
    let whole = |number: f64| number.clamp(-2000.0, 2000.0) as i64;
    (whole((low - 1e-9).ceil()), whole((high + 1e-9).floor()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shown(spacing: Spacing, domain: (f64, f64), most: usize, unit: Unit) -> Vec<String> {
        let ticks = ticks(&Scale::new(spacing, domain, (0.0, 100.0)), most, unit, |_| 0.0);
        ticks.into_iter().map(|tick| tick.label).filter(|label| !label.is_empty()).collect()
    }

    #[test]
    fn linear_axes_are_marked_at_round_numbers() {
        assert_eq!(
            shown(Spacing::Linear, (0.0, 1.0), 5, Unit::Plain),
            ["0", "0.2", "0.4", "0.6", "0.8", "1"]
        );
        assert_eq!(shown(Spacing::Linear, (0.61, 0.78), 4, Unit::Plain), ["0.65", "0.7", "0.75"]);
        assert_eq!(
            shown(Spacing::Linear, (0.0, 130_000.0), 4, Unit::Bytes),
            ["0", "50 KiB", "100 KiB"],
            "bytes count in their own unit"
        );
    }

    #[test]
    fn powers_of_2_are_thinned_evenly() {
        assert_eq!(shown(Spacing::Log2, (1.0, 16.0), 8, Unit::Count), ["1", "2", "4", "8", "16"]);
        assert_eq!(
            shown(Spacing::Log2, (1.0, 65536.0), 6, Unit::Count),
            ["1", "8", "64", "512", "4096", "32768"]
        );
        assert_eq!(shown(Spacing::Log2, (33.0, 60.0), 6, Unit::Count), ["40", "50", "60"]);
    }

    #[test]
    fn powers_of_10_are_filled_where_there_is_room() {
        assert_eq!(
            shown(Spacing::Log10, (1e-4, 1.0), 6, Unit::Plain),
            ["0.0001", "0.001", "0.01", "0.1", "1"]
        );
        assert_eq!(
            shown(Spacing::Log10, (0.04, 1.2), 8, Unit::Plain),
            ["0.05", "0.1", "0.2", "0.3", "0.5", "1"]
        );
        assert_eq!(shown(Spacing::Log10, (1e-12, 1e12), 6, Unit::Plain).len(), 5);
        assert_eq!(
            shown(Spacing::Log10, (0.02, 3.0), 6, Unit::Seconds),
            ["30 ms", "100 ms", "300 ms", "1 s", "3 s"]
        );
    }

    #[test]
    fn given_marks_lose_their_label_where_it_would_touch_the_last() {
        let scale = Scale::new(Spacing::Log2, (1.0, 1024.0), (0.0, 100.0));
        let ticks =
            ticks_at(&scale, &[1.0, 2.0, 32.0, 4096.0], Unit::Count, |label| 7.0 * label.len() as f64);
        let labels: Vec<_> = ticks.iter().map(|tick| (tick.value, tick.label.as_str())).collect();
        assert_eq!(labels, [(1.0, "1"), (2.0, ""), (32.0, "32")]);
    }

    #[test]
    fn short_numbers_keep_what_tells_them_apart() {
        assert_eq!(
            [65_536.0, 20_000.0, 250_000.0, 1_500_000.0, 0.0].map(|n| Unit::Count.short(n)),
            ["65536", "20k", "250k", "1.5M", "0"]
        );
        assert_eq!(
            [1e-3, 0.1, 5.0, 20_000.0].map(|n| Unit::Seconds.short(n)),
            ["1 ms", "100 ms", "5 s", "20,000 s"]
        );
        assert_eq!(
            [512.0, 1536.0, 3_221_225_472.0].map(|n| Unit::Bytes.short(n)),
            ["512 B", "1.5 KiB", "3 GiB"]
        );
    }

    proptest! {
        #[test]
        fn marks_lie_on_the_axis_in_order_and_are_told_apart(
            spacing in prop_oneof![Just(Spacing::Linear), Just(Spacing::Log2), Just(Spacing::Log10)],
            unit in prop_oneof![Just(Unit::Plain), Just(Unit::Rate), Just(Unit::Count), Just(Unit::Bytes), Just(Unit::Seconds)],
            low in 1e-6f64..1e6, ratio in 1.05f64..1e9, most in 2usize..12,
        ) {
            let scale = Scale::new(spacing, (low, low * ratio), (0.0, 500.0));
            let ticks = ticks(&scale, most, unit, |label| 6.0 * label.len() as f64);
            let (low, high) = scale.domain();
            prop_assert!(ticks.iter().all(|tick| (low * 0.999..=high * 1.001).contains(&tick.value)));
            prop_assert!(ticks.windows(2).all(|pair| pair[0].value < pair[1].value));
            let labels: Vec<_> = ticks.iter().map(|tick| &tick.label).filter(|label| !label.is_empty()).collect();
            prop_assert!(!labels.is_empty() && labels.len() <= most + 2, "{labels:?}");
            let distinct: std::collections::BTreeSet<_> = labels.iter().collect();
            prop_assert!(distinct.len() == labels.len(), "{labels:?}");
        }

        #[test]
        fn marks_of_a_log_axis_are_its_powers(low in 1e-3f64..1.0, ratio in 100.0f64..1e9) {
            let ticks = ticks(&Scale::new(Spacing::Log2, (low, low * ratio), (0.0, 500.0)), 8, Unit::Count, |_| 0.0);
            prop_assert!(ticks.iter().all(|tick| tick.value.log2().fract() == 0.0));
        }

        #[test]
        fn no_axis_panics(low in any::<f64>(), high in any::<f64>(), most in 0usize..20) {
            for spacing in [Spacing::Linear, Spacing::Log2, Spacing::Log10] {
                let _ = ticks(&Scale::new(spacing, (low, high), (0.0, 100.0)), most, Unit::Bytes, |_| 9.0);
            }
        }
    }
}
