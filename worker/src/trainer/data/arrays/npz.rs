//! NumPy's arrays: an .npz file, which is a zip of .npy files, or a folder of .npy files.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use zip::ZipArchive;
use zip::result::ZipError;

use super::safetensors::{damaged, read_exact};
use super::{Array, Arrays, Listed, NumberType};
use crate::trainer::data::DataError;
use crate::trainer::data::files::{Files, malformed, unreadable};
use crate::trainer::regular_file;

const EXTENSION: &str = ".npy";

/// A header of an array holds a type and a few sizes.
const MOST_HEADER_BYTES: usize = 1 << 16;

/// Characters of a header that an error shows.
const MOST_SHOWN: usize = 80;

/// Deflate packs at best about a thousand bytes into one, so a file that claims more is lying.
const MOST_PACKED: u64 = 1100;

/// An .npz file.
pub(super) struct Archive {
    zip: ZipArchive<File>,
    listed: Vec<Listed>,
    next: usize,
}

impl Archive {
    /// Looks at all headers. The error is a reason.
    pub fn open(path: &Path, files: &mut Files) -> Result<Self, String> {
        let file = files.whole(path).map_err(|error| match error {
            DataError::Unreadable { source, .. } if source.kind() == io::ErrorKind::NotFound => {
                "there is no such file; `data.path` names the .npz file on the worker".to_owned()
            }
            error => error.to_string(),
        })?;
        let mut zip = ZipArchive::new(file).map_err(|error| match error {
            ZipError::Io(error) => damaged(&error),
            other => format!("{other}; is it a file that np.savez wrote?"),
        })?;
        let mut listed = Vec::new();
        for index in 0..zip.len() {
            let mut entry = zip.by_index(index).map_err(|error| format!("it cannot be unpacked: {error}"))?;
            let name = entry.name().strip_suffix(EXTENSION).unwrap_or(entry.name()).to_owned();
            let (size, packed) = (entry.size(), entry.compressed_size());
            if size > packed.saturating_mul(MOST_PACKED).saturating_add(MOST_PACKED) {
                return Err(format!("{name} claims to be {size} bytes, packed into {packed}"));
            }
            listed.push(Listed { array: announced(&mut entry, &name, size), name });
        }
        Ok(Self { zip, listed, next: 0 })
    }
}

impl Arrays for Archive {
    fn list(&self) -> Vec<Listed> {
        self.listed.clone()
    }

    fn next(&mut self, name: &str, into: Option<&mut [u8]>) -> Result<(), String> {
        let index = self.next;
        self.next += 1;
        let Some(into) = into else { return Ok(()) };
        let mut entry =
            self.zip.by_index(index).map_err(|error| format!("it cannot be unpacked: {error}"))?;
        parse_header(&mut entry).map_err(|problem| format!("{name} {problem}"))?;
        read_exact(&mut entry, name, into)?;
        // The checksum is compared at the end alone.
        entry.read(&mut [0]).map(drop).map_err(|error| damaged(&error))
    }
}

/// A folder of .npy files.
pub(super) struct Folder<'a> {
    files: &'a mut Files,
    /// With their paths.
    arrays: Vec<(PathBuf, Listed)>,
    next: usize,
}

impl<'a> Folder<'a> {
    /// Looks at the headers of the files that are used; of the others only the names count.
    pub fn open(
        folder: &Path,
        is_used: impl Fn(&str) -> bool,
        files: &'a mut Files,
    ) -> Result<Self, DataError> {
        let mut paths = Vec::new();
        for entry in fs::read_dir(folder).map_err(|source| unreadable(folder, source))? {
            paths.push(entry.map_err(|source| unreadable(folder, source))?.path());
        }
        paths.sort();
        let mut arrays = Vec::new();
        for path in paths {
            let file_name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let Some(name) = file_name.strip_suffix(EXTENSION) else { continue };
            let array = if is_used(name) {
                let mut file = regular_file::open(&path).map_err(|source| unreadable(&path, source))?;
                let length = file.metadata().map_err(|source| unreadable(&path, source))?.len();
                announced(&mut file, name, length)
            } else {
                Err("is not used".to_owned())
            };
            arrays.push((path, Listed { name: name.to_owned(), array }));
        }
        if arrays.is_empty() {
            return Err(malformed(folder, "it holds no .npy files"));
        }
        Ok(Self { files, arrays, next: 0 })
    }
}

