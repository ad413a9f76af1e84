//! Measurements as Markdown.

use std::fmt::Write;

use bench_measure::Sample;

/// Head of the table of ours against PyTorch's.
pub const AGAINST_PYTORCH: &str = "\
Time of a training step: the median over the rounds, and half their range. Ratios are taken within a round; in brackets
the lowest and the highest.

| case | threads | ours | plain script | tuned loop | plain / ours | tuned / ours | wanted |
| --- | --: | --: | --: | --: | --: | --: | --- |";

/// Head of the table of accumulation.
pub const ACCUMULATION: &str = "\
Time of a micro-batch: trained as a batch of its own, and accumulated with others into a larger one.

| case | threads | micro-batch alone | accumulated | overhead | wanted |
| --- | --: | --: | --: | --: | --- |";

/// Accumulation may cost so much more.
const OVERHEAD_WANTED: f64 = 1.03;

/// Seconds a step of each.
#[derive(Debug, Default)]
pub struct Steps {
    /// batchsweep's.
    pub ours: Sample,
    /// The plain script's.
    pub plain: Sample,
    /// The tuned loop's.
    pub tuned: Sample,
}

/// One row of [`AGAINST_PYTORCH`].
#[must_use]
pub fn against_pytorch(name: &str, threads: u32, steps: &Steps, wanted: (f64, f64)) -> String {
    let Steps { ours, plain, tuned } = steps;
    let (by_plain, by_tuned) = (plain.over(ours), tuned.over(ours));
    let verdict = verdict(reaches(&by_plain, wanted.0) && reaches(&by_tuned, wanted.1));
    let mut row = format!("| {name} | {threads}");
    for sample in [ours, plain, tuned] {
        let _ = write!(row, " | {}", duration(sample));
    }
    for ratio in [&by_plain, &by_tuned] {
        let _ = write!(row, " | {}", range(ratio, |value| format!("{value:.2}")));
    }
    row + &format!(" | {:.1} and {:.1}: {verdict} |", wanted.0, wanted.1)
}

/// One row of [`ACCUMULATION`], from the seconds of a micro-batch.
#[must_use]
pub fn accumulation(name: &str, threads: u32, alone: &Sample, accumulated: &Sample) -> String {
    let ratio = accumulated.over(alone);
    let verdict = verdict(ratio.median() < OVERHEAD_WANTED);
    let percent = |value: f64| format!("{:+.1} %", 100.0 * (value - 1.0));
    format!(
        "| {name} | {threads} | {} | {} | {} | under {}: {verdict} |",
        duration(alone),
        duration(accumulated),
        range(&ratio, percent),
        percent(OVERHEAD_WANTED),
    )
}

/// A bar of 1 means "not slower", which two equal programs miss half the time: there noise is allowed for.
fn reaches(ratio: &Sample, wanted: f64) -> bool {
    if wanted > 1.0 { ratio.median() >= wanted } else { ratio.highest() >= wanted }
}

fn verdict(reached: bool) -> &'static str {
    if reached { "yes" } else { "**no**" }
}

/// The median, and the lowest and highest.
fn range(sample: &Sample, show: impl Fn(f64) -> String) -> String {
    format!("{} ({} to {})", show(sample.median()), show(sample.lowest()), show(sample.highest()))
}

/// The median in microseconds, and how far the rounds are apart.
fn duration(seconds: &Sample) -> String {
    let spread = (seconds.highest() - seconds.lowest()) / seconds.median() * 50.0;
    format!("{:.1} us ± {spread:.0} %", seconds.median() * 1e6)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_tells_medians_spreads_ratios_and_the_verdict() {
        let sample = |values: [f64; 3]| Sample(values.map(|microseconds| microseconds / 1e6).to_vec());
        let steps = Steps {
            ours: sample([10.0, 10.0, 20.0]),
            plain: sample([60.0, 60.0, 120.0]),
            tuned: sample([30.0, 30.0, 60.0]),
        };
        assert_eq!(
            against_pytorch("tiny", 2, &steps, (5.0, 3.4)),
            "| tiny | 2 | 10.0 us ± 50 % | 60.0 us ± 50 % | 30.0 us ± 50 % | 6.00 (6.00 to 6.00) | 3.00 (3.00 to 3.00) \
             | 5.0 and 3.4: **no** |"
        );
        assert!(against_pytorch("tiny", 2, &steps, (1.0, 1.0)).ends_with(": yes |"));
    }

    #[test]
    fn overhead_is_told_in_percent() {
        let (alone, accumulated) = (Sample(vec![100e-6, 100e-6]), Sample(vec![102e-6, 102e-6]));
        assert_eq!(
            accumulation("tiny", 1, &alone, &accumulated),
            "| tiny | 1 | 100.0 us ± 0 % | 102.0 us ± 0 % | +2.0 % (+2.0 % to +2.0 %) | under +3.0 %: yes |"
        );
    }
}
