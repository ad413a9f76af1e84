//! `[data]`.

use domain::spec::{
    ArrayData, CifarData, DataSource, DataSpec, IdxData, Labels, Normalize, PythonCode, SyntheticData,
};

use super::code;
use super::files::Files;
use super::reader::{Field, Reader, Section};

/// The words for the formats.
pub(super) const FORMATS: [(&str, Format); 7] = [
    ("idx", Format::Idx),
    ("cifar10", Format::Cifar10),
    ("cifar100", Format::Cifar100),
    ("safetensors", Format::Safetensors),
    ("npz", Format::Npz),
    ("python", Format::Python),
    ("synthetic", Format::Synthetic),
];

/// The format of the examples, before its other keys are read.
#[derive(Debug, Clone, Copy)]
pub(super) enum Format {
    Idx,
    Cifar10,
    Cifar100,
    Safetensors,
    Npz,
    Python,
    Synthetic,
}

/// Stands in where [data] could not be read.
#[must_use]
pub fn placeholder() -> DataSpec {
    data_spec(DataSource::Synthetic(synthetic_placeholder()))
}

/// Reads the section; values that cannot be read are filled in, and their mistakes noted.
pub(super) fn read(mut section: Section<'_>, files: &mut Files<'_>, reader: &mut Reader) -> DataSpec {
    let format =
        section.require("format", "format = \"synthetic\"").and_then(|field| reader.word(&field, &FORMATS));
    let source = match format {
        Some(Format::Idx) => {
            let path = files.path(&mut section, reader, "path = \"fashion-mnist\"");
            DataSource::Idx(IdxData { path })
        }
        Some(Format::Cifar10) => {
            let path = files.path(&mut section, reader, "path = \"cifar-10-batches-bin\"");
            DataSource::Cifar10(CifarData { path })
        }
        Some(Format::Cifar100) => {
            let path = files.path(&mut section, reader, "path = \"cifar-100-binary\"");
            DataSource::Cifar100(CifarData { path })
        }
        Some(Format::Safetensors) => {
            const EXAMPLE: &str = "path = \"my.safetensors\"` or `upload = \"my.safetensors\"";
            DataSource::Safetensors(arrays(&mut section, EXAMPLE, files, reader))
        }
        Some(Format::Npz) => {
            const EXAMPLE: &str = "path = \"my.npz\"` or `upload = \"my.npz\"";
            DataSource::Npz(arrays(&mut section, EXAMPLE, files, reader))
        }
        Some(Format::Python) => {
            const EXAMPLE: &str = "path = \"data.py\"` or `upload = \"data.py\"";
            DataSource::Python(code::read(&mut section, EXAMPLE, PythonCode::DATA, files, reader))
        }
        Some(Format::Synthetic) => DataSource::Synthetic(synthetic(&mut section, reader)),
        None => {
            section.allow_all();
            DataSource::Synthetic(synthetic_placeholder())
        }
    };
    let spec = DataSpec {
        validation: section.take("validation").and_then(|field| reader.whole(&field)).unwrap_or(0),
        limit: section.take("limit").and_then(|field| reader.whole(&field)),
        normalize: section
            .take("normalize")
            .and_then(|field| reader.word(&field, &Normalize::ALL))
            .unwrap_or(match format {
                // What the user's code gives is what the model gets.
                Some(Format::Python) => Normalize::None,
                _ => Normalize::Unit,
            }),
        ..data_spec(source)
    };
    section.finish(reader, |key| explain(key, format));
    spec
}

fn arrays(
    section: &mut Section<'_>,
    example: &'static str,
    files: &mut Files<'_>,
    reader: &mut Reader,
) -> ArrayData {
    ArrayData {
        file: files.file(section, reader, example),
        inputs: section
            .take("inputs")
            .and_then(|field| reader.list(&field, "[\"tokens\", \"mask\"]", Reader::text))
            .unwrap_or_default(),
        target: section.take("target").and_then(|field| reader.text(&field)),
    }
}

fn synthetic(section: &mut Section<'_>, reader: &mut Reader) -> SyntheticData {
    let fallback = synthetic_placeholder();
    let whole = |field: Option<Field<'_>>, reader: &mut Reader| field.and_then(|field| reader.whole(&field));
    SyntheticData {
        examples: whole(section.require("examples", "examples = 1000"), reader).unwrap_or(fallback.examples),
        features: section
            .require("features", "features = [10]")
            .and_then(|field| reader.list(&field, "[10]", Reader::whole))
            .unwrap_or(fallback.features),
        classes: whole(section.require("classes", "classes = 2"), reader).unwrap_or(fallback.classes),
        labels: section
            .take("labels")
            .and_then(|field| reader.word(&field, &Labels::ALL))
            .unwrap_or(fallback.labels),
        seed: whole(section.take("seed"), reader),
    }
}

/// What is meant by keys that other programs have, or that belong elsewhere.
fn explain(key: &str, format: Option<Format>) -> Option<String> {
    let of_synthetic = ["examples", "features", "classes", "labels", "seed"].contains(&key);
    let is_file = !matches!(format, None | Some(Format::Synthetic));
    let help = match key {
        "upload" if is_file => {
            "this format is a folder of several files: put it on the workers and use `path`; one file of format = \"safetensors\" \
             or \"npz\" can be sent along"
                .to_owned()
        }
        "upload" => "synthetic data is made on the worker; there is nothing to send along".to_owned(),
        "path" if !is_file => {
            "`path` belongs to the formats that are read from files; synthetic data has none".to_owned()
        }
        "classes" | "features" if is_file => {
            format!("the files say so themselves; `{key}` belongs to format = \"synthetic\"")
        }
        _ if of_synthetic => format!("`{key}` belongs to format = \"synthetic\""),
        "train_x" | "train_y" | "validation_x" | "validation_y" => {
            format!("`{key}` is the name of an array within the file; here only `path` is given")
        }
        "inputs" | "target" | "targets" => {
            format!("`{key}` belongs to format = \"safetensors\" and \"npz\"")
        }
        "test" | "split" | "train" if is_file => {
            "test files are not read; `validation = N` holds out the last N training examples".to_owned()
        }
        "validation_split" | "validation_fraction" | "val_split" => {
            "the hold-out is a number of examples: `validation = 5000`".to_owned()
        }
        "mean" | "std" | "standardize" | "standardise" => {
            "`normalize = \"standard\"` uses the training set's own mean and deviation of each channel"
                .to_owned()
        }
        "augment" | "augmentation" | "flip" | "crop" | "transform" => {
            "images are augmented by a data set of your own, format = \"python\"".to_owned()
        }
        "function" | "arguments" => format!("`{key}` belongs to format = \"python\""),
        _ => return None,
    };
    Some(help)
}

fn data_spec(source: DataSource) -> DataSpec {
    DataSpec { source, validation: 0, limit: None, normalize: Normalize::Unit }
}

/// Passes every check, whatever the other keys say.
fn synthetic_placeholder() -> SyntheticData {
    SyntheticData { examples: 1 << 30, features: vec![1], classes: 2, labels: Labels::Random, seed: None }
}