impl Arrays for Folder<'_> {
    fn list(&self) -> Vec<Listed> {
        self.arrays.iter().map(|(_, listed)| listed.clone()).collect()
    }

    fn next(&mut self, name: &str, into: Option<&mut [u8]>) -> Result<(), String> {
        let index = self.next;
        self.next += 1;
        let (Some(into), Some((path, _))) = (into, self.arrays.get(index)) else { return Ok(()) };
        let mut file = self.files.open(path).map_err(|error| error.to_string())?;
        parse_header(&mut file).map_err(|problem| format!("{name} {problem}"))?;
        read_exact(&mut file, name, into)
    }
}

/// The array that an .npy file of this length announces: numpy/lib/format.py, versions 1 to 3.
fn announced(file: &mut dyn Read, name: &str, length: u64) -> Result<Array, String> {
    let (numbers, shape, header) = parse_header(file)?;
    let bytes = shape.iter().fold(numbers.size(), |bytes, &size| bytes.saturating_mul(size));
    match header.checked_add(bytes as u64) {
        Some(whole) if whole == length => Ok(Array { name: name.to_owned(), numbers, shape, bytes }),
        _ => Err(format!("is {length} bytes long, which is not what its header announces")),
    }
}

/// The type and the shape in a header, and its length.
fn parse_header(file: &mut dyn Read) -> Result<(NumberType, Vec<usize>, u64), String> {
    let short = |_| "is no array: it ends within its header".to_owned();
    let mut start = [0; 8];
    file.read_exact(&mut start).map_err(short)?;
    let [magic @ .., version, _] = start;
    if magic != *b"\x93NUMPY" {
        return Err("is no array of NumPy's".to_owned());
    }
    let (length, before) = match version {
        1 => {
            let mut length = [0; 2];
            file.read_exact(&mut length).map_err(short)?;
            (usize::from(u16::from_le_bytes(length)), 10)
        }
        2 | 3 => {
            let mut length = [0; 4];
            file.read_exact(&mut length).map_err(short)?;
            (u32::from_le_bytes(length) as usize, 12)
        }
        other => {
            return Err(format!(
                "is an array in version {other} of NumPy's format; versions 1 to 3 are read"
            ));
        }
    };
    if length > MOST_HEADER_BYTES {
        return Err(format!("has a header of {length} bytes"));
    }
    let mut text = vec![0; length];
    file.read_exact(&mut text).map_err(short)?;
    let text = String::from_utf8_lossy(&text);
    let odd = || format!("has a header that is not in order: {}", excerpt(&text));
    let numbers = number_type(value(&text, "descr").ok_or_else(odd)?)?;
    let shape = value(&text, "shape").and_then(sizes).ok_or_else(odd)?;
    if value(&text, "fortran_order").ok_or_else(odd)? == "True" && shape.len() > 1 {
        return Err("is in Fortran's order; save np.ascontiguousarray of it".to_owned());
    }
    Ok((numbers, shape, (before + length) as u64))
}

/// The text of a value in the header's dictionary, as in `{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }`.
fn value<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(&format!("'{key}':"))?;
    let rest = rest.trim_start();
    let end = match rest.chars().next()? {
        '(' => rest.find(')')? + 1,
        '[' => rest.find(']')? + 1,
        _ => rest.find([',', '}'])?,
    };
    Some(rest[..end].trim())
}

fn sizes(tuple: &str) -> Option<Vec<usize>> {
    let inner = tuple.strip_prefix('(')?.strip_suffix(')')?;
    inner.split(',').map(str::trim).filter(|size| !size.is_empty()).map(|size| size.parse().ok()).collect()
}

