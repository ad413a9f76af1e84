//! Data sets in Python, in data_sets.py, beside the same examples in a file.

use std::path::Path;

use anyhow::Result;
use domain::spec::{
    Argument, ArrayData, Budget, DataSource, DataSpec, FileSource, Loss, MemorySpec, MicroBatchPolicy,
    ModelSpec, Normalize, PythonCode, TrainSpec, Value,
};
use domain::units::{BatchSize, LearningRate};
use domain::{TrialSettings, TrialSpec};

use crate::architectures::{python, write_data};
use crate::trainer::{Trained, Trainer};

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/pytorch/data_sets.py");

/// A data set by this function, and a model by that one, in micro-batches of so many.
fn trial(function: &str, model: &str, path: &Path, micro_batch: MicroBatchPolicy) -> Result<TrialSpec> {
    let code = |function: &str, arguments| PythonCode {
        file: FileSource::OnWorker(SCRIPT.to_owned()),
        function: function.to_owned(),
        arguments,
    };
    let path = Argument::One(Value::Word(path.display().to_string()));
    let budget = Budget::Epochs(3);
    Ok(TrialSpec {
        data: DataSpec {
            source: DataSource::Python(code(function, vec![("path".to_owned(), path)])),
            validation: 0,
            limit: None,
            normalize: Normalize::None,
        },
        model: ModelSpec::Python(code(model, Vec::new())),
        memory: MemorySpec { micro_batch, ..MemorySpec::default() },
        settings: TrialSettings {
            model: Vec::new(),
            batch_size: BatchSize::try_new(16)?,
            learning_rate: LearningRate::try_new(0.05)?,
            seed: 5,
            budget,
            train: TrainSpec { budget: Some(budget), ..TrainSpec::default() },
        },
    })
}

/// A trainer, and a file of 64 examples of three classes.
fn start() -> Result<(Trainer, tempfile::TempDir)> {
    let folder = tempfile::tempdir()?;
    write_data(folder.path())?;
    Ok((Trainer::start(Some(&python()))?, folder))
}

fn worst(one: &Trained, other: &Trained) -> f64 {
    assert_eq!(one.step_losses.len(), other.step_losses.len());
    let pairs = one.step_losses.iter().zip(&other.step_losses);
    // NaN is the largest.
    pairs.map(|(one, other)| ((one - other) / other).abs()).max_by(f64::total_cmp).unwrap_or(f64::NAN)
}

#[test]
fn a_data_set_in_python_gives_the_bits_of_the_same_examples_in_a_file() -> Result<()> {
    let (mut trainer, folder) = start()?;
    let file = folder.path().join("frozen.npz");
    let mut of_file = trial("plain", "build", &file, MicroBatchPolicy::Off)?;
    of_file.data.source = DataSource::Npz(ArrayData::of(FileSource::OnWorker(file.display().to_string())));
    let expected = trainer.train(&of_file)?;
    for function in ["plain", "named"] {
        let trained = trainer.train(&trial(function, "build", &file, MicroBatchPolicy::Off)?)?;
        assert_eq!(trained.step_losses, expected.step_losses, "{function}");
        assert_eq!(
            trained.result.memory, expected.result.memory,
            "{function}: it is kept on the device, too"
        );
    }
    of_file.data.validation = 16;
    let expected = trainer.train(&of_file)?;
    let trained = trainer.train(&trial("halves", "build", &file, MicroBatchPolicy::Off)?)?;
    assert_eq!(trained.step_losses, expected.step_losses);
    assert_eq!(trained.result.final_validation_accuracy, expected.result.final_validation_accuracy);
    assert!(trained.result.final_validation_accuracy.is_some());
    Ok(())
}

#[test]
fn augmentation_is_drawn_anew_each_epoch_and_the_same_in_each_repeat_and_split() -> Result<()> {
    let (mut trainer, folder) = start()?;
    let file = folder.path().join("frozen.npz");
    let augmented = |micro_batch| trial("augmented", "build", &file, micro_batch);
    let once = trainer.train(&augmented(MicroBatchPolicy::Off)?)?;
    let plain = trainer.train(&trial("halves", "build", &file, MicroBatchPolicy::Off)?)?;
    assert!(worst(&once, &plain) > 1e-3, "the noise is there");
    let (mut again, _) = start()?;
    assert_eq!(again.train(&augmented(MicroBatchPolicy::Off)?)?.step_losses, once.step_losses);
    let split = again.train(&augmented(MicroBatchPolicy::Fixed(5))?)?;
    assert!(worst(&split, &once) < 1e-5, "{}", worst(&split, &once));
    let mut other = augmented(MicroBatchPolicy::Off)?;
    other.settings.seed = 6;
    assert!(worst(&again.train(&other)?, &once) > 1e-3, "another seed, other noise");
    Ok(())
}

