//! `[model]`.

use domain::spec::{CnnModel, MlpModel, ModelSpec, Norm, ResNetModel, ScriptModel};

use super::code::{code_from_wire, code_to_wire};
use super::file::{file_from_wire, file_to_wire};
use crate::convert::{Wire, WireError, missing, word};
use crate::v1;

impl Wire for ModelSpec {
    type Message = v1::ModelSpec;

    fn to_wire(&self) -> v1::ModelSpec {
        use v1::model_spec::Kind;
        let kind = match self {
            Self::Linear => Kind::Linear(v1::LinearModel {}),
            Self::Mlp(mlp) => Kind::Mlp(v1::MlpModel { hidden: mlp.hidden.clone(), dropout: mlp.dropout }),
            Self::Cnn(cnn) => Kind::Cnn(v1::CnnModel {
                channels: cnn.channels.clone(),
                hidden: cnn.hidden.clone(),
                kernel: Some(cnn.kernel),
                pooling: Some(cnn.pooling),
                dropout: cnn.dropout,
                norm: Some(cnn.norm.word().to_owned()),
            }),
            Self::ResNet(resnet) => Kind::Resnet(v1::ResNetModel {
                depth: resnet.depth,
                width: resnet.width,
                norm: resnet.norm.word().to_owned(),
            }),
            Self::TorchScript(script) => {
                let (path, upload) = file_to_wire(&script.file);
                Kind::Torchscript(v1::ScriptModel { path, upload })
            }
            Self::Python(code) => Kind::Python(code_to_wire(code)),
        };
        v1::ModelSpec { kind: Some(kind) }
    }

    fn from_wire(message: v1::ModelSpec) -> Result<Self, WireError> {
        use v1::model_spec::Kind;
        Ok(match message.kind.ok_or_else(|| missing("model.kind"))? {
            Kind::Linear(_) => Self::Linear,
            Kind::Mlp(model) => Self::Mlp(MlpModel { hidden: model.hidden, dropout: model.dropout }),
            Kind::Cnn(model) => Self::Cnn(cnn_from_wire(model)?),
            Kind::Resnet(model) => Self::ResNet(ResNetModel {
                depth: model.depth,
                width: model.width,
                norm: word("model.norm", &Norm::ALL, &model.norm)?,
            }),
            Kind::Torchscript(model) => {
                let file = file_from_wire("model.upload", model.path, model.upload)?;
                Self::TorchScript(ScriptModel { file })
            }
            Kind::Python(code) => Self::Python(code_from_wire("model.upload", code)?),
        })
    }
}

/// What an older client does not send has the default of the sweep file.
fn cnn_from_wire(model: v1::CnnModel) -> Result<CnnModel, WireError> {
    let default = CnnModel::default();
    let norm = model.norm.map(|norm| word("model.norm", &Norm::ALL, &norm)).transpose()?;
    Ok(CnnModel {
        channels: model.channels,
        kernel: model.kernel.unwrap_or(default.kernel),
        pooling: model.pooling.unwrap_or(default.pooling),
        hidden: model.hidden,
        dropout: model.dropout,
        norm: norm.unwrap_or(default.norm),
    })
}
