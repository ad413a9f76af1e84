//! CIFAR and safetensors files through the trainer: what the model sees is what the files say.

use std::fs;
use std::path::Path;

use domain::TrialSpec;
use domain::lifecycle::Outcome;
use domain::run::FailureKind;
use domain::spec::{
    ArrayData, CifarData, DataSource, FileSource, ModelSpec, Normalize, Precision, TrainSpec,
};
use worker::trainer::session::Ready;

use crate::lab::{exclusive, host, numbers, ready, run, trial, with, within};

/// A safetensors file from its tensors: name, type, shape, bytes.
pub fn safetensors(tensors: &[(&str, &str, &[usize], Vec<u8>)]) -> Vec<u8> {
    let mut end = 0;
    let entries = tensors.iter().map(|(name, kind, shape, bytes)| {
        let start = end;
        end += bytes.len();
        format!(r#""{name}":{{"dtype":"{kind}","shape":{shape:?},"data_offsets":[{start},{end}]}}"#)
    });
    let header = format!("{{{}}}", entries.collect::<Vec<_>>().join(","));
    let data = tensors.iter().flat_map(|(.., bytes)| bytes.clone());
    (header.len() as u64).to_le_bytes().into_iter().chain(header.into_bytes()).chain(data).collect()
}

fn classes(numbers: &[i64]) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_le_bytes()).collect()
}

fn from(source: DataSource, normalize: Normalize) -> TrialSpec {
    let mut spec = trial(&[1], 1, ModelSpec::Linear, 4, 3);
    spec.data.source = source;
    spec.data.normalize = normalize;
    spec.settings.learning_rate = domain::LearningRate::try_new(0.1).unwrap();
    spec
}

fn from_file(path: &Path, normalize: Normalize) -> TrialSpec {
    from(DataSource::Safetensors(ArrayData::of(FileSource::OnWorker(path.display().to_string()))), normalize)
}

/// All rows as the model sees them.
fn seen(spec: &TrialSpec) -> Vec<f64> {
    let Ready { mut feed, shape, .. } = ready(spec);
    numbers(&feed.rows(0, shape.train_examples + shape.validation_examples).unwrap().inputs[0])
}

fn assert_close(found: &[f64], expected: &[f64], tolerance: f64) {
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(expected) {
        assert!((found - expected).abs() <= tolerance, "{found} instead of {expected}");
    }
}

/// Mean and standard deviation of some numbers, by the definition.
fn mean_and_deviation(numbers: &[f64]) -> (f64, f64) {
    let mean = numbers.iter().sum::<f64>() / numbers.len() as f64;
    let variance = numbers.iter().map(|number| (number - mean).powi(2)).sum::<f64>() / numbers.len() as f64;
    (mean, variance.sqrt())
}

