//! The tensors of a safetensors file.

use std::fs;
use std::io::{self, Read};
use std::path::Path;

use ::safetensors::Dtype;
use ::safetensors::tensor::{Metadata, TensorInfo};

use super::{Array, Arrays, Listed, NumberType, zeros};
use crate::trainer::data::DataError;
use crate::trainer::data::files::{malformed, unreadable};

/// The largest header that the format allows.
const MAX_HEADER_BYTES: u64 = 100_000_000;

/// The length of a file that may be one.
pub(super) fn length(path: &Path) -> Result<u64, DataError> {
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
    Ok(details.len())
}

/// A file whose header was read.
pub(super) struct Tensors<'a> {
    stream: &'a mut dyn Read,
    metadata: Metadata,
}

impl<'a> Tensors<'a> {
    /// The tensors in a stream of `length` bytes.
    pub fn open(stream: &'a mut dyn Read, length: u64) -> Result<Self, String> {
        let metadata = header(stream, length)?;
        Ok(Self { stream, metadata })
    }
}

impl Arrays for Tensors<'_> {
    fn list(&self) -> Vec<Listed> {
        let listed = |name: String| {
            let info = self.metadata.info(&name)?;
            let problem = || {
                format!("holds {} numbers; save it as f32, or as int64 where it holds integers", info.dtype)
            };
            let array = number_type(info.dtype).ok_or_else(problem).map(|numbers| Array {
                name: name.clone(),
                numbers,
                shape: info.shape.clone(),
                bytes: size(info),
            });
            Some(Listed { name, array })
        };
        self.metadata.offset_keys().into_iter().filter_map(listed).collect()
    }

    fn next(&mut self, name: &str, into: Option<&mut [u8]>) -> Result<(), String> {
        match into {
            Some(into) => read_exact(self.stream, name, into),
            None => {
                let bytes = self.metadata.info(name).map_or(0, size) as u64;
                let passed = io::copy(&mut (&mut *self.stream).take(bytes), &mut io::sink())
                    .map_err(|error| damaged(&error))?;
                if passed < bytes { Err(cut_off_within(name)) } else { Ok(()) }
            }
        }
    }
}

fn number_type(dtype: Dtype) -> Option<NumberType> {
    Some(match dtype {
        Dtype::BOOL => NumberType::Bool,
        Dtype::U8 => NumberType::U8,
        Dtype::I8 => NumberType::I8,
        Dtype::U16 => NumberType::U16,
        Dtype::I16 => NumberType::I16,
        Dtype::U32 => NumberType::U32,
        Dtype::I32 => NumberType::I32,
        Dtype::U64 => NumberType::U64,
        Dtype::I64 => NumberType::I64,
        Dtype::F16 => NumberType::F16,
        Dtype::BF16 => NumberType::BF16,
        Dtype::F32 => NumberType::F32,
        Dtype::F64 => NumberType::F64,
        _ => return None,
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

fn size(info: &TensorInfo) -> usize {
    // Never the wrong way round: the header was checked.
    info.data_offsets.1.saturating_sub(info.data_offsets.0)
}

pub(super) fn read_exact(stream: &mut dyn Read, name: &str, into: &mut [u8]) -> Result<(), String> {
    stream.read_exact(into).map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => cut_off_within(name),
        _ => damaged(&error),
    })
}

fn cut_off_within(name: &str) -> String {
    format!("it is cut off within {name}")
}

pub(super) fn damaged(error: &io::Error) -> String {
    format!("it cannot be read to its end: {error}")
}
