//! Models, data and losses as people write them, in architectures.py, beside a plain loop over them in the same interpreter:
//! one with torch, which `BATCHSWEEP_PYTORCH_PYTHON` names, as `scripts/test` does, or the one in the shared cache.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use domain::spec::{
    ArrayData, Budget, DataSource, DataSpec, FileSource, Loss, MemorySpec, MicroBatchPolicy, ModelSpec,
    Normalize, OptimizerKind, PythonCode, TrainSpec,
};
use domain::units::{BatchSize, LearningRate};
use domain::{TrialSettings, TrialSpec};
use proto::v1::Accumulation;
use serde_json::Value as Json;

use crate::trainer::Trainer;

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/pytorch/architectures.py");
const SEED: u64 = 7;
const BATCH: u64 = 16;
const VALIDATION: u64 = 16;

pub fn python() -> PathBuf {
    let named = std::env::var_os("BATCHSWEEP_PYTORCH_PYTHON").map(PathBuf::from);
    let cache = || {
        let home = || PathBuf::from(std::env::var_os("HOME").unwrap_or_default()).join(".cache");
        let cache = std::env::var_os("XDG_CACHE_HOME").map_or_else(home, PathBuf::from);
        cache.join("batchsweep/pytorch/bin/python")
    };
    let python = named.unwrap_or_else(cache);
    assert!(python.exists(), "no Python with torch at {}; run bench/pytorch/setup", python.display());
    python
}

/// Writes the data of each architecture, and what a plain loop makes of it.
pub fn write_data(folder: &Path) -> Result<()> {
    let wrote = Command::new(python()).arg(SCRIPT).arg(folder).status()?;
    ensure!(wrote.success(), "architectures.py failed");
    Ok(())
}

#[test]
fn models_data_and_losses_as_people_write_them_have_the_losses_of_a_plain_loop() -> Result<()> {
    let (python, folder) = (python(), tempfile::tempdir()?);
    write_data(folder.path())?;
    let expected: Vec<Json> = serde_json::from_slice(&std::fs::read(folder.path().join("expected.json"))?)?;
    assert_eq!(expected.len(), 20);
    let mut trainer = Trainer::start(Some(&python))?;
    let mut differences = Vec::new();
    for case in &expected {
        let name = case["name"].as_str().context("a case has a name")?;
        let losses: Vec<f64> = serde_json::from_value(case["losses"].clone())?;
        let splits = case["splits"] == true;
        for (micro_batch, bound) in [(MicroBatchPolicy::Off, 1e-6), (MicroBatchPolicy::Fixed(5), 1e-5)] {
            let spec = trial(case, folder.path(), micro_batch)?;
            let trained = trainer.train(&spec).with_context(|| format!("training {name}"))?;
            let accumulation = match (micro_batch, splits) {
                (MicroBatchPolicy::Off, _) => Accumulation::None,
                (_, true) => Accumulation::Exact,
                (_, false) => Accumulation::Approximate,
            };
            assert_eq!(trained.result.accumulation(), accumulation, "{name}");
            assert_eq!(trained.step_losses.len(), losses.len(), "{name}");
            if accumulation == Accumulation::Approximate {
                continue;
            }
            let worst = trained
                .step_losses
                .iter()
                .zip(&losses)
                .map(|(ours, theirs)| ((ours - theirs) / theirs).abs());
            let worst = worst.max_by(f64::total_cmp).unwrap();
            println!("{name:16} {micro_batch:?}: off by {worst:.1e} at most");
            if worst.is_nan() || worst >= bound {
                differences.push(format!("{name} {micro_batch:?}: off by {worst:e}"));
            }
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
    Ok(())
}

fn trial(case: &Json, folder: &Path, micro_batch: MicroBatchPolicy) -> Result<TrialSpec> {
    let text = |key: &str| case[key].as_str().with_context(|| format!("a case has {key}"));
    let name = text("name")?;
    let file = FileSource::OnWorker(folder.join(format!("{name}.npz")).display().to_string());
    let arrays = ArrayData { inputs: serde_json::from_value(case["inputs"].clone())?, ..ArrayData::of(file) };
    let word = |all: &[(&str, Loss)], word: &str| {
        all.iter().find(|(known, _)| *known == word).map(|&(_, loss)| loss)
    };
    let budget = Budget::Steps(30);
    let train = TrainSpec {
        budget: Some(budget),
        optimizer: if text("optimizer")? == "adamw" { OptimizerKind::AdamW } else { OptimizerKind::Sgd },
        momentum: case["settings"]["momentum"].as_f64().unwrap_or(0.0),
        loss: word(&Loss::ALL, text("loss")?).context("a loss")?,
        shuffle: false,
        ..TrainSpec::default()
    };
    let learning_rate = case["settings"]["learning_rate"].as_f64().context("a learning rate")?;
    let model = PythonCode {
        file: FileSource::OnWorker(SCRIPT.to_owned()),
        function: name.to_owned(),
        arguments: Vec::new(),
    };
    Ok(TrialSpec {
        data: DataSpec {
            source: DataSource::Npz(arrays),
            validation: VALIDATION,
            limit: None,
            normalize: Normalize::None,
        },
        model: ModelSpec::Python(model),
        memory: MemorySpec { micro_batch, ..MemorySpec::default() },
        settings: TrialSettings {
            model: Vec::new(),
            batch_size: BatchSize::try_new(BATCH)?,
            learning_rate: LearningRate::try_new(learning_rate)?,
            seed: SEED,
            budget,
            train,
        },
    })
}
