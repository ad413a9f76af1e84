//! CIFAR-10 and CIFAR-100 in their binary version (Krizhevsky 2009; `cifar-10-binary.tar.gz`, `cifar-100-binary.tar.gz`),
//! plain or gzipped.
//!
//! A file is images one after another: the label, one byte (CIFAR-100: the coarse label, then the fine one), and 3072
//! bytes of pixels, 32 x 32 of red, then of green, then of blue, row by row. There is no header.
//!
//! Only the training files are read, those that are there in the order of their numbers. The test files are left for
//! the day when all choices are made; `data.validation` holds out the last training images.

use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::DataError;
use super::column::{Column, Storage};
use super::files::{self, Files, MAX_BYTES, malformed};
use super::raw::Raw;

const FEATURES: [u64; 3] = [3, 32, 32];
const PIXELS: usize = 3 * 32 * 32;
const IMAGES_AT_A_TIME: usize = 256;

/// One of the two formats.
#[derive(Debug)]
pub(super) struct Format {
    name: &'static str,
    /// The folder in the archive.
    folder: &'static str,
    files: &'static [&'static str],
    /// Labels of an image, and the classes of each; the last one is learned.
    labels: &'static [u8],
}

pub(super) const CIFAR_10: Format = Format {
    name: "CIFAR-10",
    folder: "cifar-10-batches-bin",
    files: &[
        "data_batch_1.bin",
        "data_batch_2.bin",
        "data_batch_3.bin",
        "data_batch_4.bin",
        "data_batch_5.bin",
    ],
    labels: &[10],
};

pub(super) const CIFAR_100: Format =
    Format { name: "CIFAR-100", folder: "cifar-100-binary", files: &["train.bin"], labels: &[20, 100] };

/// Reads the training images below a folder: in the archive's own folder if that is in it, else in itself.
pub(super) fn read(folder: &Path, format: &Format) -> Result<Raw, DataError> {
    let mut files = Files::default();
    let mut images = Images::default();
    let paths = find(folder, format)?;
    let remarks = missing(&paths, format).into_iter().collect();
    for path in paths {
        let mut contents = files.open(&path)?;
        images.read(&mut contents, format).map_err(|reason| malformed(&path, reason))?;
    }
    let inputs = Column { storage: Storage::U8, shape: FEATURES.to_vec(), bytes: images.pixels };
    let raw = Raw::classified(inputs, &images.labels, format.classes());
    Ok(Raw { origin: Some(files.origin()), remarks, ..raw })
}

fn find(folder: &Path, format: &Format) -> Result<Vec<PathBuf>, DataError> {
    let in_folder = |folder: &PathBuf| -> Option<Vec<PathBuf>> {
        let found: Vec<_> = format.files.iter().filter_map(|name| files::find(folder, name)).collect();
        (!found.is_empty()).then_some(found)
    };
    let found = [folder.join(format.folder), folder.to_owned()].iter().find_map(in_folder);
    found.ok_or_else(|| DataError::Unreadable {
        path: folder.join(format.files[0]).display().to_string(),
        source: io::Error::new(io::ErrorKind::NotFound, "no such file, with or without .gz"),
        help: format!(
            "`data.path` names the folder on the worker that holds {} of {}'s binary version (not the one for Python or \
             Matlab), or {} with it",
            format.files.join(", "),
            format.name,
            format.folder
        ),
    })
}

/// What is to be said where some of the files are not there.
fn missing(found: &[PathBuf], format: &Format) -> Option<String> {
    let is_there = |name: &str| {
        let of = |path: &PathBuf| path.file_name().and_then(|found| found.to_str()).map(str::to_owned);
        found.iter().filter_map(of).any(|found| found.trim_end_matches(".gz") == name)
    };
    let missing: Vec<&str> = format.files.iter().copied().filter(|name| !is_there(name)).collect();
    (!missing.is_empty()).then(|| {
        format!(
            "{} of the {} training files of {} are missing ({}), and only the others are trained on; for fewer examples, \
             set `limit` in [data] instead",
            missing.len(),
            format.files.len(),
            format.name,
            missing.join(", ")
        )
    })
}

