//! `[data]`.

use domain::spec::{ArrayData, CifarData, DataSource, DataSpec, IdxData, Labels, Normalize, SyntheticData};

use super::code::{code_from_wire, code_to_wire};
use super::file::{file_from_wire, file_to_wire};
use crate::convert::{Wire, WireError, missing};
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
        DataSource::Safetensors(data) => Source::Safetensors(arrays_to_wire(data)),
        DataSource::Npz(data) => Source::Npz(arrays_to_wire(data)),
        DataSource::Python(code) => Source::Python(code_to_wire(code)),
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
        Source::Safetensors(data) => DataSource::Safetensors(arrays_from_wire(data)?),
        Source::Npz(data) => DataSource::Npz(arrays_from_wire(data)?),
        Source::Python(code) => DataSource::Python(code_from_wire("data.upload", code)?),
    })
}

fn arrays_to_wire(data: &ArrayData) -> v1::ArrayData {
    let (path, upload) = file_to_wire(&data.file);
    let target = data.target.clone().unwrap_or_default();
    v1::ArrayData { path, upload, inputs: data.inputs.clone(), target }
}

fn arrays_from_wire(data: v1::ArrayData) -> Result<ArrayData, WireError> {
    Ok(ArrayData {
        file: file_from_wire("data.upload", data.path, data.upload)?,
        inputs: data.inputs,
        target: Some(data.target).filter(|name| !name.is_empty()),
    })
}
