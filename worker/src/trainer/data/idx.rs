//! MNIST's IDX format, plain or gzipped, under the names of torchvision and of Debian's data packages.
//!
//! A file is two zero bytes, one byte for the number type (8: unsigned bytes), one for the number of dimensions,
//! each dimension as four bytes (most significant first), then the numbers.

use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::DataError;
use super::column::{Column, Storage};
use super::files::{self, Files, MAX_BYTES, malformed};
use super::raw::Raw;

const IMAGES: &str = "train-images-idx3-ubyte";
const LABELS: &str = "train-labels-idx1-ubyte";

/// Reads the training images and labels of a folder.
pub(super) fn read(folder: &Path) -> Result<Raw, DataError> {
    let (images_path, labels_path) = (find(folder, IMAGES)?, find(folder, LABELS)?);
    let mut files = Files::default();
    let images = read_file(&mut files, &images_path, 3)?;
    let labels = read_file(&mut files, &labels_path, 1)?;
    let [count, height, width] = images.dimensions[..] else {
        unreachable!("read_file checked the dimensions")
    };
    if labels.dimensions[0] != count {
        let reason = format!(
            "it labels {} examples, but {} holds {count}",
            labels.dimensions[0],
            images_path.display()
        );
        return Err(malformed(&labels_path, reason));
    }
    if count == 0 || height == 0 || width == 0 {
        return Err(malformed(&images_path, format!("it holds {count} images of {height} x {width} pixels")));
    }
    let classes = u64::from(labels.numbers.iter().copied().max().unwrap_or(0)) + 1;
    let inputs = Column { storage: Storage::U8, shape: vec![1, height, width], bytes: images.numbers };
    let classes_of_rows: Vec<_> = labels.numbers.into_iter().map(i64::from).collect();
    Ok(Raw { origin: Some(files.origin()), ..Raw::classified(inputs, &classes_of_rows, classes.max(2)) })
}

struct IdxFile {
    dimensions: Vec<u64>,
    numbers: Vec<u8>,
}

/// The file of this name, with or without .gz, in the folder or in the `raw` folder that torchvision makes.
fn find(folder: &Path, name: &str) -> Result<PathBuf, DataError> {
    let dotted = name.replace("-idx", ".idx");
    let found = [folder.to_owned(), folder.join("raw")]
        .iter()
        .find_map(|folder| files::find(folder, name).or_else(|| files::find(folder, &dotted)));
    found.ok_or_else(|| DataError::Unreadable {
        path: folder.join(name).display().to_string(),
        source: io::Error::new(io::ErrorKind::NotFound, "no such file, with or without .gz"),
        help: format!("`data.path` names the folder that holds {IMAGES} and {LABELS} on the worker"),
    })
}

fn read_file(files: &mut Files, path: &Path, rank: u8) -> Result<IdxFile, DataError> {
    parse(&mut files.open(path)?, rank).map_err(|reason| malformed(path, reason))
}

/// Reads one IDX stream of unsigned bytes; the error is the reason alone.
fn parse(stream: &mut dyn Read, rank: u8) -> Result<IdxFile, String> {
    let mut magic = [0; 4];
    stream.read_exact(&mut magic).map_err(|error| header_error(&error))?;
    match magic {
        [0, 0, 8, found] if found == rank => {}
        [0, 0, 8, found] => return Err(format!("it has {found} dimensions, expected {rank}")),
        [0, 0, kind, _] => {
            return Err(format!("it holds numbers of type 0x{kind:02x}, expected unsigned bytes (0x08)"));
        }
        other => {
            return Err(format!("it begins with {other:02x?}, which is not an IDX file of unsigned bytes"));
        }
    }
    let mut dimensions = Vec::new();
    for _ in 0..rank {
        let mut size = [0; 4];
        stream.read_exact(&mut size).map_err(|error| header_error(&error))?;
        dimensions.push(u64::from(u32::from_be_bytes(size)));
    }
    let expected = dimensions.iter().try_fold(1u64, |product, &size| product.checked_mul(size));
    let expected = expected.filter(|&bytes| bytes <= MAX_BYTES).ok_or("its header asks for over 256 GiB")?;

    // Not reserved beforehand: a broken header must not take memory that the file does not fill.
    let mut numbers = Vec::new();
    let found =
        stream.take(expected).read_to_end(&mut numbers).map_err(|error| format!("it is damaged: {error}"))?;
    if (found as u64) < expected {
        return Err(format!(
            "it is cut off: {found} of the {expected} bytes that its header announces are there"
        ));
    }
    // Reading past the end also checks gzip's checksum.
    match stream.read(&mut [0]) {
        Ok(0) => Ok(IdxFile { dimensions, numbers }),
        Ok(_) => Err(format!("it goes on after the {expected} bytes that its header announces")),
        Err(error) => Err(format!("it is damaged: {error}")),
    }
}