/// As much of a header as an error can show.
fn excerpt(text: &str) -> String {
    let text = text.trim();
    match text.char_indices().nth(MOST_SHOWN) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}

fn number_type(described: &str) -> Result<NumberType, String> {
    let word = described.trim_matches(['\'', '"']);
    Ok(match word {
        "|b1" => NumberType::Bool,
        "|u1" => NumberType::U8,
        "|i1" => NumberType::I8,
        "<u2" => NumberType::U16,
        "<i2" => NumberType::I16,
        "<u4" => NumberType::U32,
        "<i4" => NumberType::I32,
        "<u8" => NumberType::U64,
        "<i8" => NumberType::I64,
        "<f2" => NumberType::F16,
        "<f4" => NumberType::F32,
        "<f8" => NumberType::F64,
        "|O" => return Err("holds Python objects; save an array of numbers".to_owned()),
        _ if word.starts_with('>') => {
            return Err(format!(
                "holds numbers of another byte order ({}); save it as '<{}'",
                excerpt(word),
                excerpt(&word[1..])
            ));
        }
        _ => {
            return Err(format!(
                "holds {} values; save it as float32, or as int64 where it holds integers",
                excerpt(word)
            ));
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn npy(header: &str, data: &[u8]) -> Vec<u8> {
        let mut text = header.to_owned();
        while !(10 + text.len() + 1).is_multiple_of(64) {
            text.push(' ');
        }
        text.push('\n');
        [b"\x93NUMPY\x01\x00", &(text.len() as u16).to_le_bytes()[..], text.as_bytes(), data].concat()
    }

    #[test]
    fn headers_are_read_as_numpy_writes_them() {
        for (text, numbers, shape) in [
            ("{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }", NumberType::F32, vec![3, 4]),
            ("{'descr': '|u1', 'fortran_order': False, 'shape': (3,), }", NumberType::U8, vec![3]),
            ("{'descr': '<i8', 'fortran_order': True, 'shape': (3,), }", NumberType::I64, vec![3]),
            ("{'descr': '|b1', 'fortran_order': False, 'shape': (), }", NumberType::Bool, vec![]),
        ] {
            let file = npy(text, &[]);
            assert_eq!(parse_header(&mut &file[..]).unwrap(), (numbers, shape, file.len() as u64));
        }
    }

    #[test]
    fn what_is_no_array_of_numbers_is_refused_with_the_reason() {
        for (file, reason) in [
            (b"PK".to_vec(), "ends within its header"),
            (b"not an array at all".to_vec(), "is no array of NumPy's"),
            (npy("{'descr': '|O', 'fortran_order': False, 'shape': (3,), }", &[]), "holds Python objects"),
            (npy("{'descr': '>f4', 'fortran_order': False, 'shape': (3,), }", &[]), "save it as '<f4'"),
            (npy("{'descr': '<U5', 'fortran_order': False, 'shape': (3,), }", &[]), "holds <U5 values"),
            (npy("{'descr': '<f4', 'fortran_order': True, 'shape': (3, 2), }", &[]), "Fortran's order"),
            (
                npy("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (3,), }", &[]),
                "holds [('a', '<f4')] values",
            ),
            (npy("{'descr': '<f4', 'fortran_order': False, 'shape': (-3,), }", &[]), "not in order"),
            (npy("nonsense", &[]), "not in order"),
            (npy(&"nonsense ".repeat(1000), &[]), "not in order"),
            (
                npy(
                    &format!(
                        "{{'descr': '<U{}', 'fortran_order': False, 'shape': (3,), }}",
                        "5".repeat(9000)
                    ),
                    &[],
                ),
                "values",
            ),
        ] {
            let refusal = parse_header(&mut &file[..]).unwrap_err();
            assert!(refusal.contains(reason), "{refusal:?} lacks {reason:?}");
            assert!(refusal.len() < 200, "{refusal:?}");
        }
    }
}
