//! Examples from files, resident or streamed.

use std::fs;
use std::path::Path;

use domain::TrialSpec;
use domain::lifecycle::Outcome;
use domain::run::MetricName;
use domain::spec::{Budget, DataSource, IdxData, ModelSpec, Normalize, Precision, TrainSpec};
use worker::trainer::error::TrialError;

use crate::lab::{exclusive, host, lasting, run, trial, with, within};

/// Images of two kinds: dark with a bright upper half, or a bright lower half.
fn write_images(folder: &Path, count: u32) {
    let mut images =
        [&[0, 0, 8, 3][..], &count.to_be_bytes(), &8u32.to_be_bytes(), &8u32.to_be_bytes()].concat();
    let mut labels = [&[0, 0, 8, 1][..], &count.to_be_bytes()].concat();
    for index in 0..count {
        let label = (index * 7 % 3 == 0) as u8;
        labels.push(label);
        images.extend((0..64u32).map(|pixel| {
            let bright = (pixel < 32) == (label == 0);
            (if bright { 180 } else { 20 }) + (pixel * 31 + index * 17) as u8 % 60
        }));
    }
    fs::write(folder.join("train-images-idx3-ubyte"), images).unwrap();
    fs::write(folder.join("train-labels-idx1-ubyte"), labels).unwrap();
}

fn idx_trial(folder: &Path, normalize: Normalize) -> TrialSpec {
    let mut spec = trial(&[1], 1, ModelSpec::cnn(&[4], &[]), 16, 3);
    spec.data.source = DataSource::Idx(IdxData { path: folder.display().to_string() });
    spec.data.validation = 60;
    spec.data.normalize = normalize;
    spec.settings.learning_rate = domain::LearningRate::try_new(0.1).unwrap();
    lasting(spec, Budget::Epochs(3))
}

#[test]
fn images_are_learned_and_their_memory_is_told_as_the_model_sees_them() {
    let _exclusive = exclusive();
    let folder = tempfile::tempdir().unwrap();
    write_images(folder.path(), 300);
    for normalize in [Normalize::Unit, Normalize::Standard] {
        let trained = run(&idx_trial(folder.path(), normalize), &mut host()).unwrap();
        let (result, memory) = (&trained.result, trained.memory());
        assert_eq!((result.outcome, result.steps), (Outcome::Succeeded, 45));
        assert!(result.final_validation_accuracy.unwrap() > 0.99, "{normalize:?}: {result:?}");
        assert_eq!(memory.parts.batch_bytes, 16 * (64 * 4 + 8));
        // Bytes as stored, all rows and the shuffled training rows; the batch's labels are a view of theirs.
        assert_eq!(memory.parts.resident_data_bytes, (300 + 240) * (64 + 8) - 16 * 8);
        assert_eq!(memory.peak_bytes, trained.parts().total());
        let accuracy = trained.curve(MetricName::ValidationAccuracy);
        let error = trained.curve(MetricName::ValidationError);
        assert!(accuracy.iter().zip(&error).all(|(a, e)| a.0 == e.0 && (a.1 + e.1 - 1.0).abs() < 1e-12));
    }
}

#[test]
fn streamed_and_resident_data_train_to_the_same_bits() {
    let _exclusive = exclusive();
    let folder = tempfile::tempdir().unwrap();
    write_images(folder.path(), 900);
    for precision in [Precision::Float32, Precision::Float64] {
        for shuffle in [true, false] {
            let train = TrainSpec { precision, shuffle, ..TrainSpec::default() };
            let spec = with(idx_trial(folder.path(), Normalize::Standard), train);
            let resident = run(&spec, &mut host()).unwrap();
            let streamed = run(&within(spec, 150_000), &mut host()).unwrap();
            assert!(resident.memory().parts.resident_data_bytes > 0);
            assert_eq!((streamed.memory().parts.resident_data_bytes, streamed.result.micro_batch), (0, 16));
            assert_eq!(resident.losses(), streamed.losses());
            // Evaluated in other pieces, so only nearly the same.
            let loss = |trained: &crate::lab::Trained| trained.result.final_validation_loss.unwrap();
            assert!((loss(&resident) / loss(&streamed) - 1.0).abs() < 1e-6);
        }
    }
}

#[test]
fn without_shuffling_every_epoch_has_file_order() {
    let _exclusive = exclusive();
    // Steps so short that the weights stay: the losses of an epoch come again in the next.
    let mut spec =
        with(trial(&[6], 40, ModelSpec::Linear, 8, 1), TrainSpec { shuffle: false, ..TrainSpec::default() });
    spec.settings.learning_rate = domain::LearningRate::try_new(1e-30).unwrap();
    let ordered = run(&spec, &mut host()).unwrap().losses();
    assert_eq!(ordered[..5], ordered[5..10]);
    spec.settings.train.shuffle = true;
    let shuffled = run(&spec, &mut host()).unwrap().losses();
    assert_ne!(shuffled[..5], shuffled[5..10]);
    let sum = |losses: &[f64]| losses.iter().sum::<f64>();
    assert!((sum(&shuffled[..5]) - sum(&ordered[..5])).abs() < 1e-5, "the same examples in another order");
}

#[test]
fn missing_data_is_an_error_that_names_the_file() {
    let _exclusive = exclusive();
    let spec = idx_trial(Path::new("no-such-folder"), Normalize::Unit);
    let error = run(&spec, &mut host()).unwrap_err();
    assert!(matches!(error, TrialError::Data(_)) && !error.is_fatal());
    assert_eq!(error.kind(), domain::run::FailureKind::Files);
    assert!(error.to_string().contains("no-such-folder/train-images-idx3-ubyte"), "{error}");
}
