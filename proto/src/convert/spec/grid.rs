//! `[grid]`.

use domain::spec::{
    BatchSizeAxis, GridSpec, LearningRateAxis, ModelAxis, ScalingRule, TrainAxis, TrainKey, Value,
};

use crate::convert::{Wire, WireError, missing, required, word};
use crate::v1;

impl Wire for GridSpec {
    type Message = v1::GridSpec;

    fn to_wire(&self) -> v1::GridSpec {
        v1::GridSpec {
            batch_size: Some(self.batch_size.to_wire()),
            learning_rate: Some(self.learning_rate.to_wire()),
            train: self.train.iter().map(Wire::to_wire).collect(),
            model: self.model.iter().map(Wire::to_wire).collect(),
            seed: self.seed.clone(),
        }
    }

    fn from_wire(message: v1::GridSpec) -> Result<Self, WireError> {
        Ok(Self {
            batch_size: required("grid.batch_size", message.batch_size)?,
            learning_rate: required("grid.learning_rate", message.learning_rate)?,
            train: message.train.into_iter().map(TrainAxis::from_wire).collect::<Result<_, _>>()?,
            model: message.model.into_iter().map(ModelAxis::from_wire).collect::<Result<_, _>>()?,
            seed: message.seed,
        })
    }
}

impl Wire for BatchSizeAxis {
    type Message = v1::BatchSizeAxis;

    fn to_wire(&self) -> v1::BatchSizeAxis {
        use v1::batch_size_axis::Axis;
        let axis = match self {
            Self::List(values) => Axis::List(v1::Integers { values: values.clone() }),
            &Self::Geometric { from, to, factor } => Axis::Geometric(v1::GeometricAxis { from, to, factor }),
        };
        v1::BatchSizeAxis { axis: Some(axis) }
    }

    fn from_wire(message: v1::BatchSizeAxis) -> Result<Self, WireError> {
        use v1::batch_size_axis::Axis;
        Ok(match message.axis.ok_or_else(|| missing("grid.batch_size"))? {
            Axis::List(list) => Self::List(list.values),
            Axis::Geometric(v1::GeometricAxis { from, to, factor }) => Self::Geometric { from, to, factor },
        })
    }
}

impl Wire for LearningRateAxis {
    type Message = v1::LearningRateAxis;

    fn to_wire(&self) -> v1::LearningRateAxis {
        use v1::learning_rate_axis::Axis;
        let axis = match self {
            Self::List(values) => Axis::List(v1::Numbers { values: values.clone() }),
            &Self::LogSpaced { from, to, count } => Axis::LogSpaced(v1::LogSpacedAxis { from, to, count }),
            Self::Scaled { base, at, rule, times } => {
                let rule = match rule {
                    ScalingRule::Linear => v1::ScalingRule::Linear,
                    ScalingRule::Sqrt => v1::ScalingRule::Sqrt,
                };
                let (base, at, times) = (*base, *at, times.clone());
                Axis::Scaled(v1::ScaledAxis { base, at, rule: rule.into(), times })
            }
        };
        v1::LearningRateAxis { axis: Some(axis) }
    }

    fn from_wire(message: v1::LearningRateAxis) -> Result<Self, WireError> {
        use v1::learning_rate_axis::Axis;
        Ok(match message.axis.ok_or_else(|| missing("grid.learning_rate"))? {
            Axis::List(list) => Self::List(list.values),
            Axis::LogSpaced(v1::LogSpacedAxis { from, to, count }) => Self::LogSpaced { from, to, count },
            Axis::Scaled(axis) => Self::Scaled {
                rule: match axis.rule() {
                    v1::ScalingRule::Linear => ScalingRule::Linear,
                    v1::ScalingRule::Sqrt => ScalingRule::Sqrt,
                    v1::ScalingRule::Unspecified => return Err(missing("grid.learning_rate.rule")),
                },
                base: axis.base,
                at: axis.at,
                times: axis.times,
            },
        })
    }
}

impl Wire for TrainAxis {
    type Message = v1::TrainAxis;

    fn to_wire(&self) -> v1::TrainAxis {
        let values = self.values.iter().map(Wire::to_wire).collect();
        v1::TrainAxis { key: self.key.word().to_owned(), values }
    }

    fn from_wire(message: v1::TrainAxis) -> Result<Self, WireError> {
        let key = word("grid", &TrainKey::ALL, &message.key)?;
        let values = message.values.into_iter().map(Value::from_wire).collect::<Result<_, _>>()?;
        Ok(Self { key, values })
    }
}

impl Wire for ModelAxis {
    type Message = v1::ModelAxis;

    fn to_wire(&self) -> v1::ModelAxis {
        v1::ModelAxis { key: self.key.clone(), values: self.values.iter().map(Wire::to_wire).collect() }
    }

    fn from_wire(message: v1::ModelAxis) -> Result<Self, WireError> {
        let values = message.values.into_iter().map(Value::from_wire).collect::<Result<_, _>>()?;
        Ok(Self { key: message.key, values })
    }
}

impl Wire for Value {
    type Message = v1::Value;

    fn to_wire(&self) -> v1::Value {
        use v1::value::Kind;
        let kind = match self {
            Self::Integer(value) => Kind::Integer(*value),
            Self::Number(value) => Kind::Number(*value),
            Self::Flag(value) => Kind::Flag(*value),
            Self::Word(value) => Kind::Word(value.clone()),
        };
        v1::Value { kind: Some(kind) }
    }

    fn from_wire(message: v1::Value) -> Result<Self, WireError> {
        use v1::value::Kind;
        Ok(match message.kind.ok_or_else(|| missing("grid"))? {
            Kind::Integer(value) => Self::Integer(value),
            Kind::Number(value) => Self::Number(value),
            Kind::Flag(value) => Self::Flag(value),
            Kind::Word(value) => Self::Word(value),
        })
    }
}