/// 40 times 12 numbers that every type holds exactly, and their bytes in it.
fn in_every_type() -> (Vec<f64>, [(&'static str, Vec<u8>); 5]) {
    let values: Vec<f64> = [0u8, 3, 17, 64, 128, 200, 255, 1, 2, 96, 31, 7].map(f64::from).repeat(40);
    let halves = values.iter().flat_map(|&value| {
        // Whole numbers up to 2048 in half precision: sign 0, exponent biased by 15, ten bits behind the point.
        let exponent = if value == 0.0 { 0 } else { value.log2().floor() as i32 };
        let fraction = (value / 2f64.powi(exponent) - 1.0) * 1024.0;
        let bits = if value == 0.0 { 0 } else { ((exponent + 15) as u16) << 10 | fraction as u16 };
        bits.to_le_bytes()
    });
    let brain = values.iter().flat_map(|&value| ((value as f32).to_bits() >> 16).to_le_bytes()[..2].to_vec());
    let types = [
        ("U8", values.iter().map(|&value| value as u8).collect()),
        ("F16", halves.collect()),
        ("BF16", brain.collect()),
        ("F32", values.iter().flat_map(|&value| (value as f32).to_le_bytes()).collect()),
        ("F64", values.iter().flat_map(|value| value.to_le_bytes()).collect()),
    ];
    (values, types)
}

#[test]
fn the_model_sees_the_numbers_of_the_file_in_every_type() {
    let _exclusive = exclusive();
    let folder = tempfile::tempdir().unwrap();
    let (values, types) = in_every_type();
    let (mean, deviation) = mean_and_deviation(&values);
    for (kind, bytes) in types {
        let path = folder.path().join(format!("{kind}.safetensors"));
        let example_bytes = bytes.len() as u64 / 160 + 8;
        let labels = classes(&[0, 1, 2, 1].repeat(40));
        let file = [("train_x", kind, &[160, 3][..], bytes), ("train_y", "I64", &[160], labels)];
        fs::write(&path, safetensors(&file)).unwrap();
        for precision in [Precision::Float32, Precision::Float64] {
            let train = TrainSpec { precision, ..TrainSpec::default() };
            for (normalize, expected) in [
                (Normalize::None, values.clone()),
                (Normalize::Unit, values.iter().map(|x| if kind == "U8" { x / 255.0 } else { *x }).collect()),
                (Normalize::Standard, values.iter().map(|x| (x - mean) / deviation).collect()),
            ] {
                let mut spec = with(from_file(&path, normalize), train.clone());
                // Numbers up to 255 bear no larger steps.
                spec.settings.learning_rate = domain::LearningRate::try_new(1e-6).unwrap();
                let tolerance = if precision == Precision::Float64 { 1e-12 } else { 1e-6 };
                assert_close(&seen(&spec), &expected, tolerance);
                // As stored, the rows in file order and again in the epoch's.
                assert_eq!(ready(&spec).account.resident, 320 * example_bytes, "{kind}");
                let resident = run(&spec, &mut host()).unwrap();
                let streamed = run(&within(spec, 320 * example_bytes * 4 - 4), &mut host()).unwrap();
                assert_eq!(
                    (streamed.result.outcome, streamed.memory().parts.resident_data_bytes),
                    (Outcome::Succeeded, 0)
                );
                assert_eq!(resident.losses(), streamed.losses(), "{kind}");
            }
        }
    }
}

#[test]
fn every_type_takes_a_memory_plan_of_its_own() {
    let _exclusive = exclusive();
    let folder = tempfile::tempdir().unwrap();
    let (_, types) = in_every_type();
    let mut keys = std::collections::HashSet::new();
    for (kind, bytes) in types {
        let path = folder.path().join(format!("{kind}.safetensors"));
        let file =
            [("train_x", kind, &[160, 3][..], bytes), ("train_y", "U8", &[160], [0, 1, 2, 1].repeat(40))];
        fs::write(&path, safetensors(&file)).unwrap();
        assert!(keys.insert(ready(&from_file(&path, Normalize::None)).kind.0));
    }
}

#[test]
fn a_files_own_validation_set_is_evaluated_and_nothing_else_is_held_out() {
    let _exclusive = exclusive();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("own.safetensors");
    let floats =
        |numbers: &[f32]| numbers.iter().flat_map(|number| number.to_le_bytes()).collect::<Vec<u8>>();
    let file = safetensors(&[
        ("validation_x", "F32", &[2, 1], floats(&[-50.0, 50.0])),
        ("validation_y", "I64", &[2], classes(&[0, 1])),
        ("train_x", "F32", &[6, 1], floats(&[-1.0, 1.0, -2.0, 2.0, -3.0, 3.0])),
        ("train_y", "I64", &[6], classes(&[0, 1, 0, 1, 0, 1])),
    ]);
    fs::write(&path, file).unwrap();
    let mut spec = from_file(&path, Normalize::Unit);
    spec.data.limit = Some(4);
    let Ready { shape, data_sha256, .. } = ready(&spec);
    assert_eq!((shape.train_examples, shape.validation_examples), (4, 2));
    assert!(data_sha256.is_some());
    assert_eq!(seen(&spec), [-1.0, 1.0, -2.0, 2.0, -50.0, 50.0]);
    let trained = run(&spec, &mut host()).unwrap();
    assert_eq!(trained.result.final_validation_accuracy, Some(1.0), "{:?}", trained.result);
    spec.data.validation = 1;
    let error = run(&spec, &mut host()).unwrap_err();
    assert_eq!(error.kind(), FailureKind::Input);
    assert!(error.to_string().contains("set `validation = 0`"), "{error}");
}

#[test]
fn a_broken_file_is_an_error_that_says_where() {
    let _exclusive = exclusive();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("broken.safetensors");
    let file =
        safetensors(&[("train_x", "U8", &[2, 1], vec![0, 0]), ("train_y", "I64", &[2], classes(&[0, -7]))]);
    fs::write(&path, file).unwrap();
    let error = run(&from_file(&path, Normalize::Unit), &mut host()).unwrap_err();
    assert_eq!((error.kind(), error.is_fatal()), (FailureKind::Files, false));
    assert!(
        error
            .to_string()
            .contains("broken.safetensors is not usable: train_y[1] is -7; classes count from 0"),
        "{error}"
    );
}

/// CIFAR images: bright in one channel, which is the class modulo 3, and dim in the others.
fn write_cifar(folder: &Path, labels: &[u8]) -> Vec<f64> {
    let mut file = Vec::new();
    let mut pixels = Vec::new();
    for (index, label) in labels.iter().enumerate() {
        file.push(*label);
        let image = (0..3072usize).map(|place| {
            let bright = usize::from(*label) % 3 == place / 1024;
            ((place * 7 + index * 13) % 50) as u8 + if bright { 200 } else { 10 }
        });
        let image: Vec<u8> = image.collect();
        pixels.extend(image.iter().map(|&pixel| f64::from(pixel)));
        file.extend(image);
    }
    fs::write(folder.join("data_batch_1.bin"), file).unwrap();
    pixels
}

#[test]
fn cifar_images_are_normalised_channel_by_channel_and_learned() {
    let _exclusive = exclusive();
    let folder = tempfile::tempdir().unwrap();
    let labels: Vec<u8> = (0..60u32).map(|index| (index * 7 % 3) as u8).collect();
    let pixels = write_cifar(folder.path(), &labels);
    let path = folder.path().display().to_string();
    let mut spec = from(DataSource::Cifar10(CifarData { path }), Normalize::Standard);
    spec.model = ModelSpec::cnn(&[4], &[]);
    spec.data.validation = 12;
    // Statistics are those of the 48 images that are trained on.
    let channel = |index: usize| index / 1024 % 3;
    let statistics = [0, 1, 2].map(|wanted| {
        let of_channel =
            pixels[..48 * 3072].iter().enumerate().filter(|(index, _)| channel(*index) == wanted);
        mean_and_deviation(&of_channel.map(|(_, pixel)| *pixel).collect::<Vec<_>>())
    });
    let expected = pixels.iter().enumerate().map(|(index, pixel)| {
        let (mean, deviation) = statistics[channel(index)];
        (pixel - mean) / deviation
    });
    assert_close(&seen(&spec), &expected.collect::<Vec<_>>(), 1e-5);
    let trained = run(&spec, &mut host()).unwrap();
    assert_eq!(trained.result.final_validation_accuracy, Some(1.0), "{:?}", trained.result);
    assert_eq!(trained.memory().parts.batch_bytes, 4 * (3072 * 4 + 8));
    assert_eq!(trained.memory().parts.resident_data_bytes, (60 + 48) * (3072 + 8) - 4 * 8);
}
