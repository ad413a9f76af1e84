//! Sweeps of trials that nobody trains.

use anyhow::{Context, Result};
use domain::spec::{
    BatchSizeAxis, Budget, DataSource, DataSpec, GridSpec, Labels, LearningRateAxis, MemorySpec,
    MicroBatchPolicy, ModelSpec, Normalize, SearchSpec, SweepDraft, SyntheticData, TrainSpec,
};
use proto::{Wire, v1};
use uuid::Uuid;

use crate::stack::Connection;

/// Submits a sweep of so many trials; gives its id.
pub async fn submit(connection: &Connection, trials: u64) -> Result<String> {
    let request = v1::CreateSweepRequest {
        request_id: Uuid::new_v4().to_string(),
        spec: Some(spec(trials)),
        source: "# null trials".to_owned(),
        validate_only: false,
        weight: None,
    };
    let answer = connection.sweeps.clone().create_sweep(request).await.context("submitting a sweep")?;
    Ok(answer.into_inner().sweep.context("an answer without a sweep")?.sweep_id)
}

/// Cancels what is left of a sweep.
pub async fn cancel(connection: &Connection, sweep: &str) -> Result<()> {
    let request = v1::CancelSweepRequest { sweep: sweep.to_owned(), drain: false };
    connection.sweeps.clone().cancel_sweep(request).await.context("cancelling a sweep")?;
    Ok(())
}

fn spec(trials: u64) -> v1::SweepSpec {
    SweepDraft {
        name: None,
        data: DataSpec {
            source: DataSource::Synthetic(SyntheticData {
                examples: 1000,
                features: vec![10],
                classes: 2,
                labels: Labels::Random,
                seed: None,
            }),
            validation: 0,
            limit: None,
            normalize: Normalize::None,
        },
        model: ModelSpec::Linear,
        grid: GridSpec {
            batch_size: BatchSizeAxis::List(vec![32]),
            learning_rate: LearningRateAxis::List(vec![0.01]),
            train: Vec::new(),
            model: Vec::new(),
            seed: (0..trials).collect(),
        },
        train: TrainSpec { budget: Some(Budget::Epochs(3)), ..TrainSpec::default() },
        memory: MemorySpec { budget: None, micro_batch: MicroBatchPolicy::Auto },
        search: SearchSpec::default(),
    }
    .to_wire()
}