fn header_error(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => "it ends within its header".to_owned(),
        _ => format!("it is damaged: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write;

    use domain::problem::TargetValues;
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use proptest::prelude::*;

    use super::*;

    fn idx(dimensions: &[u32], numbers: &[u8]) -> Vec<u8> {
        let mut file = vec![0, 0, 8, dimensions.len() as u8];
        dimensions.iter().for_each(|size| file.extend(size.to_be_bytes()));
        file.extend(numbers);
        file
    }

    fn folder(images: &[u8], labels: &[u8]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(IMAGES), images).unwrap();
        fs::write(folder.path().join(LABELS), labels).unwrap();
        folder
    }

    fn refusal(images: &[u8], labels: &[u8]) -> String {
        read(folder(images, labels).path()).unwrap_err().to_string()
    }

    #[test]
    fn images_and_labels_are_read_plain_or_gzipped() {
        let (images, labels) = (idx(&[2, 2, 3], &[7; 12]), idx(&[2], &[0, 4]));
        let folder = folder(&images, &labels);
        for gzipped in [false, true] {
            if gzipped {
                let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
                encoder.write_all(&images).unwrap();
                fs::remove_file(folder.path().join(IMAGES)).unwrap();
                fs::write(folder.path().join(format!("{IMAGES}.gz")), encoder.finish().unwrap()).unwrap();
            }
            let raw = read(folder.path()).unwrap();
            assert_eq!(
                (&raw.inputs[0].column.shape[..], raw.values),
                (&[1, 2, 3][..], TargetValues::Classes(5))
            );
            assert_eq!(raw.target.integers().collect::<Vec<_>>(), [0, 4]);
        }
    }

    #[test]
    fn a_missing_file_is_named() {
        let error = read(tempfile::tempdir().unwrap().path()).unwrap_err().to_string();
        assert!(error.contains(IMAGES) && error.contains("data.path"), "{error}");
    }

    #[test]
    fn damaged_and_mismatched_files_are_refused_with_the_reason() {
        let (images, labels) = (idx(&[2, 2, 3], &[7; 12]), idx(&[2], &[0, 4]));
        for (images, labels, reason) in [
            (&images[..20], &labels[..], "cut off: 4 of the 12 bytes"),
            (&images[..9], &labels, "ends within its header"),
            (&[&images[..], &[1]].concat(), &labels, "goes on after the 12 bytes"),
            (&images, &idx(&[3], &[0, 1, 2]), "labels 3 examples, but"),
            (&labels, &labels, "it has 1 dimensions, expected 3"),
            (&images, &images, "it has 3 dimensions, expected 1"),
            (b"\x89PNG\r\n", &labels, "which is not an IDX file"),
            (&[0, 0, 13, 3], &labels, "numbers of type 0x0d"),
            (&idx(&[u32::MAX; 3], &[]), &labels, "asks for over 256 GiB"),
            (&idx(&[0, 2, 2], &[]), &idx(&[0], &[]), "it holds 0 images"),
        ] {
            let refusal = refusal(images, labels);
            assert!(refusal.contains(reason), "{refusal:?} lacks {reason:?}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_panic(
            rank in 1u8..4,
            at in 0usize..40,
            mut bytes in prop::collection::vec(any::<u8>(), 0..40),
            magic: bool,
        ) {
            if magic {
                bytes = [idx(&[2, 2, 3], &[7; 12])[..at.min(28)].to_vec(), bytes].concat();
            }
            let parsed = parse(&mut &bytes[..], rank);
            if let Ok(file) = parsed {
                prop_assert_eq!(file.dimensions.iter().product::<u64>(), file.numbers.len() as u64);
            }
        }
    }
}