#[derive(Debug, Default)]
struct Images {
    pixels: Vec<u8>,
    labels: Vec<i64>,
}

impl Images {
    /// Adds the images of a file; the error is the reason alone.
    fn read(&mut self, contents: &mut impl Read, format: &Format) -> Result<(), String> {
        let record = format.labels.len() + PIXELS;
        let mut buffer = Vec::with_capacity(IMAGES_AT_A_TIME * record);
        let mut images = 0;
        loop {
            buffer.clear();
            let mut piece = contents.by_ref().take((IMAGES_AT_A_TIME * record) as u64);
            piece.read_to_end(&mut buffer).map_err(|error| format!("it is damaged: {error}"))?;
            if buffer.is_empty() {
                break;
            }
            for image in buffer.chunks(record) {
                self.add(image, images, format)?;
                images += 1;
            }
            if self.pixels.len() as u64 > MAX_BYTES {
                return Err("it unpacks to over 256 GiB".to_owned());
            }
        }
        if images == 0 { Err("it holds no images".to_owned()) } else { Ok(()) }
    }

    fn add(&mut self, image: &[u8], index: u64, format: &Format) -> Result<(), String> {
        let place =
            || format!("image {index} (from 0, at byte {})", index * (format.labels.len() + PIXELS) as u64);
        if image.len() < format.labels.len() + PIXELS {
            return Err(format!(
                "it ends within {}: {} of the {} bytes of an image are there; it is cut off, or not {}'s binary version",
                place(),
                image.len(),
                format.labels.len() + PIXELS,
                format.name
            ));
        }
        let (labels, pixels) = image.split_at(format.labels.len());
        if let Some((label, classes)) =
            labels.iter().zip(format.labels).find(|(label, classes)| label >= classes)
        {
            return Err(format!(
                "{} has label {label}, but there are only {classes} classes, from 0; is it {}'s binary version?",
                place(),
                format.name
            ));
        }
        self.labels.extend(labels.last().map(|&label| i64::from(label)));
        self.pixels.extend_from_slice(pixels);
        Ok(())
    }
}

impl Format {
    fn classes(&self) -> u64 {
        self.labels.last().map_or(0, |&classes| u64::from(classes))
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

    fn targets(raw: &Raw) -> Vec<i64> {
        raw.target.integers().collect()
    }

    /// An image whose pixels count up from its seed.
    fn image(labels: &[u8], seed: usize) -> Vec<u8> {
        labels.iter().copied().chain((0..PIXELS).map(|index| (seed + index) as u8)).collect()
    }

    fn refusal(bytes: &[u8], format: &Format) -> String {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(format.files[0]), bytes).unwrap();
        read(folder.path(), format).unwrap_err().to_string()
    }

