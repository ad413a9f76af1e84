//! Examples in host memory.

use domain::architecture::DataShape;
use domain::spec::{DataSpec, Normalize};

use super::DataError;

/// Training examples followed by validation examples, one row each.
#[derive(Debug)]
pub struct Dataset {
    /// Counts, shape of an example's input, classes.
    pub shape: DataShape,
    /// The inputs, row by row.
    pub inputs: Inputs,
    /// The class of each row.
    pub targets: Vec<i64>,
    /// What is still to be done to the inputs.
    pub scaling: Scaling,
}

/// Inputs as stored.
#[derive(Debug)]
pub enum Inputs {
    /// One byte a number, as in image files.
    Bytes(Vec<u8>),
    /// Four bytes a number.
    Floats(Vec<f32>),
}

/// From stored numbers to what the model sees, besides the conversion to its precision.
#[derive(Debug, Clone, PartialEq)]
pub enum Scaling {
    /// Nothing.
    None,
    /// Divide by 255.
    Unit,
    /// Subtract the mean and divide by the standard deviation, channel by channel.
    Standard {
        /// One a channel.
        means: Vec<f64>,
        /// One a channel.
        deviations: Vec<f64>,
    },
}

/// What a reader found, before the limit and the hold-out.
#[derive(Debug)]
pub(super) struct Raw {
    pub features: Vec<u64>,
    pub classes: u64,
    pub inputs: Inputs,
    pub targets: Vec<i64>,
}

impl Raw {
    /// Takes the first `limit` examples, holds out the last ones of these, and settles how inputs are scaled.
    pub(super) fn into_dataset(mut self, spec: &DataSpec) -> Result<Dataset, DataError> {
        let found = self.targets.len() as u64;
        let available = spec.limit.map_or(found, |limit| limit.min(found));
        let train_examples = available
            .checked_sub(spec.validation)
            .filter(|&train| train > 0)
            .ok_or(DataError::NothingToTrainOn { validation: spec.validation, available })?;
        let row: u64 = self.features.iter().product();
        self.targets.truncate(available as usize);
        self.inputs.truncate((available * row) as usize);
        let shape = DataShape {
            train_examples,
            validation_examples: spec.validation,
            features: self.features,
            classes: self.classes,
        };
        let scaling = self.inputs.scaling(spec.normalize, &shape);
        Ok(Dataset { shape, inputs: self.inputs, targets: self.targets, scaling })
    }
}

impl Dataset {
    /// Training and validation examples together.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.targets.len() as u64
    }
}

impl Inputs {
    fn truncate(&mut self, numbers: usize) {
        match self {
            Self::Bytes(bytes) => bytes.truncate(numbers),
            Self::Floats(floats) => floats.truncate(numbers),
        }
    }

    fn scaling(&self, normalize: Normalize, shape: &DataShape) -> Scaling {
        match (normalize, self) {
            (Normalize::None, _) | (Normalize::Unit, Self::Floats(_)) => Scaling::None,
            (Normalize::Unit, Self::Bytes(_)) => Scaling::Unit,
            (Normalize::Standard, Self::Bytes(bytes)) => standard(bytes, shape),
            (Normalize::Standard, Self::Floats(floats)) => standard(floats, shape),
        }
    }
}

/// The training set's own mean and standard deviation of each channel: of the first dimension of images, of all
/// numbers together where an example has no image shape.
fn standard<T: Copy + Into<f64>>(numbers: &[T], shape: &DataShape) -> Scaling {
    let row = shape.feature_elements() as usize;
    let channels = if shape.features.len() == 3 { shape.features[0] as usize } else { 1 };
    let plane = row / channels;
    let of_channel = |channel: usize| {
        let rows = numbers.chunks_exact(row).take(shape.train_examples as usize);
        rows.flat_map(move |row| &row[channel * plane..(channel + 1) * plane]).map(|&number| number.into())
    };
    let count = (shape.train_examples as usize * plane) as f64;
    let means: Vec<f64> = (0..channels).map(|channel| of_channel(channel).sum::<f64>() / count).collect();
    let deviations = (0..channels).map(|channel| {
        let squares: f64 = of_channel(channel).map(|number| (number - means[channel]).powi(2)).sum();
        let deviation = (squares / count).sqrt();
        // A constant channel carries nothing; divided by 1 it becomes 0 instead of NaN.
        if deviation > 0.0 { deviation } else { 1.0 }
    });
    Scaling::Standard { deviations: deviations.collect(), means: means.clone() }
}

#[cfg(test)]
mod tests {
    use domain::spec::{DataSource, IdxData};

    use super::*;

    fn raw() -> Raw {
        let inputs = Inputs::Bytes((0..40).collect());
        Raw { features: vec![2, 2, 2], classes: 3, inputs, targets: vec![0, 1, 2, 0, 1] }
    }

    fn spec(limit: Option<u64>, validation: u64) -> DataSpec {
        let source = DataSource::Idx(IdxData { path: "x".into() });
        DataSpec { source, validation, limit, normalize: Normalize::Standard }
    }

    #[test]
    fn the_limit_is_taken_first_and_the_hold_out_off_its_end() {
        let data = raw().into_dataset(&spec(Some(4), 1)).unwrap();
        assert_eq!((data.shape.train_examples, data.shape.validation_examples, data.rows()), (3, 1, 4));
        assert_eq!(data.targets, [0, 1, 2, 0]);
        assert!(matches!(data.inputs, Inputs::Bytes(bytes) if bytes.len() == 32));
    }

    #[test]
    fn statistics_are_the_training_sets_own_and_one_a_channel() {
        let data = raw().into_dataset(&spec(Some(3), 1)).unwrap();
        // Two training rows: channel 0 holds 0..4 and 8..12, channel 1 holds 4..8 and 12..16.
        let deviation = (17.25f64).sqrt();
        assert_eq!(data.scaling, Scaling::Standard { means: vec![5.5, 9.5], deviations: vec![deviation; 2] });
    }

    #[test]
    fn a_hold_out_of_everything_is_refused() {
        let error = raw().into_dataset(&spec(None, 5)).unwrap_err();
        assert!(error.to_string().contains("holding out 5 of 5 examples"), "{error}");
    }
}
