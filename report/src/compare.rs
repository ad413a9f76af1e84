//! Sweeps side by side: the best cell of each, and what differs in their settings.

use domain::analysis::conclusion::{Basis, Choice};
use domain::analysis::{Analysis, BestRate, Comparison, ScoreMetric};

use crate::human;
use crate::sheet::{Cell, Sheet, SheetColumn};
use crate::table::{Column, ColumnKind, Table};

/// One sweep.
#[derive(Debug, Clone)]
pub struct Compared {
    /// What people call it: its name, or its id.
    pub name: String,
    /// UUID as text.
    pub sweep_id: String,
    /// Its settings, by key of the sweep file.
    pub settings: Vec<(String, String)>,
    /// What it says.
    pub analysis: Analysis,
}

impl Compared {
    /// Its best cell: the one chosen, else the one with the lowest score.
    fn best(&self) -> Option<(&Comparison, &BestRate)> {
        let comparisons = &self.analysis.comparisons;
        let chosen = self.analysis.conclusion.choice.as_ref().and_then(|choice| {
            let of_group = comparisons.iter().find(|comparison| comparison.label == choice.group)?;
            Some((of_group, of_group.best_of(choice.batch_size)?))
        });
        let all = || comparisons.iter().flat_map(|own| own.best.iter().map(move |best| (own, best)));
        chosen.or_else(|| all().min_by(|left, right| left.1.median.total_cmp(&right.1.median)))
    }

    /// The same, where its score is of this metric.
    fn best_by(&self, metric: &str) -> Option<&BestRate> {
        self.best().filter(|_| self.analysis.metric.name() == metric).map(|(_, best)| best)
    }

    fn choice(&self) -> Option<&Choice> {
        self.analysis.conclusion.choice.as_ref()
    }

    fn setting(&self, key: &str) -> Option<&str> {
        self.settings.iter().find(|(own, _)| own == key).map(|(_, value)| value.as_str())
    }
}

/// The keys whose values differ, in the order in which they first occur.
#[must_use]
pub fn differing(sweeps: &[Compared]) -> Vec<String> {
    let mut keys: Vec<String> = Vec::new();
    for (key, _) in sweeps.iter().flat_map(|sweep| &sweep.settings) {
        let differs = sweeps.iter().any(|sweep| sweep.setting(key) != sweeps[0].setting(key));
        if differs && !keys.contains(key) {
            keys.push(key.clone());
        }
    }
    keys
}

/// One column a sweep, one row a number or setting; what no sweep has is left out.
#[must_use]
pub fn sheet(sweeps: &[Compared]) -> Sheet {
    let mut columns = vec![SheetColumn::words("", 0)];
    columns.extend(sweeps.iter().map(|sweep| SheetColumn::words(&sweep.name, 0)));
    let mut rows: Vec<Vec<Cell>> = Vec::new();
    let mut row = |name: &str, text: &dyn Fn(&Compared) -> Option<String>| {
        let texts: Vec<Option<String>> = sweeps.iter().map(text).collect();
        if texts.iter().any(Option::is_some) {
            let cells = texts.into_iter().map(|text| text.unwrap_or_else(|| "-".to_owned()).into());
            rows.push(std::iter::once(Cell::from(name)).chain(cells).collect());
        }
    };
    row("best batch size", &|sweep| Some(sweep.best()?.1.batch_size.to_string()));
    row("learning rate", &|sweep| Some(human::exact(rate(sweep)?)));
    row("other axes", &|sweep| Some(sweep.best()?.0.label.clone()).filter(|label| !label.is_empty()));
    for metric in metrics(sweeps) {
        row(metric, &|sweep| Some(human::significant(sweep.best_by(metric)?.median, 4)));
        row("  over its seeds", &|sweep| {
            let best = sweep.best_by(metric)?;
            let range = best.range;
            Some(match best.seeds {
                0 | 1 => "one seed".to_owned(),
                seeds => format!(
                    "{} to {} of {seeds}",
                    human::significant(range.low, 4),
                    human::significant(range.high, 4)
                ),
            })
        });
    }
    row("steps to target", &|sweep| Some(human::whole(target(sweep)?.steps.median()?.round() as u64)));
    row("time to target", &|sweep| Some(human::seconds(target(sweep)?.seconds.median()?)));
    row("examples per second", &|sweep| Some(human::prefixed(examples_per_second(sweep)?)));
    row("device", &|sweep| sweep.best()?.0.throughput.as_ref()?.device.clone());
    row("may be relied on", &|sweep| {
        Some(if sweep.choice()?.is_firm { "yes" } else { "not yet" }.to_owned())
    });
    for key in differing(sweeps) {
        row(&key, &|sweep| sweep.setting(&key).map(str::to_owned));
    }
    Sheet { columns, rows }
}

