use domain::run::{
    LogLevel, LogLine, MetricName, MetricPoint, OwnMetricName, Place, Record, Resumed, Split, SplitKind,
};

use crate::convert::fleet::attempt;
use crate::convert::{Wire, WireError, unspecified};
use crate::v1;

impl Wire for Record {
    type Message = v1::Record;

    fn to_wire(&self) -> v1::Record {
        use v1::record::Kind;
        let kind = match self {
            Self::Metric(point) => Kind::Metric(point.to_wire()),
            Self::Split(split) => Kind::Split(split.to_wire()),
            Self::Log(line) => Kind::Log(line.to_wire()),
            Self::Resumed(resumed) => Kind::Resumed(resumed.to_wire()),
        };
        v1::Record { kind: Some(kind) }
    }

    fn from_wire(message: v1::Record) -> Result<Self, WireError> {
        use v1::record::Kind;
        Ok(match message.kind.ok_or_else(|| unspecified("records.kind"))? {
            Kind::Metric(point) => Self::Metric(MetricPoint::from_wire(point)?),
            Kind::Split(split) => Self::Split(Split::from_wire(split)?),
            Kind::Log(line) => Self::Log(LogLine::from_wire(line)?),
            Kind::Resumed(resumed) => Self::Resumed(Resumed::from_wire(resumed)?),
        })
    }
}

impl Wire for MetricPoint {
    type Message = v1::MetricPoint;

    fn to_wire(&self) -> v1::MetricPoint {
        let Place { step, examples, seconds } = self.place;
        let (name, own_name) = name_to_wire(&self.name);
        v1::MetricPoint { name: name.into(), own_name, step, examples, seconds, value: self.value }
    }

    fn from_wire(message: v1::MetricPoint) -> Result<Self, WireError> {
        Ok(Self {
            name: name_from_wire(message.name(), &message.own_name)?,
            place: Place { step: message.step, examples: message.examples, seconds: message.seconds },
            value: message.value,
        })
    }
}

/// The number of a metric, and what one of a model's own is called.
fn name_to_wire(name: &MetricName) -> (v1::MetricName, String) {
    let number = match name {
        MetricName::TrainLoss => v1::MetricName::TrainLoss,
        MetricName::TrainSetLoss => v1::MetricName::TrainSetLoss,
        MetricName::LearningRate => v1::MetricName::LearningRate,
        MetricName::GradientNorm => v1::MetricName::GradientNorm,
        MetricName::ValidationLoss => v1::MetricName::ValidationLoss,
        MetricName::ValidationAccuracy => v1::MetricName::ValidationAccuracy,
        MetricName::ValidationError => v1::MetricName::ValidationError,
        MetricName::ValidationPerplexity => v1::MetricName::ValidationPerplexity,
        MetricName::Own(name) => return (v1::MetricName::Own, name.as_str().to_owned()),
    };
    (number, String::new())
}

fn name_from_wire(number: v1::MetricName, own_name: &str) -> Result<MetricName, WireError> {
    Ok(match number {
        v1::MetricName::TrainLoss => MetricName::TrainLoss,
        v1::MetricName::TrainSetLoss => MetricName::TrainSetLoss,
        v1::MetricName::LearningRate => MetricName::LearningRate,
        v1::MetricName::GradientNorm => MetricName::GradientNorm,
        v1::MetricName::ValidationLoss => MetricName::ValidationLoss,
        v1::MetricName::ValidationAccuracy => MetricName::ValidationAccuracy,
        v1::MetricName::ValidationError => MetricName::ValidationError,
        v1::MetricName::ValidationPerplexity => MetricName::ValidationPerplexity,
        v1::MetricName::Own => OwnMetricName::new(own_name)
            .map(MetricName::Own)
            .ok_or_else(|| WireError::new("records.metric.own_name", "is no name of a metric"))?,
        v1::MetricName::Unspecified => return Err(unspecified("records.metric.name")),
    })
}

impl Wire for Split {
    type Message = v1::Split;

    fn to_wire(&self) -> v1::Split {
        let kind = match self.kind {
            SplitKind::Planned => v1::SplitKind::Planned,
            SplitKind::Realized => v1::SplitKind::Realized,
        };
        v1::Split {
            from_step: self.from_step,
            micro_batch: self.micro_batch,
            accumulation_steps: self.accumulation_steps,
            kind: kind.into(),
            reason: self.reason.clone(),
            predicted_peak_bytes: self.predicted_peak_bytes,
        }
    }

    fn from_wire(message: v1::Split) -> Result<Self, WireError> {
        Ok(Self {
            kind: match message.kind() {
                v1::SplitKind::Planned => SplitKind::Planned,
                v1::SplitKind::Realized => SplitKind::Realized,
                v1::SplitKind::Unspecified => return Err(unspecified("records.split.kind")),
            },
            from_step: message.from_step,
            micro_batch: message.micro_batch,
            accumulation_steps: message.accumulation_steps,
            reason: message.reason,
            predicted_peak_bytes: message.predicted_peak_bytes,
        })
    }
}

impl Wire for LogLine {
    type Message = v1::LogLine;

    fn to_wire(&self) -> v1::LogLine {
        let level = match self.level {
            LogLevel::Info => v1::LogLevel::Info,
            LogLevel::Warning => v1::LogLevel::Warning,
            LogLevel::Error => v1::LogLevel::Error,
        };
        v1::LogLine { level: level.into(), text: self.text.clone() }
    }

    fn from_wire(message: v1::LogLine) -> Result<Self, WireError> {
        let level = match message.level() {
            v1::LogLevel::Info => LogLevel::Info,
            v1::LogLevel::Warning => LogLevel::Warning,
            v1::LogLevel::Error => LogLevel::Error,
            v1::LogLevel::Unspecified => return Err(unspecified("records.log.level")),
        };
        Ok(Self { level, text: message.text })
    }
}

impl Wire for Resumed {
    type Message = v1::Resumed;

    fn to_wire(&self) -> v1::Resumed {
        v1::Resumed { attempt: self.attempt.get(), last_seq: self.last_seq, step: self.step }
    }

    fn from_wire(message: v1::Resumed) -> Result<Self, WireError> {
        let attempt = attempt("records.resumed.attempt", message.attempt)?;
        Ok(Self { attempt, last_seq: message.last_seq, step: message.step })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wire_names_and_numbers_metrics_as_the_domain_does() {
        let wire = (1..).map_while(|number| v1::MetricName::try_from(number).ok());
        for (on_wire, name) in wire.zip(MetricName::ALL) {
            let word = on_wire.as_str_name().trim_start_matches("METRIC_NAME_").to_lowercase();
            assert_eq!((word.as_str(), i32::from(on_wire)), (name.word(), i32::from(name.number())));
            assert_eq!(name_to_wire(&name).0, on_wire);
        }
        let after = i32::try_from(MetricName::ALL.len() + 1).unwrap();
        assert_eq!(v1::MetricName::try_from(after), Ok(v1::MetricName::Own));
        assert!(v1::MetricName::try_from(after + 1).is_err());
    }
}
