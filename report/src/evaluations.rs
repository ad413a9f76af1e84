//! How far apart the evaluations of a trial are where it met its target: the curves tell, and they stay where they are
//! stored. A statement asks for it; its rows are added to the records of the trials.

use std::collections::HashMap;

use domain::analysis::TrialRecord;
use domain::spec::TargetMetric;

use crate::sql::quoted;
use crate::table::Table;

/// The statement whose rows say how far before the evaluation that met the target the one before it was (or the start).
/// `None` where no trial of these met a target, so that there is nothing to ask.
#[must_use]
pub fn sql(sweep_id: &str, target: TargetMetric, records: &[TrialRecord]) -> Option<String> {
    records.iter().any(|record| record.steps_to_target.is_some()).then(|| {
        let (sweep, name) = (quoted(sweep_id), quoted(target.word()));
        // Looked up trial by trial: as a join, a database without statistics compares every point with every trial.
        format!(
            "select trial_index, steps_to_target - coalesce((\
             select max(metric.step) from batchsweep.metric \
             where metric.trial_id = result.trial_id and metric.name = {name} and metric.step < result.steps_to_target\
             ), 0) as steps \
             from batchsweep.result where sweep_id = {sweep} and steps_to_target is not null"
        )
    })
}

/// Adds the rows of [`sql`] to the trials that they are of.
pub fn add(records: &mut [TrialRecord], gaps: &Table) {
    let of_trial: HashMap<u64, u64> = (0..gaps.rows.len())
        .filter_map(|row| Some((gaps.whole(row, "trial_index")?, gaps.whole(row, "steps")?)))
        .collect();
    for record in records {
        if let Some(&steps) = of_trial.get(&record.trial_index) {
            record.steps_between_evaluations = Some(steps);
        }
    }
}

#[cfg(test)]
mod tests {
    use domain::lifecycle::TrialStatus;

    use super::*;
    use crate::table::{Column, ColumnKind};

    fn trial(trial_index: u64, steps_to_target: Option<u64>) -> TrialRecord {
        TrialRecord { trial_index, steps_to_target, ..TrialRecord::new(8, 0.1, 0, TrialStatus::Succeeded) }
    }

    #[test]
    fn gaps_are_asked_for_where_a_target_was_met_and_added_to_the_trial_they_are_of() {
        let mut records = [trial(0, None), trial(7, Some(400))];
        assert_eq!(sql("a", TargetMetric::ValidationError, &records[..1]), None);
        let asked = sql("o'clock", TargetMetric::ValidationError, &records).unwrap();
        assert!(asked.contains("= 'o''clock'") && asked.contains("= 'validation_error'"), "{asked}");

        let column = |name: &str| Column { name: name.to_owned(), kind: ColumnKind::Integer };
        let cells = |row: [&str; 2]| row.map(|cell| Some(cell.to_owned())).to_vec();
        let columns = vec![column("trial_index"), column("steps")];
        add(&mut records, &Table { columns, rows: vec![cells(["7", "100"]), cells(["9", "5"])] });
        let gaps = records.map(|record| record.steps_between_evaluations);
        assert_eq!(gaps, [None, Some(100)]);
    }
}