/// One row a sweep, with a column for each setting that differs.
#[must_use]
pub fn table(sweeps: &[Compared]) -> Table {
    use ColumnKind::{Boolean, Integer, Number, Text};
    let keys = differing(sweeps);
    let fixed = [
        ("sweep_id", Text),
        ("sweep_name", Text),
        ("batch_size", Integer),
        ("learning_rate", Number),
        ("parameters", Text),
        ("metric", Text),
        ("value", Number),
        ("value_low", Number),
        ("value_high", Number),
        ("seeds", Integer),
        ("steps_to_target", Number),
        ("examples_to_target", Number),
        ("seconds_to_target", Number),
        ("examples_per_second", Number),
        ("device", Text),
        ("is_firm", Boolean),
    ];
    let fixed = fixed.map(|(name, kind)| Column { name: name.to_owned(), kind });
    let settings = keys.iter().map(|key| Column { name: key.clone(), kind: Text });
    let rows = sweeps.iter().map(|sweep| {
        let best = sweep.best();
        let number = |number: f64| number.is_finite().then(|| number.to_string());
        let row = target(sweep);
        let fixed = [
            Some(sweep.sweep_id.clone()),
            Some(sweep.name.clone()),
            best.map(|(_, best)| best.batch_size.to_string()),
            rate(sweep).and_then(number),
            best.map(|(own, _)| crate::best::axes(own).to_string()),
            best.map(|_| sweep.analysis.metric.word().to_owned()),
            best.and_then(|(_, best)| number(best.median)),
            best.and_then(|(_, best)| number(best.range.low)),
            best.and_then(|(_, best)| number(best.range.high)),
            best.map(|(_, best)| best.seeds.to_string()),
            row.and_then(|row| number(row.steps.median()?)),
            row.and_then(|row| number(row.examples.median()?)),
            row.and_then(|row| number(row.seconds.median()?)),
            examples_per_second(sweep).and_then(number),
            best.and_then(|(own, _)| own.throughput.as_ref()?.device.clone()),
            sweep.choice().map(|choice| choice.is_firm.to_string()),
        ];
        fixed.into_iter().chain(keys.iter().map(|key| sweep.setting(key).map(str::to_owned))).collect()
    });
    let rows = rows.collect();
    Table { columns: fixed.into_iter().chain(settings).collect(), rows }
}

/// What must be known before one sweep is called better than another.
#[must_use]
pub fn remarks(sweeps: &[Compared]) -> Vec<String> {
    let mut remarks = Vec::new();
    if metrics(sweeps).len() > 1 {
        remarks.push("These sweeps are scored by different metrics: their scores do not compare.".to_owned());
    }
    let data = ["data.", "model.", "train.loss"];
    let other: Vec<String> =
        differing(sweeps).into_iter().filter(|key| data.iter().any(|start| key.starts_with(start))).collect();
    if !other.is_empty() {
        remarks.push(format!(
            "They differ in {}: a difference in score need not come from batch size or learning rate.",
            other.join(", ")
        ));
    }
    let bests: Vec<(&str, &BestRate)> =
        sweeps.iter().filter_map(|sweep| Some((sweep.name.as_str(), sweep.best()?.1))).collect();
    let mut level: Vec<String> = Vec::new();
    for (index, (name, best)) in bests.iter().enumerate() {
        let overlapping = bests[index + 1..]
            .iter()
            .filter(|(_, other)| best.seeds > 1 && other.seeds > 1 && best.range.overlaps(&other.range));
        level.extend(overlapping.map(|(other, _)| format!("{name} and {other}")));
    }
    if !level.is_empty() && metrics(sweeps).len() == 1 {
        remarks.push(format!(
            "No detectable difference in score between {}: their seeds overlap.",
            level.join(", ")
        ));
    }
    let devices: std::collections::BTreeSet<Option<&str>> = sweeps
        .iter()
        .filter_map(|sweep| Some(sweep.best()?.0.throughput.as_ref()?.device.as_deref()))
        .collect();
    if devices.len() > 1 {
        remarks.push("They ran on different devices: times do not compare.".to_owned());
    }
    remarks
}

