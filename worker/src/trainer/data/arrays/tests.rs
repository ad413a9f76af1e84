use std::fs;

use ::safetensors::tensor::TensorView;
use ::safetensors::{Dtype, serialize};
use domain::problem::{Integers, TargetValues};
use domain::spec::FileSource;
use proptest::prelude::*;

use super::*;
use crate::trainer::data::column::{Column, Storage};

/// A tensor to be saved: name, type, shape, bytes.
type Entry<'a> = (&'a str, Dtype, Vec<usize>, Vec<u8>);

fn file(entries: &[Entry<'_>]) -> Vec<u8> {
    let views = entries
        .iter()
        .map(|(name, dtype, shape, bytes)| (*name, TensorView::new(*dtype, shape.clone(), bytes).unwrap()));
    serialize(views, None).unwrap()
}

fn floats(name: &'static str, shape: &[usize], numbers: &[f32]) -> Entry<'static> {
    (name, Dtype::F32, shape.to_vec(), numbers.iter().flat_map(|number| number.to_le_bytes()).collect())
}

fn classes(name: &'static str, numbers: &[i64]) -> Entry<'static> {
    let bytes = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
    (name, Dtype::I64, vec![numbers.len()], bytes)
}

/// Three examples of two numbers.
fn small() -> Vec<Entry<'static>> {
    vec![floats("train_x", &[3, 2], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]), classes("train_y", &[0, 3, 1])]
}

/// Arrays `x` and `y`.
fn plain() -> ArrayData {
    ArrayData::of(FileSource::OnWorker("data".to_owned()))
}

fn parse(mut bytes: &[u8], length: u64) -> Result<Raw, String> {
    let mut tensors = safetensors::Tensors::open(&mut bytes, length)?;
    assemble(&mut tensors, &plain(), Layouts::Images)
}

fn parsed(entries: &[Entry<'_>]) -> Result<Raw, String> {
    let bytes = file(entries);
    parse(&bytes, bytes.len() as u64)
}

fn parsed_as(entries: &[Entry<'_>], data: &ArrayData) -> Result<Raw, String> {
    let bytes = file(entries);
    let mut stream = &bytes[..];
    let mut tensors = safetensors::Tensors::open(&mut stream, bytes.len() as u64)?;
    assemble(&mut tensors, data, Layouts::AsStored)
}

fn numbers(raw: &Raw) -> Vec<f64> {
    let mut numbers = Vec::new();
    let column = &raw.inputs[0].column;
    Column::decode(column.storage, &column.bytes, &mut numbers);
    numbers
}

fn targets(raw: &Raw) -> Vec<i64> {
    raw.target.integers().collect()
}

fn integers(least: i64, largest: i64, different: u64) -> TargetValues {
    TargetValues::Integers(Integers { least, largest, different, ignored: 0 })
}

#[test]
fn examples_are_read_with_their_targets() {
    let raw = parsed(&small()).unwrap();
    assert_eq!(
        (&raw.inputs[0].column.shape[..], raw.values, targets(&raw)),
        (&[2][..], integers(0, 3, 3), vec![0, 3, 1])
    );
    assert_eq!((numbers(&raw), raw.own_validation), (vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0], None));
}

#[test]
fn a_validation_set_of_its_own_follows_and_its_labels_count() {
    let mut entries = small();
    entries.extend([
        floats("validation_x", &[1, 2], &[7.0, 8.0]),
        classes("validation_y", &[6]),
        // In the file between the others, since the format sorts by type and name.
        floats("training_notes", &[3], &[f32::NAN; 3]),
    ]);
    let raw = parsed(&entries).unwrap();
    assert_eq!(
        (raw.values, raw.own_validation, targets(&raw)),
        (integers(0, 6, 4), Some(1), vec![0, 3, 1, 6])
    );
    assert_eq!(numbers(&raw)[4..], [5.0, 6.0, 7.0, 8.0]);
}

#[test]
fn numbers_stay_in_the_type_of_the_file() {
    for (dtype, storage, one) in [
        (Dtype::U8, Storage::U8, vec![1]),
        (Dtype::F16, Storage::F16, vec![0x00, 0x3c]),
        (Dtype::BF16, Storage::BF16, vec![0x80, 0x3f]),
        (Dtype::F32, Storage::F32, 1f32.to_le_bytes().to_vec()),
        (Dtype::F64, Storage::F64, 1f64.to_le_bytes().to_vec()),
    ] {
        let raw =
            parsed(&[("train_x", dtype, vec![2, 1], one.repeat(2)), classes("train_y", &[0, 1])]).unwrap();
        let column = &raw.inputs[0].column;
        assert_eq!((column.storage, numbers(&raw)), (storage, vec![1.0, 1.0]));
        assert_eq!(column.bytes.len(), 2 * one.len());
    }
}

#[test]
fn colour_images_are_kept_channels_first() {
    let pixels: Vec<u8> = (0..48).collect();
    let raw = parsed(&[("train_x", Dtype::U8, vec![1, 4, 4, 3], pixels.clone()), classes("train_y", &[0])])
        .unwrap();
    let red: Vec<u8> = (0..48).step_by(3).collect();
    let column = &raw.inputs[0].column;
    assert_eq!((&column.shape[..], &column.bytes[..16]), (&[3, 4, 4][..], &red[..]));
    let raw = parsed(&[("train_x", Dtype::U8, vec![1, 3, 4, 4], pixels.clone()), classes("train_y", &[0])])
        .unwrap();
    let column = &raw.inputs[0].column;
    assert_eq!((&column.shape[..], &column.bytes), (&[3, 4, 4][..], &pixels));
}

#[test]
fn targets_may_be_numbers_labels_and_sequences() {
    let x = || floats("train_x", &[2, 1], &[0.0; 2]);
    let raw = parsed(&[x(), floats("train_y", &[2], &[0.5, -1.0])]).unwrap();
    assert_eq!((raw.target.storage, raw.values), (Storage::F32, TargetValues::Numbers { all_0_or_1: false }));
    let raw = parsed(&[x(), ("train_y", Dtype::U8, vec![2, 3], vec![0, 1, 1, 0, 0, 1])]).unwrap();
    assert_eq!((&raw.target.shape[..], raw.values), (&[3][..], integers(0, 1, 2)));
}

#[test]
fn several_inputs_have_names_and_integers_stay_integers() {
    let data = ArrayData {
        inputs: vec!["mask".to_owned(), "tokens".to_owned()],
        target: Some("label".to_owned()),
        ..plain()
    };
    let entries = [
        ("train_tokens", Dtype::I32, vec![2, 3], [1i32, 2, 3, 4, 5, 6].map(i32::to_le_bytes).concat()),
        ("train_mask", Dtype::BOOL, vec![2, 3], vec![1, 1, 0, 1, 0, 0]),
        classes("train_label", &[1, 0]),
    ];
    let raw = parsed_as(&entries, &data).unwrap();
    let [mask, tokens] = &raw.inputs[..] else { panic!("two inputs") };
    assert_eq!(
        (mask.name.as_deref(), mask.column.storage, mask.column.bytes.len()),
        (Some("mask"), Storage::Bool, 6)
    );
    assert_eq!((tokens.column.storage, &tokens.column.shape[..]), (Storage::I64, &[3][..]));
    assert_eq!(tokens.column.integers().collect::<Vec<_>>(), [1, 2, 3, 4, 5, 6]);
    let refusal = parsed_as(&entries[..2], &data).unwrap_err();
    assert!(refusal.contains("it has no train_label"), "{refusal}");
}

#[test]
fn what_a_model_of_ones_own_is_given_is_not_rearranged() {
    let image = || floats("train_x", &[1, 5, 5], &[0.0; 25]);
    assert_eq!(parsed(&[image(), classes("train_y", &[0])]).unwrap().inputs[0].column.shape, [1, 5, 5]);
    assert_eq!(
        parsed_as(&[image(), classes("train_y", &[0])], &plain()).unwrap().inputs[0].column.shape,
        [5, 5]
    );
}

#[test]
fn what_does_not_fit_together_is_refused_with_the_reason() {
    let x = || floats("train_x", &[3, 2], &[0.0; 6]);
    let y = || classes("train_y", &[0, 1, 0]);
    let not_finite = |name, row: usize| {
        let mut numbers = [0.0; 6];
        numbers[2 * row + 1] = if row == 0 { f32::NEG_INFINITY } else { f32::NAN };
        floats(name, &[3, 2], &numbers)
    };
    for (entries, reason) in [
        (vec![], "it has no train_x"),
        (vec![floats("x_train", &[1], &[0.0]), y()], "it holds: train_y, x_train"),
        (vec![x()], "it has no train_y"),
        (vec![x(), classes("train_y", &[0, 1])], "train_x holds 3 examples, but train_y holds 2"),
        (
            vec![x(), ("train_y", Dtype::U64, vec![3], [u8::MAX; 24].to_vec())],
            "train_y[0] holds an integer over 2^63 - 1",
        ),
        (
            vec![x(), ("train_y", Dtype::F8_E4M3, vec![3], vec![0; 3])],
            "train_y holds F8_E4M3 numbers; save it as f32",
        ),
        (vec![floats("train_x", &[0, 2], &[]), classes("train_y", &[])], "holds no examples"),
        (vec![floats("train_x", &[], &[0.0]), y()], "holds no examples"),
        (
            vec![x(), y(), floats("validation_x", &[1, 2], &[0.0; 2])],
            "it has validation_x, and no validation_y",
        ),
        (vec![x(), y(), classes("validation_y", &[0])], "it has validation_y, and no validation_x"),
        (
            vec![x(), y(), floats("validation_x", &[1, 3], &[0.0; 3]), classes("validation_y", &[0])],
            "train_x of shape [3, 2] (F32) and validation_x of shape [1, 3] (F32) do not hold the same kind",
        ),
        (
            vec![
                x(),
                y(),
                ("validation_x", Dtype::U8, vec![1, 2], vec![0; 2]),
                classes("validation_y", &[0]),
            ],
            "validation_x of shape [1, 2] (U8) do not hold the same kind",
        ),
        (vec![not_finite("train_x", 2), y()], "train_x[2] holds a number that is infinite or not a number"),
        (
            vec![x(), y(), not_finite("validation_x", 0), classes("validation_y", &[0, 0, 0])],
            "validation_x[0] holds a number that is infinite",
        ),
    ] {
        let refusal = parsed(&entries).unwrap_err();
        assert!(refusal.contains(reason), "{refusal:?} lacks {reason:?}");
    }
}

#[test]
fn damaged_files_and_hostile_headers_are_refused_with_the_reason() {
    let good = file(&small());
    let with_header =
        |header: &str| [&(header.len() as u64).to_le_bytes(), header.as_bytes(), &[0; 64]].concat();
    let tensor = |name: &str, shape: &str, offsets: &str| {
        format!(r#""{name}":{{"dtype":"F32","shape":{shape},"data_offsets":{offsets}}}"#)
    };
    let overlapping =
        format!("{{{},{}}}", tensor("train_x", "[3,2]", "[0,24]"), tensor("train_y", "[3]", "[8,20]"));
    let huge = format!("{{{}}}", tensor("train_x", "[4611686018427387904,2]", "[0,24]"));
    let vast = format!("{{{}}}", tensor("train_x", "[1099511627776,2]", "[0,8796093022208]"));
    let backwards = format!("{{{}}}", tensor("train_x", "[3,2]", "[24,0]"));
    for (bytes, reason) in [
        (good[..good.len() - 1].to_vec(), "it is cut off: "),
        ([&good[..], &[0]].concat(), "it goes on after the"),
        (good[..5].to_vec(), "it is cut off within its header"),
        (good[..20].to_vec(), "which it does not hold; is it a safetensors file?"),
        (b"PK\x03\x04 a zip archive".to_vec(), "is it a safetensors file?"),
        (with_header("[]"), "its header is not in order"),
        (with_header("{\"train_x\": 3}"), "its header is not in order"),
        (with_header(&overlapping), "its header is not in order"),
        (with_header(&huge), "its header is not in order"),
        (with_header(&vast), "it is cut off: "),
        (with_header(&backwards), "its header is not in order"),
    ] {
        let refusal = parse(&bytes, bytes.len() as u64).unwrap_err();
        assert!(refusal.contains(reason), "{refusal:?} lacks {reason:?}");
    }
}

#[test]
fn a_file_that_shrinks_while_it_is_read_is_refused() {
    let good = file(&small());
    let refusal = parse(&good[..good.len() - 20], good.len() as u64).unwrap_err();
    assert!(refusal.contains("it is cut off within train_"), "{refusal}");
}

#[test]
fn a_file_has_the_digest_that_sha256sum_says() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("small.safetensors");
    fs::write(&path, file(&small())).unwrap();
    let read = |path: &Path| read_safetensors(path, &plain(), Layouts::Images);
    let raw = read(&path).unwrap();
    let digest = std::process::Command::new("sha256sum").arg(&path).output().unwrap().stdout;
    assert!(String::from_utf8(digest).unwrap().starts_with(&raw.origin.unwrap().sha256.unwrap().to_string()));
    let folder = read(folder.path()).unwrap_err().to_string();
    assert!(folder.contains("it is a folder"), "{folder}");
    let missing = read(&path.with_extension("gone")).unwrap_err().to_string();
    assert!(missing.contains("small.gone") && missing.contains("data.path"), "{missing}");
}

proptest! {
    #[test]
    fn whatever_is_done_to_a_file_it_is_read_or_refused(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        cut in any::<Option<prop::sample::Index>>(),
        length in any::<Option<u16>>(),
    ) {
        let mut entries = small();
        entries.extend([floats("validation_x", &[1, 2], &[7.0, 8.0]), classes("validation_y", &[2])]);
        let mut bytes = file(&entries);
        for (place, byte) in changes {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        let length = length.map_or(bytes.len() as u64, u64::from);
        if let Ok(raw) = parse(&bytes, length) {
            let (column, rows) = (&raw.inputs[0].column, raw.target.bytes.len() / raw.target.row_bytes());
            prop_assert_eq!(column.bytes.len(), rows * column.row_bytes());
            prop_assert!(column.first_not_finite().is_none() && raw.target.first_not_finite().is_none());
        }
    }

    #[test]
    fn whatever_a_header_says_it_is_refused_or_true(
        shape in prop::collection::vec(prop_oneof![0u64..5, any::<u64>()], 0..5),
        offsets in prop::collection::vec(prop_oneof![0u64..64, any::<u64>()], 4),
        dtype in prop::sample::select(vec!["U8", "F16", "F32", "F64", "I64", "F4", "BOOL"]),
        data in 0usize..80,
    ) {
        let [a, b, c, d] = offsets[..] else { unreachable!("four numbers") };
        let header = format!(
            r#"{{"train_x":{{"dtype":"{dtype}","shape":{shape:?},"data_offsets":[{a},{b}]}},"train_y":{{"dtype":"U8","shape":[{}],"data_offsets":[{c},{d}]}}}}"#,
            shape.first().unwrap_or(&1),
        );
        let bytes = [&(header.len() as u64).to_le_bytes(), header.as_bytes(), &vec![0; data]].concat();
        if let Ok(raw) = parse(&bytes, bytes.len() as u64) {
            prop_assert!(raw.inputs[0].column.bytes.len() <= 8 * data);
        }
    }
}
