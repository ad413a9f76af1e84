//! A file of named tensors: `train_x`, `train_y` and, if wanted, `validation_x`, `validation_y`; others are passed over.
//!
//! - `x`: u8, f16, bf16, f32 or f64, one example a row, of any shape; how images are recognised stands in [`layout`],
//! - `y`: integers of any type, one class a row, from 0; there are as many classes as the largest of them says.
//!
//! The file is read once, from its beginning to its end, into the memory where it stays: for as long as it takes, nothing
//! is there twice. Its header is checked against its length first, so that no claim of a header takes memory that
//! the file does not fill.

mod labels;
mod layout;

use std::fs;
use std::io::{self, Read};
use std::path::Path;

use ::safetensors::Dtype;
use ::safetensors::tensor::{Metadata, TensorInfo};

use self::layout::Layout;
use super::DataError;
use super::dataset::Raw;
use super::files::{Files, malformed, unreadable};
use super::inputs::{Inputs, Storage};

/// The largest header that the format allows.
const MAX_HEADER_BYTES: u64 = 100_000_000;

const TRAIN: Names = Names { x: "train_x", y: "train_y" };
const VALIDATION: Names = Names { x: "validation_x", y: "validation_y" };

/// Reads a file.
pub(super) fn read(path: &Path) -> Result<Raw, DataError> {
    let details = fs::metadata(path).map_err(|source| match source.kind() {
        io::ErrorKind::NotFound => DataError::Unreadable {
            path: path.display().to_string(),
            source,
            help: "`data.path` names the .safetensors file on the worker".to_owned(),
        },
        _ => unreadable(path, source),
    })?;
    if details.is_dir() {
        return Err(malformed(path, "it is a folder; `data.path` names the .safetensors file in it"));
    }
    if path.extension().is_some_and(|extension| extension == "gz") {
        return Err(malformed(path, "it is packed; unpack it first"));
    }
    let mut files = Files::default();
    let raw = parse(&mut files.open(path)?, details.len()).map_err(|reason| malformed(path, reason))?;
    Ok(Raw { origin: Some(files.origin()), ..raw })
}

/// The examples in a stream of `length` bytes; the error is the reason alone.
fn parse(stream: &mut dyn Read, length: u64) -> Result<Raw, String> {
    let metadata = header(stream, length)?;
    let mut train = Part::find(&metadata, &TRAIN)?.ok_or_else(|| missing(&metadata, TRAIN.x))?;
    let mut validation = Part::find(&metadata, &VALIDATION)?;
    let layout = Layout::of(&train.x.shape[1..]);
    let storage = storage(TRAIN.x, train.x.dtype)?;
    let remark = layout.remark(TRAIN.x);
    if let Some(remark) = remark.as_ref().filter(|_| storage == Storage::U8) {
        return Err(remark.clone());
    }
    if let Some(part) = &validation {
        part.check_like(&train)?;
    }

    let train_bytes = size(train.x);
    let mut inputs = zeros(TRAIN.x, train_bytes + validation.as_ref().map_or(0, |part| size(part.x)))?;
    for name in metadata.offset_keys() {
        let bytes = metadata.info(&name).map_or(0, size);
        match (&mut validation, &*name) {
            (_, "train_x") => read_exact(stream, &name, &mut inputs[..train_bytes])?,
            (_, "train_y") => train.read_labels(stream)?,
            (Some(_), "validation_x") => read_exact(stream, &name, &mut inputs[train_bytes..])?,
            (Some(part), "validation_y") => part.read_labels(stream)?,
            _ => {
                let passed = io::copy(&mut stream.take(bytes as u64), &mut io::sink())
                    .map_err(|error| damaged(&error))?;
                if passed < bytes as u64 {
                    return Err(cut_off_within(&name));
                }
            }
        }
    }

    let mut inputs = Inputs { storage, bytes: inputs };
    let row: usize = train.x.shape[1..].iter().product();
    if let Some(place) = inputs.first_not_finite() {
        let (row, rows) = (place / row, train.rows());
        let place =
            if row < rows { format!("train_x[{row}]") } else { format!("validation_x[{}]", row - rows) };
        return Err(format!("{place} holds a number that is infinite or not a number"));
    }
    layout.put_channels_first(&mut inputs.bytes, storage.size());
    let own_validation = validation.as_ref().map(|part| part.rows() as u64);
    let mut targets = train.labels;
    targets.extend(validation.into_iter().flat_map(|part| part.labels));
    let classes = targets.iter().max().map_or(0, |&label| label as u64 + 1).max(2);
    Ok(Raw {
        features: layout.features,
        classes,
        inputs,
        targets,
        own_validation,
        origin: None,
        remarks: remark.into_iter().collect(),
    })
}

