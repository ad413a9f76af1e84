//! Results: every number about a completed trial.

use proto::v1;
use sqlx::PgConnection;

use super::lease::LeaseKey;
use super::record::storable;
use super::{Result, StoreError, bigint};

/// A result as its table holds it: checked, so that Postgres has nothing to refuse. The columns' comments say what each
/// number is.
#[derive(Debug, Clone, PartialEq)]
pub struct ResultRow {
    message: Option<String>,
    micro_batch: i64,
    accumulation_steps: i64,
    accumulation: &'static str,
    device: String,
    steps: i64,
    examples: i64,
    epochs: f64,
    first_train_loss: Option<f64>,
    final_train_loss: Option<f64>,
    train_set_loss: Option<f64>,
    last_epoch_train_loss: Option<f64>,
    train_loss_std: Option<f64>,
    final_validation_loss: Option<f64>,
    final_validation_accuracy: Option<f64>,
    best_validation_loss: Option<f64>,
    best_validation_accuracy: Option<f64>,
    steps_to_target: Option<i64>,
    examples_to_target: Option<i64>,
    seconds_to_target: Option<f64>,
    train_seconds: f64,
    examples_per_second: Option<f64>,
    memory: MemoryColumns,
    oom_count: i64,
    gradient_noise_scale: Option<f64>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct MemoryColumns {
    peak_memory_bytes: i64,
    peak_reserved_bytes: i64,
    predicted_peak_memory_bytes: i64,
    resident_data_bytes: i64,
    parameter_bytes: i64,
    gradient_bytes: i64,
    optimizer_state_bytes: i64,
    batch_bytes: i64,
    activation_bytes: i64,
    memory_budget_bytes: Option<i64>,
}

impl ResultRow {
    /// Reads a result. Losses that are not finite become NULL.
    ///
    /// # Errors
    /// [`StoreError::Invalid`] for a missing part or a number past a bigint.
    pub fn of(result: &v1::TrialResult) -> Result<Self> {
        let memory = result.memory.as_ref().ok_or_else(|| missing("result.memory"))?;
        let accumulation = match result.accumulation() {
            v1::Accumulation::None => "none",
            v1::Accumulation::Exact => "exact",
            v1::Accumulation::Approximate => "approximate",
            v1::Accumulation::Unspecified => return Err(missing("result.accumulation")),
        };
        let optional = |field, value: Option<u64>| value.map(|value| bigint(field, value)).transpose();
        Ok(Self {
            message: Some(storable(&result.message)).filter(|message| !message.is_empty()),
            micro_batch: bigint("result.micro_batch", result.micro_batch)?,
            accumulation_steps: bigint("result.accumulation_steps", result.accumulation_steps)?,
            accumulation,
            device: storable(&result.device),
            steps: bigint("result.steps", result.steps)?,
            examples: bigint("result.examples", result.examples)?,
            epochs: required("result.epochs", result.epochs)?,
            first_train_loss: finite(result.first_train_loss),
            final_train_loss: finite(result.final_train_loss),
            train_set_loss: finite(result.train_set_loss),
            last_epoch_train_loss: finite(result.last_epoch_train_loss),
            train_loss_std: finite(result.train_loss_std),
            final_validation_loss: finite(result.final_validation_loss),
            final_validation_accuracy: finite(result.final_validation_accuracy),
            best_validation_loss: finite(result.best_validation_loss),
            best_validation_accuracy: finite(result.best_validation_accuracy),
            steps_to_target: optional("result.steps_to_target", result.steps_to_target)?,
            examples_to_target: optional("result.examples_to_target", result.examples_to_target)?,
            seconds_to_target: finite(result.seconds_to_target),
            train_seconds: required("result.train_seconds", result.train_seconds)?,
            examples_per_second: finite(result.examples_per_second),
            memory: MemoryColumns {
                peak_memory_bytes: bigint("result.memory.peak_memory_bytes", memory.peak_memory_bytes)?,
                peak_reserved_bytes: bigint("result.memory.peak_reserved_bytes", memory.peak_reserved_bytes)?,
                predicted_peak_memory_bytes: bigint(
                    "result.memory.predicted_peak_memory_bytes",
                    memory.predicted_peak_memory_bytes,
                )?,
                resident_data_bytes: bigint("result.memory.resident_data_bytes", memory.resident_data_bytes)?,
                parameter_bytes: bigint("result.memory.parameter_bytes", memory.parameter_bytes)?,
                gradient_bytes: bigint("result.memory.gradient_bytes", memory.gradient_bytes)?,
                optimizer_state_bytes: bigint(
                    "result.memory.optimizer_state_bytes",
                    memory.optimizer_state_bytes,
                )?,
                batch_bytes: bigint("result.memory.batch_bytes", memory.batch_bytes)?,
                activation_bytes: bigint("result.memory.activation_bytes", memory.activation_bytes)?,
                memory_budget_bytes: optional(
                    "result.memory.memory_budget_bytes",
                    memory.memory_budget_bytes,
                )?,
            },
            oom_count: bigint("result.oom_count", result.oom_count)?,
            gradient_noise_scale: finite(result.gradient_noise_scale),
        })
    }
}

/// Stores the results of attempts whose leases the caller holds.
///
/// # Errors
/// As any query.
pub async fn insert(connection: &mut PgConnection, results: &[(&LeaseKey, &ResultRow)]) -> Result<()> {
    fn keys<T>(results: &[(&LeaseKey, &ResultRow)], of: impl Fn(&LeaseKey) -> T) -> Vec<T> {
        results.iter().map(|(key, _)| of(key)).collect()
    }
    fn column<T>(results: &[(&LeaseKey, &ResultRow)], of: impl Fn(&ResultRow) -> T) -> Vec<T> {
        results.iter().map(|(_, row)| of(row)).collect()
    }
    sqlx::query_file!(
        "queries/record/insert_results.sql",
        &keys(results, |key| key.trial_id),
        &keys(results, |key| key.attempt),
        &column(results, |row| row.message.clone()) as &[Option<String>],
        &column(results, |row| row.micro_batch),
        &column(results, |row| row.accumulation_steps),
        &column(results, |row| row.accumulation.to_owned()),
        &column(results, |row| row.device.clone()),
        &column(results, |row| row.steps),
        &column(results, |row| row.examples),
        &column(results, |row| row.epochs),
        &column(results, |row| row.first_train_loss) as &[Option<f64>],
        &column(results, |row| row.final_train_loss) as &[Option<f64>],
        &column(results, |row| row.train_set_loss) as &[Option<f64>],
        &column(results, |row| row.last_epoch_train_loss) as &[Option<f64>],
        &column(results, |row| row.train_loss_std) as &[Option<f64>],
        &column(results, |row| row.final_validation_loss) as &[Option<f64>],
        &column(results, |row| row.final_validation_accuracy) as &[Option<f64>],
        &column(results, |row| row.best_validation_loss) as &[Option<f64>],
        &column(results, |row| row.best_validation_accuracy) as &[Option<f64>],
        &column(results, |row| row.steps_to_target) as &[Option<i64>],
        &column(results, |row| row.examples_to_target) as &[Option<i64>],
        &column(results, |row| row.seconds_to_target) as &[Option<f64>],
        &column(results, |row| row.train_seconds),
        &column(results, |row| row.examples_per_second) as &[Option<f64>],
        &column(results, |row| row.memory.peak_memory_bytes),
        &column(results, |row| row.memory.peak_reserved_bytes),
        &column(results, |row| row.memory.predicted_peak_memory_bytes),
        &column(results, |row| row.memory.resident_data_bytes),
        &column(results, |row| row.memory.parameter_bytes),
        &column(results, |row| row.memory.gradient_bytes),
        &column(results, |row| row.memory.optimizer_state_bytes),
        &column(results, |row| row.memory.batch_bytes),
        &column(results, |row| row.memory.activation_bytes),
        &column(results, |row| row.memory.memory_budget_bytes) as &[Option<i64>],
        &column(results, |row| row.oom_count),
        &column(results, |row| row.gradient_noise_scale) as &[Option<f64>],
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
