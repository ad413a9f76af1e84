//! Results: every number about a completed trial.

use domain::problem::TaskKind;
use domain::run::{Lease, MetricName, TrialResult};
use sqlx::PgConnection;

use super::Result;
use super::columns::{bigint, storable};

/// `{"top_5": 0.5}`; `None` where there is none.
fn by_their_names(metrics: &[(MetricName, f64)]) -> Option<serde_json::Value> {
    let values: serde_json::Map<_, _> =
        metrics.iter().map(|(name, value)| (name.word().to_owned(), (*value).into())).collect();
    (!values.is_empty()).then_some(serde_json::Value::Object(values))
}

/// Stores the results of attempts whose leases the caller holds. The columns' comments say what each number is.
///
/// # Errors
/// [`super::StoreError::Invalid`] for a number past a bigint.
pub async fn insert(connection: &mut PgConnection, results: &[(&Lease, &TrialResult)]) -> Result<()> {
    let optional = |field, value: Option<u64>| value.map(|value| bigint(field, value)).transpose();
    let inserting = by_name!("queries/record/insert_results.sql", [], for &(lease, result) in results => {
        trial_id: uuid::Uuid = lease.trial_id.0,
        attempt: i32 = lease.attempt.as_i32(),
        message: Option<String> = Some(storable(&result.message)).filter(|message| !message.is_empty()),
        micro_batch: i64 = bigint("result.micro_batch", result.micro_batch)?,
        accumulation_steps: i64 = bigint("result.accumulation_steps", result.accumulation_steps)?,
        accumulation: &'static str = result.accumulation.word(),
        device: String = storable(&result.device),
        steps: i64 = bigint("result.steps", result.steps)?,
        examples: i64 = bigint("result.examples", result.examples)?,
        epochs: f64 = result.epochs,
        first_train_loss: Option<f64> = result.first_train_loss,
        final_train_loss: Option<f64> = result.final_train_loss,
        train_set_loss: Option<f64> = result.train_set_loss,
        last_epoch_train_loss: Option<f64> = result.last_epoch_train_loss,
        train_loss_std: Option<f64> = result.train_loss_std,
        final_validation_loss: Option<f64> = result.final_validation_loss,
        final_validation_accuracy: Option<f64> = result.final_validation_accuracy,
        best_validation_loss: Option<f64> = result.best_validation_loss,
        best_validation_accuracy: Option<f64> = result.best_validation_accuracy,
        steps_to_target: Option<i64> =
            optional("result.steps_to_target", result.reached_target.map(|target| target.steps))?,
        examples_to_target: Option<i64> =
            optional("result.examples_to_target", result.reached_target.map(|target| target.examples))?,
        seconds_to_target: Option<f64> = result.reached_target.map(|target| target.seconds),
        train_seconds: f64 = result.train_seconds,
        examples_per_second: Option<f64> = result.examples_per_second,
        peak_memory_bytes: i64 = bigint("result.memory.peak_memory_bytes", result.memory.peak_bytes)?,
        peak_reserved_bytes: i64 = bigint("result.memory.peak_reserved_bytes", result.memory.peak_reserved_bytes)?,
        predicted_peak_memory_bytes: i64 =
            bigint("result.memory.predicted_peak_memory_bytes", result.memory.predicted_peak_bytes)?,
        resident_data_bytes: i64 =
            bigint("result.memory.resident_data_bytes", result.memory.parts.resident_data_bytes)?,
        parameter_bytes: i64 = bigint("result.memory.parameter_bytes", result.memory.parts.fixed.parameter_bytes)?,
        gradient_bytes: i64 = bigint("result.memory.gradient_bytes", result.memory.parts.fixed.gradient_bytes)?,
        optimizer_state_bytes: i64 =
            bigint("result.memory.optimizer_state_bytes", result.memory.parts.fixed.optimizer_state_bytes)?,
        batch_bytes: i64 = bigint("result.memory.batch_bytes", result.memory.parts.batch_bytes)?,
        activation_bytes: i64 = bigint("result.memory.activation_bytes", result.memory.parts.activation_bytes)?,
        memory_budget_bytes: Option<i64> = optional("result.memory.memory_budget_bytes", result.memory.budget_bytes)?,
        oom_count: i64 = bigint("result.oom_count", result.oom_count)?,
        gradient_noise_scale: Option<f64> = result.gradient_noise_scale,
        seed_sets: Option<String> = result.seed_sets.map(|sets| sets.to_string()),
        task: Option<&'static str> = result.task.map(TaskKind::word),
        tokens: Option<i64> = optional("result.tokens", result.tokens)?,
        metrics: Option<serde_json::Value> = by_their_names(&result.metrics),
    }, []);
    inserting.execute(connection).await?;
    Ok(())
}
