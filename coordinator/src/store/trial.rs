//! Trials: the cells of a sweep's grid.

use std::collections::BTreeMap;

use domain::PlannedTrial;
use domain::lifecycle::TrialStatus;
use domain::spec::Value;
use domain::units::SweepId;
use sqlx::PgConnection;
use uuid::Uuid;

use super::Result;
use super::columns::{bigint, count};
use super::encoded::EncodedSettings;

/// Trials in one statement: enough to make round trips cheap, few enough to keep messages to Postgres small.
const CHUNK: usize = 5_000;

/// Stores trials of a sweep: in the queue, or undecided, where its search is to choose them. Their ids rise in the order given; they
/// are handed out in the order of [`domain::turns`].
///
/// # Errors
/// As any query.
pub async fn insert_all(
    connection: &mut PgConnection,
    sweep_id: SweepId,
    trials: &[PlannedTrial],
    status: TrialStatus,
) -> Result<()> {
    let turns = domain::turns(trials);
    let priorities: Vec<i32> =
        turns.iter().map(|&turn| i32::try_from(turn).map_or(i32::MIN, i32::wrapping_neg)).collect();
    for (chunk, priorities) in trials.chunks(CHUNK).zip(priorities.chunks(CHUNK)) {
        // Version 7 within one process: each is greater than the one before.
        let ids: Vec<Uuid> = chunk.iter().map(|_| Uuid::now_v7()).collect();
        let inserting = by_name!("queries/trial/insert_trials.sql", [sweep_id.0],
        for (id, trial) in ids.iter().zip(chunk) => {
            trial_id: Uuid = *id,
            trial_index: i64 = bigint("trial_index", trial.index)?,
            trial_key: String = trial.key.clone(),
            batch_size: i64 = bigint("grid.batch_size", trial.settings.batch_size.get())?,
            learning_rate: f64 = trial.settings.learning_rate.get(),
            optimizer: &'static str = trial.settings.train.optimizer.word(),
            precision: &'static str = trial.settings.train.precision.word(),
            seed: i64 = bigint("grid.seed", trial.settings.seed)?,
            parameters: String = parameters_json(&trial.parameters),
            settings: Vec<u8> = EncodedSettings::of(&trial.settings).into_bytes(),
        }, []);
        inserting.execute(&mut *connection).await?;
        sqlx::query_file!(
            "queries/trial/insert_trial_states.sql",
            sweep_id.0,
            &ids,
            status.word(),
            priorities
        )
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}

/// The keys of a sweep's trials, by their places.
///
/// # Errors
/// As any query.
pub async fn keys(connection: &mut PgConnection, sweep_id: SweepId) -> Result<BTreeMap<u64, String>> {
    let rows =
        sqlx::query_file!("queries/trial/keys_of_trials.sql", sweep_id.0).fetch_all(connection).await?;
    Ok(rows.into_iter().map(|row| (count(row.trial_index), row.trial_key)).collect())
}

/// The learning rates of a sweep's trials, each once.
///
/// # Errors
/// As any query.
pub async fn learning_rates(connection: &mut PgConnection, sweep_id: SweepId) -> Result<Vec<f64>> {
    Ok(sqlx::query_file_scalar!("queries/trial/learning_rates.sql", sweep_id.0).fetch_all(connection).await?)
}

/// The value of every axis as a JSON object, in the grid's order.
fn parameters_json(parameters: &[(String, Value)]) -> String {
    let object: serde_json::Map<_, _> = parameters
        .iter()
        .map(|(key, value)| {
            let value = match value {
                Value::Integer(value) => (*value).into(),
                Value::Number(value) => (*value).into(),
                Value::Flag(value) => (*value).into(),
                Value::Word(value) => value.as_str().into(),
            };
            (key.clone(), value)
        })
        .collect();
    serde_json::Value::Object(object).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_keep_the_grids_order_and_their_types() {
        let parameters = [
            ("batch_size", Value::Integer(32)),
            ("learning_rate", Value::Number(0.01)),
            ("optimizer", Value::Word("adam".to_owned())),
            ("shuffle", Value::Flag(true)),
            ("seed", Value::Integer(0)),
        ];
        let json = r#"{"batch_size":32,"learning_rate":0.01,"optimizer":"adam","shuffle":true,"seed":0}"#;
        let parameters = parameters.map(|(name, value)| (name.to_owned(), value));
        assert_eq!(parameters_json(&parameters), json);
    }
}