fn metrics(sweeps: &[Compared]) -> Vec<&'static str> {
    let scored = sweeps.iter().filter(|sweep| sweep.best().is_some());
    // Steps to the target have a row of their own.
    let by_score = scored.filter(|sweep| sweep.analysis.metric != ScoreMetric::StepsToTarget);
    let mut metrics: Vec<&'static str> = by_score.map(|sweep| sweep.analysis.metric.name()).collect();
    metrics.sort_unstable();
    metrics.dedup();
    metrics
}

/// The learning rate chosen; by time to the target it may be another than that of the lowest score.
fn rate(sweep: &Compared) -> Option<f64> {
    let chosen = sweep.choice().filter(|choice| choice.basis == Basis::SecondsToTarget);
    chosen.map(|choice| choice.learning_rate).or_else(|| Some(sweep.best()?.1.learning_rate))
}

fn target(sweep: &Compared) -> Option<&domain::analysis::TargetRow> {
    let (comparison, best) = sweep.best()?;
    comparison.target_of(best.batch_size)
}

fn examples_per_second(sweep: &Compared) -> Option<f64> {
    let (comparison, best) = sweep.best()?;
    let steps = comparison.throughput.as_ref()?;
    steps.rows.iter().find(|row| row.batch_size == best.batch_size).map(|row| row.examples_per_second)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sheet::Look;
    use domain::analysis::{TrialRecord, analyze};
    use domain::lifecycle::TrialStatus;

    fn sweep(name: &str, loss: f64, momentum: &str, seeds: u64) -> Compared {
        let trial = |rate: f64, more: f64, seed: u64| TrialRecord {
            train_set_loss: Some(loss + more + 0.01 * seed as f64),
            steps: Some(100),
            train_seconds: Some(0.5),
            device: Some("cpu".to_owned()),
            ..TrialRecord::new(64, rate, seed, TrialStatus::Succeeded)
        };
        let of_seed = |seed| [trial(0.05, 0.3, seed), trial(0.1, 0.0, seed), trial(0.2, 0.4, seed)];
        let records: Vec<TrialRecord> = (0..seeds).flat_map(of_seed).collect();
        Compared {
            name: name.to_owned(),
            sweep_id: format!("id of {name}"),
            settings: vec![
                ("data.format".to_owned(), "idx".to_owned()),
                ("train.momentum".to_owned(), momentum.to_owned()),
            ],
            analysis: analyze(&records, None),
        }
    }

    #[test]
    fn best_cells_stand_side_by_side_with_what_differs() {
        let sweeps = [sweep("plain", 0.5, "0.0", 3), sweep("heavy", 0.3, "0.9", 3)];
        insta::assert_snapshot!(sheet(&sweeps).render(Look { width: Some(80), color: false }), @"
                             plain                  heavy
        best batch size      64                     64
        learning rate        0.1                    0.1
        train-set loss       0.5100                 0.3100
          over its seeds     0.5000 to 0.5200 of 3  0.3000 to 0.3200 of 3
        examples per second  12.8k                  12.8k
        device               cpu                    cpu
        may be relied on     yes                    yes
        train.momentum       0.0                    0.9
        ");
        assert!(remarks(&sweeps).is_empty());
        let table = table(&sweeps);
        assert_eq!((table.number(1, "value"), table.text(1, "train.momentum")), (Some(0.31), Some("0.9")));
        assert!(table.column("data.format").is_none(), "settings that agree are left out");
    }

    #[test]
    fn what_does_not_compare_is_said() {
        let mut sweeps = [sweep("one", 0.5, "0.0", 3), sweep("two", 0.51, "0.0", 3)];
        assert!(remarks(&sweeps)[0].starts_with("No detectable difference in score between one and two"));
        sweeps[1].settings[0].1 = "cifar10".to_owned();
        assert!(remarks(&sweeps)[0].starts_with("They differ in data.format"));
    }

    #[test]
    fn a_sweep_without_a_result_has_dashes() {
        let empty = Compared { analysis: analyze(&[], None), ..sweep("empty", 0.5, "0.0", 1) };
        let shown = sheet(&[sweep("one", 0.5, "0.0", 1), empty]).render(Look::PLAIN);
        assert!(
            shown.lines().any(|line| line.starts_with("best batch size") && line.ends_with('-')),
            "{shown}"
        );
    }
}
