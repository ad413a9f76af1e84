//! Results: every number about a completed trial.

use proto::v1;
use sqlx::PgConnection;

use super::lease::LeaseKey;
use super::record::storable;
use super::{Result, StoreError, bigint};

/// Stores the result of a held attempt. Losses that are not finite become NULL.
///
/// # Errors
/// [`StoreError::Invalid`] for a missing part or a number past a bigint.
pub async fn insert(connection: &mut PgConnection, key: &LeaseKey, result: &v1::TrialResult) -> Result<()> {
    let memory = result.memory.as_ref().ok_or_else(|| missing("result.memory"))?;
    let accumulation = match result.accumulation() {
        v1::Accumulation::None => "none",
        v1::Accumulation::Exact => "exact",
        v1::Accumulation::Approximate => "approximate",
        v1::Accumulation::Unspecified => return Err(missing("result.accumulation")),
    };
    let message = Some(storable(&result.message)).filter(|message| !message.is_empty());
    sqlx::query_file!(
        "queries/record/insert_result.sql",
        key.trial_id,
        key.attempt,
        message,
        bigint("result.micro_batch", result.micro_batch)?,
        bigint("result.accumulation_steps", result.accumulation_steps)?,
        accumulation,
        storable(&result.device),
        bigint("result.steps", result.steps)?,
        bigint("result.examples", result.examples)?,
        required("result.epochs", result.epochs)?,
        finite(result.first_train_loss),
        finite(result.final_train_loss),
        finite(result.train_set_loss),
        finite(result.last_epoch_train_loss),
        finite(result.train_loss_std),
        finite(result.final_validation_loss),
        finite(result.final_validation_accuracy),
        finite(result.best_validation_loss),
        finite(result.best_validation_accuracy),
        result.steps_to_target.map(|steps| bigint("result.steps_to_target", steps)).transpose()?,
        result
            .examples_to_target
            .map(|examples| bigint("result.examples_to_target", examples))
            .transpose()?,
        finite(result.seconds_to_target),
        required("result.train_seconds", result.train_seconds)?,
        finite(result.examples_per_second),
        bigint("result.memory.peak_memory_bytes", memory.peak_memory_bytes)?,
        bigint("result.memory.peak_reserved_bytes", memory.peak_reserved_bytes)?,
        bigint("result.memory.predicted_peak_memory_bytes", memory.predicted_peak_memory_bytes)?,
        bigint("result.memory.resident_data_bytes", memory.resident_data_bytes)?,
        bigint("result.memory.parameter_bytes", memory.parameter_bytes)?,
        bigint("result.memory.gradient_bytes", memory.gradient_bytes)?,
        bigint("result.memory.optimizer_state_bytes", memory.optimizer_state_bytes)?,
        bigint("result.memory.batch_bytes", memory.batch_bytes)?,
        bigint("result.memory.activation_bytes", memory.activation_bytes)?,
        memory
            .memory_budget_bytes
            .map(|bytes| bigint("result.memory.memory_budget_bytes", bytes))
            .transpose()?,
        bigint("result.oom_count", result.oom_count)?,
        finite(result.gradient_noise_scale),
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// NaN and the infinities have no place in the public views: NULL says that there is no number.
fn finite(value: Option<f64>) -> Option<f64> {
    value.filter(|value| value.is_finite())
}

fn required(field: &'static str, value: f64) -> Result<f64> {
    finite(Some(value)).ok_or_else(|| StoreError::Invalid { field, problem: format!("is {value}") })
}

fn missing(field: &'static str) -> StoreError {
    StoreError::Invalid { field, problem: "is missing, or not known to this version".to_owned() }
}
