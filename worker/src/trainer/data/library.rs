//! The data sets that stay in host memory between trials.

use std::path::Path;
use std::rc::Rc;

use domain::spec::{DataSource, DataSpec, FileSource};

use super::arrays::Layouts;
use super::dataset::Dataset;
use super::{DataError, arrays, cifar, idx, python, synthetic};

/// Opens data sets and keeps the last one: the trials of a sweep come one after another and mostly share it. A kept one is
/// used as long as its files are the ones that were read, so a file that was changed is trained on as it is now.
#[derive(Debug, Default)]
pub struct Library {
    last: Option<(Key, Rc<Dataset>)>,
}

/// The description, and what else the examples depend on: a seed, how they are laid out, and for the user's own code the sweep.
#[derive(Debug, PartialEq)]
struct Key(DataSpec, Option<u64>, Layouts, Option<String>);

/// Who wants examples.
#[derive(Debug, Clone, Copy)]
pub struct Reader<'a> {
    /// The trial's seed.
    pub seed: u64,
    /// How its model takes them.
    pub layouts: Layouts,
    /// The sweep of the trial: what code of the user's reads besides files that are seen may change between sweeps.
    pub sweep_id: &'a str,
}

impl Library {
    /// The data set of a description, for this trial.
    ///
    /// # Errors
    /// [`DataError`] for files that are missing or broken.
    pub fn open(&mut self, spec: &DataSpec, reader: &Reader<'_>) -> Result<Rc<Dataset>, DataError> {
        let Reader { seed: trial_seed, layouts, sweep_id } = *reader;
        let seed = match &spec.source {
            DataSource::Synthetic(data) => Some(data.seed.unwrap_or(trial_seed)),
            _ => None,
        };
        let sweep = matches!(spec.source, DataSource::Python(_)).then(|| sweep_id.to_owned());
        let key = Key(spec.clone(), seed, layouts, sweep);
        if let Some((known, dataset)) = &self.last
            && *known == key
            && dataset.is_current()
        {
            return Ok(Rc::clone(dataset));
        }
        // The old one goes first: two large sets may not fit beside each other.
        self.last = None;
        let raw = match &spec.source {
            DataSource::Synthetic(data) => synthetic::make(data, seed.unwrap_or(trial_seed))?,
            DataSource::Idx(data) => idx::read(Path::new(&data.path))?,
            DataSource::Cifar10(data) => cifar::read(Path::new(&data.path), &cifar::CIFAR_10)?,
            DataSource::Cifar100(data) => cifar::read(Path::new(&data.path), &cifar::CIFAR_100)?,
            DataSource::Safetensors(data) => {
                arrays::read_safetensors(Path::new(on_this_disk(&data.file)?), data, layouts)?
            }
            DataSource::Python(code) => {
                on_this_disk(&code.file)?;
                python::read(code)?
            }
            DataSource::Npz(data) => arrays::read_npz(Path::new(on_this_disk(&data.file)?), data, layouts)?,
        };
        let dataset = Rc::new(raw.into_dataset(spec)?);
        self.last = Some((key, Rc::clone(&dataset)));
        Ok(dataset)
    }
}

/// The agent brings files that were sent along, and says where they are.
fn on_this_disk(file: &FileSource) -> Result<&str, DataError> {
    match file {
        FileSource::OnWorker(path) => Ok(path),
        FileSource::Upload(upload) => Err(DataError::Malformed {
            path: upload.name.clone(),
            reason: "it was sent along with the sweep, and not brought to the trainer".to_owned(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use domain::spec::{IdxData, Labels, Normalize, SyntheticData};

    use super::*;

    fn reader(seed: u64) -> Reader<'static> {
        Reader { seed, layouts: Layouts::Images, sweep_id: "" }
    }

    /// Two images of one pixel each, with these labels.
    fn write(folder: &Path, labels: [u8; 2]) {
        let images = [0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 1, 7, 8];
        fs::write(folder.join("train-images-idx3-ubyte"), images).unwrap();
        fs::write(folder.join("train-labels-idx1-ubyte"), [&[0, 0, 8, 1, 0, 0, 0, 2], &labels[..]].concat())
            .unwrap();
    }

    #[test]
    fn files_that_were_changed_or_removed_are_not_trained_on_as_they_were() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().to_str().unwrap().to_owned();
        let source = DataSource::Idx(IdxData { path });
        let spec = DataSpec { source, validation: 0, limit: None, normalize: Normalize::Unit };
        let mut library = Library::default();
        write(folder.path(), [0, 1]);
        let first = library.open(&spec, &reader(0)).unwrap();
        write(folder.path(), [1, 1]);
        let second = library.open(&spec, &reader(0)).unwrap();
        let targets = |data: &Dataset| data.target.integers().collect::<Vec<_>>();
        assert_eq!((targets(&first), targets(&second)), (vec![0, 1], vec![1, 1]));
        assert_ne!(first.sha256, second.sha256);
        fs::remove_file(folder.path().join("train-labels-idx1-ubyte")).unwrap();
        assert!(library.open(&spec, &reader(0)).unwrap_err().to_string().contains("no such file"));
    }

    #[test]
    fn examples_made_from_a_seed_are_kept() {
        let _exclusive = crate::trainer::exclusive();
        let labels = Labels::Teacher;
        let data = SyntheticData { examples: 4, features: vec![2], classes: 2, labels, seed: None };
        let source = DataSource::Synthetic(data);
        let spec = DataSpec { source, validation: 0, limit: None, normalize: Normalize::None };
        let mut library = Library::default();
        let first = library.open(&spec, &reader(0)).unwrap();
        assert!(Rc::ptr_eq(&first, &library.open(&spec, &reader(0)).unwrap()));
        assert!(!Rc::ptr_eq(&first, &library.open(&spec, &reader(1)).unwrap()));
    }
}
