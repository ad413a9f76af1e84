//! `[model]`.

use domain::spec::{
    Argument, CnnModel, MlpModel, ModelSpec, Norm, PythonModel, ResNetModel, ScriptModel, Value,
};

use super::data::{file_from_wire, file_to_wire};
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
            Self::Python(python) => {
                let (path, upload) = file_to_wire(&python.file);
                let function = python.function.clone();
                let argument = |(name, value): &(String, Argument)| v1::Argument {
                    name: name.clone(),
                    value: Some(argument_to_wire(value)),
                };
                let arguments = python.arguments.iter().map(argument).collect();
                Kind::Python(v1::PythonModel { path, upload, function, arguments })
            }
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
            Kind::Python(model) => {
                let file = file_from_wire("model.upload", model.path, model.upload)?;
                let argument =
                    |argument: v1::Argument| Ok((argument.name, argument_from_wire(argument.value)?));
                let arguments =
                    model.arguments.into_iter().map(argument).collect::<Result<_, WireError>>()?;
                Self::Python(PythonModel { file, function: model.function, arguments })
            }
        })
    }
}

fn argument_to_wire(argument: &Argument) -> v1::ArgumentValue {
    use v1::argument_value::Kind;
    let kind = match argument {
        Argument::One(Value::Flag(flag)) => Kind::Flag(*flag),
        Argument::One(Value::Integer(number)) => Kind::Integer(*number),
        Argument::One(Value::Number(number)) => Kind::Number(*number),
        Argument::One(Value::Word(word)) => Kind::Word(word.clone()),
        Argument::List(items) => {
            Kind::List(v1::ArgumentList { values: items.iter().map(argument_to_wire).collect() })
        }
    };
    v1::ArgumentValue { kind: Some(kind) }
}

fn argument_from_wire(value: Option<v1::ArgumentValue>) -> Result<Argument, WireError> {
    use v1::argument_value::Kind;
    let kind = value.and_then(|value| value.kind).ok_or_else(|| missing("model.arguments"))?;
    Ok(match kind {
        Kind::Flag(flag) => Argument::One(Value::Flag(flag)),
        Kind::Integer(number) => Argument::One(Value::Integer(number)),
        Kind::Number(number) => Argument::One(Value::Number(number)),
        Kind::Word(word) => Argument::One(Value::Word(word)),
        Kind::List(list) => {
            let items = list.values.into_iter().map(|value| argument_from_wire(Some(value)));
            Argument::List(items.collect::<Result<_, _>>()?)
        }
    })
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
