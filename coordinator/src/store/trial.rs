//! Trials: the cells of a sweep's grid.

use domain::PlannedTrial;
use domain::spec::Value;
use prost::Message;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Result, StoreError, bigint};

/// Trials in one statement: enough to make round trips cheap, few enough to keep messages to Postgres small.
const CHUNK: usize = 5_000;

/// Stores the trials of a new sweep and queues them. Their ids rise in grid order.
///
/// # Errors
/// As any query.
pub async fn insert_all(
    connection: &mut PgConnection,
    sweep_id: Uuid,
    trials: &[PlannedTrial],
) -> Result<()> {
    for chunk in trials.chunks(CHUNK) {
        let columns = Columns::of(chunk)?;
        sqlx::query_file!(
            "queries/trial/insert_trials.sql",
            sweep_id,
            &columns.trial_id,
            &columns.trial_index,
            &columns.trial_key,
            &columns.batch_size,
            &columns.learning_rate,
            &columns.optimizer,
            &columns.precision,
            &columns.seed,
            &columns.parameters,
            &columns.settings,
        )
        .execute(&mut *connection)
        .await?;
        sqlx::query_file!("queries/trial/insert_trial_states.sql", sweep_id, &columns.trial_id)
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

#[derive(Default)]
struct Columns {
    trial_id: Vec<Uuid>,
    trial_index: Vec<i64>,
    trial_key: Vec<String>,
    batch_size: Vec<i64>,
    learning_rate: Vec<f64>,
    optimizer: Vec<String>,
    precision: Vec<String>,
    seed: Vec<i64>,
    parameters: Vec<String>,
    settings: Vec<Vec<u8>>,
}

impl Columns {
    fn of(trials: &[PlannedTrial]) -> Result<Self> {
        let mut columns = Self::default();
        for trial in trials {
            let settings = &trial.settings;
            // Version 7 within one process: each is greater than the one before.
            columns.trial_id.push(Uuid::now_v7());
            columns.trial_index.push(bigint("trial_index", trial.index)?);
            columns.trial_key.push(trial.key.clone());
            columns.batch_size.push(bigint("grid.batch_size", settings.batch_size.get())?);
            columns.learning_rate.push(settings.learning_rate.get());
            columns.optimizer.push(settings.train.optimizer.word().to_owned());
            columns.precision.push(settings.train.precision.word().to_owned());
            columns.seed.push(bigint("grid.seed", settings.seed)?);
            columns.parameters.push(parameters_json(&trial.parameters));
            columns.settings.push(proto::to_wire::settings(settings).encode_to_vec());
        }
        Ok(columns)
    }
}

/// The value of every axis as a JSON object, in the grid's order.
fn parameters_json(parameters: &[(&'static str, Value)]) -> String {
    let object: serde_json::Map<_, _> = parameters
        .iter()
        .map(|(key, value)| {
            let value = match value {
                Value::Integer(value) => (*value).into(),
                Value::Number(value) => (*value).into(),
                Value::Flag(value) => (*value).into(),
                Value::Word(value) => value.as_str().into(),
            };
            ((*key).to_owned(), value)
        })
        .collect();
    serde_json::Value::Object(object).to_string()
}

/// The settings of a stored trial.
///
/// # Errors
/// [`StoreError::Corrupt`].
pub fn decode_settings(trial_id: Uuid, settings: &[u8]) -> Result<proto::v1::TrialSettings> {
    Message::decode(settings)
        .map_err(|error| StoreError::corrupt(format!("the settings of trial {trial_id}"), error))
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
        assert_eq!(parameters_json(&parameters), json);
    }
}