fn header(stream: &mut dyn Read, length: u64) -> Result<Metadata, String> {
    let mut size = [0; 8];
    read_exact(stream, "its header", &mut size)?;
    let size = u64::from_le_bytes(size);
    if size > MAX_HEADER_BYTES || size > length.saturating_sub(8) {
        return Err(format!(
            "it begins with a header of {size} bytes, which it does not hold; is it a safetensors file?"
        ));
    }
    let mut text = zeros("its header", size as usize)?;
    read_exact(stream, "its header", &mut text)?;
    // Checks that the tensors lie one after another without gap, and that shapes and sizes agree.
    let metadata: Metadata =
        serde_json::from_slice(&text).map_err(|error| format!("its header is not in order: {error}"))?;
    let announced = (metadata.data_len() as u64).saturating_add(8 + size);
    match announced.cmp(&length) {
        std::cmp::Ordering::Greater => Err(format!(
            "it is cut off: {length} of the {announced} bytes that its header announces are there"
        )),
        std::cmp::Ordering::Less => {
            Err(format!("it goes on after the {announced} bytes that its header announces"))
        }
        std::cmp::Ordering::Equal => Ok(metadata),
    }
}

/// What a part's tensors are called.
struct Names {
    x: &'static str,
    y: &'static str,
}

/// The training or the validation examples.
struct Part<'a> {
    names: &'static Names,
    x: &'a TensorInfo,
    y: &'a TensorInfo,
    labels: Vec<i64>,
}

impl<'a> Part<'a> {
    fn find(metadata: &'a Metadata, names: &'static Names) -> Result<Option<Self>, String> {
        let (x, y) = match (metadata.info(names.x), metadata.info(names.y)) {
            (None, None) => return Ok(None),
            (None, Some(_)) => return Err(missing(metadata, names.x)),
            (Some(_), None) => return Err(missing(metadata, names.y)),
            (Some(x), Some(y)) => (x, y),
        };
        let (x_shape, y_shape) = (&x.shape, &y.shape);
        if x_shape.is_empty() || x_shape.contains(&0) {
            return Err(format!("{} of shape {x_shape:?} holds no examples", names.x));
        }
        if y_shape.is_empty() || y_shape[1..].iter().any(|&size| size != 1) {
            return Err(format!(
                "{} has shape {y_shape:?}; it must hold one class number for each example",
                names.y
            ));
        }
        if y_shape[0] != x_shape[0] {
            return Err(format!(
                "{} holds {} examples, but {} labels {}",
                names.x, x_shape[0], names.y, y_shape[0]
            ));
        }
        Ok(Some(Self { names, x, y, labels: Vec::new() }))
    }

    fn check_like(&self, train: &Self) -> Result<(), String> {
        if self.x.shape[1..] == train.x.shape[1..] && self.x.dtype == train.x.dtype {
            return Ok(());
        }
        let described =
            |part: &Self| format!("{} of shape {:?} ({})", part.names.x, part.x.shape, part.x.dtype);
        Err(format!("{} and {} do not hold the same kind of examples", described(train), described(self)))
    }

    fn rows(&self) -> usize {
        self.x.shape[0]
    }

    fn read_labels(&mut self, stream: &mut dyn Read) -> Result<(), String> {
        let mut bytes = zeros(self.names.y, size(self.y))?;
        read_exact(stream, self.names.y, &mut bytes)?;
        self.labels = labels::decode(self.names.y, self.y.dtype, &bytes)?;
        Ok(())
    }
}

fn missing(metadata: &Metadata, wanted: &str) -> String {
    let mut names = metadata.offset_keys();
    names.sort_unstable();
    let more = if names.len() > 8 { ", ..." } else { "" };
    names.truncate(8);
    format!(
        "it has no {wanted}; it must hold train_x and train_y, and may hold validation_x and validation_y, but holds: {}{more}",
        if names.is_empty() { "nothing".to_owned() } else { names.join(", ") }
    )
}

fn storage(name: &str, dtype: Dtype) -> Result<Storage, String> {
    match dtype {
        Dtype::U8 => Ok(Storage::U8),
        Dtype::F16 => Ok(Storage::F16),
        Dtype::BF16 => Ok(Storage::BF16),
        Dtype::F32 => Ok(Storage::F32),
        Dtype::F64 => Ok(Storage::F64),
        other => Err(format!("{name} holds {other} numbers; save it as u8, f16, bf16, f32 or f64")),
    }
}

fn size(info: &TensorInfo) -> usize {
    // Never the wrong way round: the header was checked.
    info.data_offsets.1.saturating_sub(info.data_offsets.0)
}

/// Room for as many bytes; a refusal, not an abort, where the host has less.
fn zeros(name: &str, bytes: usize) -> Result<Vec<u8>, String> {
    let mut room = Vec::new();
    room.try_reserve_exact(bytes)
        .map_err(|_| format!("{name} of {bytes} bytes does not fit in the host's memory"))?;
    room.resize(bytes, 0);
    Ok(room)
}

fn read_exact(stream: &mut dyn Read, name: &str, into: &mut [u8]) -> Result<(), String> {
    stream.read_exact(into).map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => cut_off_within(name),
        _ => damaged(&error),
    })
}

fn cut_off_within(name: &str) -> String {
    format!("it is cut off within {name}")
}

fn damaged(error: &io::Error) -> String {
    format!("it cannot be read to its end: {error}")
}

#[cfg(test)]
mod tests;
