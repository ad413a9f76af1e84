//! The data sets that stay in host memory between trials.

use std::path::Path;
use std::rc::Rc;

use domain::spec::{DataSource, DataSpec, FileSource};

use super::dataset::Dataset;
use super::{DataError, cifar, idx, safetensors, synthetic};

/// Opens data sets and keeps the last one: the trials of a sweep come one after another and mostly share it.
#[derive(Debug, Default)]
pub struct Library {
    last: Option<(Key, Rc<Dataset>)>,
}

/// The description, and the seed where the examples depend on it.
#[derive(Debug, PartialEq)]
struct Key(DataSpec, Option<u64>);

impl Library {
    /// The data set of a description, for a trial with this seed.
    ///
    /// # Errors
    /// [`DataError`] for files that are missing or broken.
    pub fn open(&mut self, spec: &DataSpec, trial_seed: u64) -> Result<Rc<Dataset>, DataError> {
        let seed = match &spec.source {
            DataSource::Synthetic(data) => Some(data.seed.unwrap_or(trial_seed)),
            _ => None,
        };
        let key = Key(spec.clone(), seed);
        if let Some((known, dataset)) = &self.last
            && *known == key
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
            DataSource::Safetensors(data) => safetensors::read(Path::new(on_this_disk(&data.file)?))?,
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