#[test]
fn a_set_that_is_split_at_random_is_split_alike_in_every_trial() -> Result<()> {
    let (mut trainer, folder) = start()?;
    let spec = trial("split", "build", &folder.path().join("frozen.npz"), MicroBatchPolicy::Off)?;
    let once = trainer.train(&spec)?;
    let (mut other, _) = start()?;
    other.train(&trial("halves", "build", &folder.path().join("frozen.npz"), MicroBatchPolicy::Off)?)?;
    let again = other.train(&spec)?;
    assert_eq!(again.step_losses, once.step_losses);
    assert_eq!(again.result.final_validation_loss, once.result.final_validation_loss);
    Ok(())
}

fn with_its_own_loss(model: &str, folder: &Path) -> Result<TrialSpec> {
    let mut spec = trial("flags", model, &folder.join("frozen.npz"), MicroBatchPolicy::Off)?;
    spec.settings.train.loss = Loss::Model;
    Ok(spec)
}

#[test]
fn a_loss_of_the_models_own_gets_targets_as_they_are_and_may_be_below_0() -> Result<()> {
    let (mut trainer, folder) = start()?;
    let trained = trainer.train(&with_its_own_loss("flagged", folder.path())?)?;
    assert!(trained.step_losses.last() < trained.step_losses.first());
    let trained = trainer.train(&with_its_own_loss("likelihood", folder.path())?)?;
    assert!(trained.step_losses.iter().all(|loss| *loss < 0.0), "{:?}", trained.step_losses);
    Ok(())
}

#[test]
fn a_loss_that_is_no_sum_with_its_terms_is_refused() -> Result<()> {
    let (mut trainer, folder) = start()?;
    for (model, reason) in [
        ("mean", "as many terms for two examples as for four"),
        ("detached", "the sum that loss() returns does not depend on the parameters"),
    ] {
        let refusal = trainer.train(&with_its_own_loss(model, folder.path())?);
        let text = refusal.err().map(|error| format!("{error:#}")).unwrap_or_default();
        assert!(text.contains(reason), "{model}: {text}");
    }
    Ok(())
}

#[test]
fn ignored_positions_that_only_an_example_shows_count_under_any_split() -> Result<()> {
    let (mut trainer, folder) = start()?;
    let whole = trainer.train(&trial("ignoring", "tokens", folder.path(), MicroBatchPolicy::Off)?)?;
    let split = trainer.train(&trial("ignoring", "tokens", folder.path(), MicroBatchPolicy::Fixed(5))?)?;
    assert!(worst(&split, &whole) < 1e-5, "{}", worst(&split, &whole));
    let set_loss = |trained: &Trained| trained.result.train_set_loss.unwrap_or(f64::NAN);
    assert!((set_loss(&split) / set_loss(&whole) - 1.0).abs() < 1e-5);
    Ok(())
}

#[test]
fn what_is_no_map_style_data_set_of_one_shape_is_refused_in_a_sentence() -> Result<()> {
    let (mut trainer, folder) = start()?;
    let file = folder.path().join("frozen.npz");
    for (function, reason) in [
        ("stream", "returns an iterable data set for the training set: its examples have no numbers"),
        ("ragged", "bring them to one shape"),
        ("sparse", "example 0 of the training set holds a sparse_coo tensor"),
        ("meta", "example 0 of the training set holds a meta tensor"),
        ("nothing", "must return (train, validation or None)"),
        ("no_such_function", "has no attribute 'no_such_function'"),
    ] {
        let refusal = trainer.train(&trial(function, "build", &file, MicroBatchPolicy::Off)?);
        let text = refusal.err().map(|error| format!("{error:#}")).unwrap_or_default();
        assert!(text.contains(reason), "{function}: {text}");
    }
    let trained = trainer.train(&trial("unrepeatable", "build", &file, MicroBatchPolicy::Off)?)?;
    assert!(
        trained.warnings.iter().any(|line| line.contains("no trial can be repeated")),
        "{:?}",
        trained.warnings
    );
    Ok(())
}
