//! `[data]`, and files that are sent along.

use domain::spec::{
    CifarData, DataSource, DataSpec, FileSource, IdxData, Labels, Normalize, SafetensorsData, SyntheticData,
    Upload,
};

use crate::convert::{Wire, WireError, missing, parsed};
use crate::v1;

impl Wire for DataSpec {
    type Message = v1::DataSpec;

    fn to_wire(&self) -> v1::DataSpec {
        let normalize = match self.normalize {
            Normalize::Unit => v1::Normalize::Unit,
            Normalize::Standard => v1::Normalize::Standard,
            Normalize::None => v1::Normalize::None,
        };
        v1::DataSpec {
            source: Some(source_to_wire(&self.source)),
            validation: self.validation,
            limit: self.limit,
            normalize: normalize.into(),
        }
    }

    fn from_wire(message: v1::DataSpec) -> Result<Self, WireError> {
        let normalize = match message.normalize() {
            v1::Normalize::Unit => Normalize::Unit,
            v1::Normalize::Standard => Normalize::Standard,
            v1::Normalize::None => Normalize::None,
            v1::Normalize::Unspecified => return Err(missing("data.normalize")),
        };
        let source = source_from_wire(message.source.ok_or_else(|| missing("data.format"))?)?;
        Ok(Self { source, validation: message.validation, limit: message.limit, normalize })
    }
}

fn source_to_wire(source: &DataSource) -> v1::data_spec::Source {
    use v1::data_spec::Source;
    match source {
        DataSource::Synthetic(data) => Source::Synthetic(v1::SyntheticData {
            examples: data.examples,
            features: data.features.clone(),
            classes: data.classes,
            labels: match data.labels {
                Labels::Random => v1::Labels::Random,
                Labels::Teacher => v1::Labels::Teacher,
            }
            .into(),
            seed: data.seed,
        }),
        DataSource::Idx(data) => Source::Idx(v1::IdxData { path: data.path.clone() }),
        DataSource::Cifar10(data) => Source::Cifar10(v1::CifarData { path: data.path.clone() }),
        DataSource::Cifar100(data) => Source::Cifar100(v1::CifarData { path: data.path.clone() }),
        DataSource::Safetensors(data) => {
            let (path, upload) = file_to_wire(&data.file);
            Source::Safetensors(v1::SafetensorsData { path, upload })
        }
    }
}

fn source_from_wire(source: v1::data_spec::Source) -> Result<DataSource, WireError> {
    use v1::data_spec::Source;
    Ok(match source {
        Source::Synthetic(data) => DataSource::Synthetic(SyntheticData {
            labels: match data.labels() {
                v1::Labels::Random => Labels::Random,
                v1::Labels::Teacher => Labels::Teacher,
                v1::Labels::Unspecified => return Err(missing("data.labels")),
            },
            examples: data.examples,
            features: data.features,
            classes: data.classes,
            seed: data.seed,
        }),
        Source::Idx(data) => DataSource::Idx(IdxData { path: data.path }),
        Source::Cifar10(data) => DataSource::Cifar10(CifarData { path: data.path }),
        Source::Cifar100(data) => DataSource::Cifar100(CifarData { path: data.path }),
        Source::Safetensors(data) => {
            let file = file_from_wire("data.upload", data.path, data.upload)?;
            DataSource::Safetensors(SafetensorsData { file })
        }
    })
}

/// `path` and `upload` of a section.
pub(super) fn file_to_wire(file: &FileSource) -> (String, Option<v1::Upload>) {
    match file {
        FileSource::OnWorker(path) => (path.clone(), None),
        FileSource::Upload(file) => (String::new(), Some(file.to_wire())),
    }
}

/// `path` or `upload` of a section; `field` is the latter's.
pub(super) fn file_from_wire(
    field: &'static str,
    path: String,
    sent: Option<v1::Upload>,
) -> Result<FileSource, WireError> {
    match sent {
        None => Ok(FileSource::OnWorker(path)),
        Some(_) if !path.is_empty() => Err(WireError::new(field, "excludes `path`: a file has one place")),
        Some(sent) => upload(field, sent).map(FileSource::Upload),
    }
}

/// A file that is sent along, in the field of that name.
///
/// # Errors
/// [`WireError`] when its hash is none.
pub fn upload(field: &'static str, message: v1::Upload) -> Result<Upload, WireError> {
    let v1::Upload { name, sha256, bytes } = message;
    let hash =
        parsed(field, &sha256).map_err(|error| WireError::new(field, format!("sha256 {}", error.problem)))?;
    Ok(Upload { name, hash, bytes })
}

impl Wire for Upload {
    type Message = v1::Upload;

    fn to_wire(&self) -> v1::Upload {
        v1::Upload { name: self.name.clone(), sha256: self.hash.to_string(), bytes: self.bytes }
    }

    fn from_wire(message: v1::Upload) -> Result<Self, WireError> {
        upload("upload", message)
    }
}