    #[test]
    fn training_batches_are_read_in_order_missing_ones_are_named_and_the_test_batch_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let write =
            |name: &str, images: &[Vec<u8>]| fs::write(folder.path().join(name), images.concat()).unwrap();
        write("data_batch_5.bin", &[image(&[9], 3)]);
        write("data_batch_2.bin", &[image(&[4], 1), image(&[0], 2)]);
        write("test_batch.bin", &[image(&[77], 0)]);
        let raw = read(folder.path(), &CIFAR_10).unwrap();
        assert_eq!(
            raw.remarks,
            [
                "3 of the 5 training files of CIFAR-10 are missing (data_batch_1.bin, data_batch_3.bin, data_batch_4.bin), and \
              only the others are trained on; for fewer examples, set `limit` in [data] instead"
            ]
        );
        let images = &raw.inputs[0].column;
        assert_eq!((&images.shape[..], raw.values), (&[3, 32, 32][..], TargetValues::Classes(10)));
        assert_eq!(targets(&raw), [4, 0, 9]);
        assert_eq!(images.bytes.len(), 3 * PIXELS);
        // The first pixel of each image's red, and the second of its blue.
        assert_eq!([0, 1, 2].map(|row| images.bytes[row * PIXELS]), [1, 2, 3]);
        assert_eq!(images.bytes[2 * PIXELS + 2049], (3 + 2049 % 256) as u8);
    }

    #[test]
    fn the_archives_own_folder_comes_first_and_files_may_be_gzipped() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("train.bin"), image(&[0, 1], 0)).unwrap();
        let inner = folder.path().join("cifar-100-binary");
        fs::create_dir(&inner).unwrap();
        let mut packed = GzEncoder::new(Vec::new(), Compression::default());
        packed.write_all(&[image(&[19, 99], 0), image(&[3, 2], 5)].concat()).unwrap();
        fs::write(inner.join("train.bin.gz"), packed.finish().unwrap()).unwrap();
        let raw = read(folder.path(), &CIFAR_100).unwrap();
        assert_eq!((raw.values, targets(&raw)), (TargetValues::Classes(100), vec![99, 2]), "the fine labels");
        assert!(raw.remarks.is_empty(), "all of its one file is there");
        let inner = read(&inner, &CIFAR_100).unwrap();
        assert_eq!((raw.origin.is_some(), targets(&inner)), (true, vec![99, 2]));
    }

    #[test]
    fn missing_files_are_named_with_what_to_fetch() {
        let error = read(tempfile::tempdir().unwrap().path(), &CIFAR_10).unwrap_err().to_string();
        for words in ["data_batch_1.bin", "data.path", "binary version", "cifar-10-batches-bin"] {
            assert!(error.contains(words), "{error:?} lacks {words:?}");
        }
    }

    #[test]
    fn damaged_and_mislabelled_files_are_refused_with_place_and_reason() {
        let two = [image(&[1], 0), image(&[2], 0)].concat();
        for (bytes, format, reasons) in [
            (
                &two[..4000],
                &CIFAR_10,
                ["ends within image 1 (from 0, at byte 3073)", "927 of the 3073 bytes"],
            ),
            (
                &[image(&[1], 0), image(&[10], 0)].concat(),
                &CIFAR_10,
                ["image 1 (from 0, at byte 3073)", "label 10"],
            ),
            (&image(&[20, 0], 0), &CIFAR_100, ["label 20, but there are only 20", "image 0"]),
            (&image(&[0, 100], 0), &CIFAR_100, ["label 100, but there are only 100", "image 0"]),
            (&[][..], &CIFAR_10, ["it holds no images", "data_batch_1.bin"]),
        ] {
            let refusal = refusal(bytes, format);
            assert!(reasons.iter().all(|reason| refusal.contains(reason)), "{refusal:?} lacks {reasons:?}");
        }
    }

    #[test]
    fn a_damaged_gzip_file_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let mut packed = GzEncoder::new(Vec::new(), Compression::default());
        packed.write_all(&image(&[1], 0)).unwrap();
        let mut packed = packed.finish().unwrap();
        let checksum = packed.len() - 8;
        packed[checksum] ^= 1;
        fs::write(folder.path().join("data_batch_1.bin.gz"), packed).unwrap();
        let error = read(folder.path(), &CIFAR_10).unwrap_err().to_string();
        assert!(error.contains("data_batch_1.bin.gz is not usable: it is damaged"), "{error}");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn whatever_the_bytes_they_are_read_whole_or_refused(
            length in 0usize..7000, seed: u64, low in 0u8..=255,
        ) {
            // Cheap noise: proptest's own vectors of this length are slow.
            let bytes: Vec<u8> = (0..length as u64)
                .map(|index| ((seed ^ index).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 56) as u8 & low)
                .collect();
            for format in [&CIFAR_10, &CIFAR_100] {
                let mut images = Images::default();
                let read = images.read(&mut &bytes[..], format);
                if read.is_ok() {
                    prop_assert_eq!(images.pixels.len() + images.labels.len() * format.labels.len(), length);
                    prop_assert!(images.labels.iter().all(|&label| (label as u64) < format.classes()));
                }
            }
        }
    }
}
