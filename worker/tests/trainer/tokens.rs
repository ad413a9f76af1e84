//! Modules that take whole numbers, as an embedding does.

use std::path::Path;

use domain::TrialSpec;
use domain::run::{LogLevel, Record};
use domain::spec::{ArrayData, Budget, DataSource, FileSource, Normalize};

use crate::formats::safetensors;
use crate::lab::{Trained, exclusive, host, lasting, module, run, trial};

const ROWS: usize = 40;
const LENGTH: usize = 5;

/// Rows of five tokens, stored as they are or as fractions of 255.
fn tokens(folder: &Path, fractions: bool) -> DataSource {
    let bytes: Vec<u8> = (0..ROWS * LENGTH).map(|place| (place * 37 % 251) as u8).collect();
    let (kind, bytes) = if fractions {
        let numbers = bytes.iter().map(|byte| f32::from(*byte) / 255.0);
        ("F32", numbers.flat_map(f32::to_le_bytes).collect())
    } else {
        ("U8", bytes)
    };
    let labels = (0..ROWS as i64).flat_map(|row| (row % 2).to_le_bytes()).collect();
    let file = folder.join("tokens.safetensors");
    let tensors = [("train_x", kind, &[ROWS, LENGTH][..], bytes), ("train_y", "I64", &[ROWS], labels)];
    std::fs::write(&file, safetensors(&tensors)).unwrap();
    DataSource::Safetensors(ArrayData::of(FileSource::OnWorker(file.display().to_string())))
}

fn token_trial(name: &str, source: DataSource, normalize: Normalize) -> TrialSpec {
    let mut spec = lasting(trial(&[1], 1, module(name), 8, 1), Budget::Epochs(2));
    spec.data.source = source;
    spec.data.normalize = normalize;
    spec
}

fn warnings(trained: &Trained) -> String {
    let lines = trained.records.iter().filter_map(|record| match record {
        Record::Log(line) if line.level == LogLevel::Warning => Some(line.text.as_str()),
        _ => None,
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn a_module_that_takes_whole_numbers_is_not_given_fractions_of_them() {
    let _exclusive = exclusive();
    let folder = tempfile::tempdir().unwrap();
    let source = tokens(folder.path(), false);
    for normalize in [Normalize::Unit, Normalize::Standard] {
        let refusal = run(&token_trial("tokens", source.clone(), normalize), &mut host()).unwrap_err();
        let text = refusal.to_string();
        assert!(text.contains("tokens.pt") && text.contains("takes whole numbers"), "{text}");
        assert!(text.contains("set `normalize = \"none\"` in [data]"), "{text}");
    }
    let trained = run(&token_trial("tokens", source, Normalize::None), &mut host()).unwrap();
    assert_eq!(trained.result.steps, 10);
    assert!(!warnings(&trained).contains("whole"), "{}", warnings(&trained));
}

#[test]
fn fractions_in_the_data_itself_are_warned_of() {
    let _exclusive = exclusive();
    let folder = tempfile::tempdir().unwrap();
    let trained =
        run(&token_trial("tokens", tokens(folder.path(), true), Normalize::None), &mut host()).unwrap();
    assert!(warnings(&trained).contains("sees only the whole part of its inputs"), "{}", warnings(&trained));
}

#[test]
fn a_module_that_takes_integers_alone_is_refused_with_what_to_change() {
    let _exclusive = exclusive();
    let folder = tempfile::tempdir().unwrap();
    let spec = token_trial("indices", tokens(folder.path(), false), Normalize::None);
    let text = run(&spec, &mut host()).unwrap_err().to_string();
    assert!(text.contains("takes integers alone") && text.contains("x = x.long()"), "{text}");
}

#[test]
fn a_module_that_refuses_to_normalise_one_value_is_trained_on_batches_of_more() {
    let _exclusive = exclusive();
    let spec = |batch_size| lasting(trial(&[8], 24, module("normalised"), batch_size, 1), Budget::Epochs(1));
    assert_eq!(run(&spec(8), &mut host()).unwrap().result.steps, 3);
    let one = run(&spec(1), &mut host()).unwrap().result;
    assert!(one.message.contains("a batch holds 1 example"), "{}", one.message);
    let last = run(&spec(23), &mut host()).unwrap().result;
    assert!(last.message.contains("the last batch of an epoch holds 1 example"), "{}", last.message);
}
