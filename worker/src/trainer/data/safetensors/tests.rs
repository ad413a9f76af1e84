use ::safetensors::serialize;
use ::safetensors::tensor::TensorView;
use proptest::prelude::*;

use super::*;

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

fn parsed(entries: &[Entry<'_>]) -> Result<Raw, String> {
    let bytes = file(entries);
    parse(&mut &bytes[..], bytes.len() as u64)
}

fn numbers(raw: &Raw) -> Vec<f64> {
    let mut numbers = Vec::new();
    Inputs::decode(raw.inputs.storage, &raw.inputs.bytes, &mut numbers);
    numbers
}

#[test]
fn examples_are_read_with_as_many_classes_as_the_labels_say() {
    let raw = parsed(&small()).unwrap();
    assert_eq!((&raw.features[..], raw.classes, &raw.targets[..]), (&[2][..], 4, &[0, 3, 1][..]));
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
    assert_eq!((raw.classes, raw.own_validation, &raw.targets[..]), (7, Some(1), &[0, 3, 1, 6][..]));
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
        assert_eq!((raw.inputs.storage, numbers(&raw)), (storage, vec![1.0, 1.0]));
        assert_eq!(raw.inputs.bytes.len(), 2 * one.len());
    }
}

#[test]
fn colour_images_are_kept_channels_first() {
    let pixels: Vec<u8> = (0..48).collect();
    let raw = parsed(&[("train_x", Dtype::U8, vec![1, 4, 4, 3], pixels.clone()), classes("train_y", &[0])])
        .unwrap();
    let red: Vec<u8> = (0..48).step_by(3).collect();
    assert_eq!((raw.features, &raw.inputs.bytes[..16]), (vec![3, 4, 4], &red[..]));
    let raw = parsed(&[("train_x", Dtype::U8, vec![1, 3, 4, 4], pixels.clone()), classes("train_y", &[0])])
        .unwrap();
    assert_eq!((raw.features, raw.inputs.bytes), (vec![3, 4, 4], pixels));
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
        (vec![floats("x_train", &[1], &[0.0]), y()], "but holds: train_y, x_train"),
        (vec![x()], "it has no train_y"),
        (vec![x(), classes("train_y", &[0, 1])], "train_x holds 3 examples, but train_y labels 2"),
        (
            vec![x(), floats("train_y", &[3], &[0.0; 3])],
            "train_y holds F32 numbers; save the class numbers as int64",
        ),
        (vec![x(), ("train_y", Dtype::U8, vec![3, 10], vec![0; 30])], "one class number for each example"),
        (vec![x(), classes("train_y", &[0, 1, -1])], "train_y[2] is -1"),
        (
            vec![("train_x", Dtype::I32, vec![3, 1], vec![0; 12]), y()],
            "train_x holds I32 numbers; save it as u8",
        ),
        (vec![floats("train_x", &[0, 2], &[]), classes("train_y", &[])], "holds no examples"),
        (vec![floats("train_x", &[], &[0.0]), y()], "holds no examples"),
        (vec![x(), y(), floats("validation_x", &[1, 2], &[0.0; 2])], "it has no validation_y"),
        (vec![x(), y(), classes("validation_y", &[0])], "it has no validation_x"),
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
        let refusal = parse(&mut &bytes[..], bytes.len() as u64).unwrap_err();
        assert!(refusal.contains(reason), "{refusal:?} lacks {reason:?}");
    }
}

#[test]
fn a_file_that_shrinks_while_it_is_read_is_refused() {
    let good = file(&small());
    let refusal = parse(&mut &good[..good.len() - 20], good.len() as u64).unwrap_err();
    assert!(refusal.contains("it is cut off within train_"), "{refusal}");
}

#[test]
fn a_file_has_the_digest_that_sha256sum_says() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("small.safetensors");
    fs::write(&path, file(&small())).unwrap();
    let raw = read(&path).unwrap();
    let digest = std::process::Command::new("sha256sum").arg(&path).output().unwrap().stdout;
    assert!(String::from_utf8(digest).unwrap().starts_with(&raw.origin.unwrap().sha256.to_string()));
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
        if let Ok(raw) = parse(&mut &bytes[..], length) {
            let row: u64 = raw.features.iter().product();
            prop_assert_eq!(raw.inputs.bytes.len() as u64, raw.targets.len() as u64 * row * raw.inputs.storage.size() as u64);
            prop_assert!(raw.targets.iter().all(|&label| (0..raw.classes as i64).contains(&label)));
            prop_assert!(raw.inputs.first_not_finite().is_none());
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
        if let Ok(raw) = parse(&mut &bytes[..], bytes.len() as u64) {
            prop_assert!(raw.inputs.bytes.len() <= data);
        }
    }
}
