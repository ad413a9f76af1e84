//! Examples in host memory.

use std::collections::HashSet;
use std::fmt;

use domain::architecture::DataShape;
use domain::spec::{DataSpec, Normalize, Precision};
use domain::units::ContentHash;

use super::DataError;
use super::files::Origin;
use super::identity::FileIdentity;
use super::inputs::{Inputs, Storage};
use super::statistics::by_channel;

/// Training examples followed by validation examples, one row each.
pub struct Dataset {
    /// Counts, shape of an example's input, classes.
    pub shape: DataShape,
    /// The inputs, row by row, in the number type of their file.
    pub inputs: Inputs,
    /// The class of each row.
    pub targets: Vec<i64>,
    /// What is still to be done to the inputs.
    pub scaling: Scaling,
    /// Hash of the contents of the files that were read, unpacked, one after another: of all that is in them, whatever
    /// `limit` says. `None` for examples that are made from a seed.
    pub sha256: Option<ContentHash>,
    /// The files that were read; none for examples that are made from a seed.
    files: Vec<FileIdentity>,
    has_own_validation: bool,
    /// Classes that a row has.
    occurring_classes: u64,
    /// What the user should know of what was read.
    remarks: Vec<String>,
    /// The first number that is over float32's range, with its row.
    over_float32: Option<(u64, f64)>,
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
    /// Training examples, followed by the validation examples that the data brings itself.
    pub inputs: Inputs,
    pub targets: Vec<i64>,
    pub own_validation: Option<u64>,
    pub origin: Option<Origin>,
    /// What the user should know of what was read.
    pub remarks: Vec<String>,
}

impl Raw {
    /// Takes the first `limit` training examples, holds out the last ones of these, and settles how inputs are scaled.
    pub(super) fn into_dataset(mut self, spec: &DataSpec) -> Result<Dataset, DataError> {
        if self.own_validation.is_some() && spec.validation > 0 {
            return Err(DataError::TwoValidationSets { validation: spec.validation });
        }
        let found = self.targets.len() as u64 - self.own_validation.unwrap_or(0);
        let available = spec.limit.map_or(found, |limit| limit.min(found));
        let train_examples = available
            .checked_sub(spec.validation)
            .filter(|&train| train > 0)
            .ok_or(DataError::NothingToTrainOn { validation: spec.validation, available })?;
        self.leave_out(available as usize, found as usize);
        let shape = DataShape {
            train_examples,
            validation_examples: self.own_validation.unwrap_or(spec.validation),
            features: self.features,
            classes: self.classes,
        };
        let scaling = scaling(spec.normalize, &self.inputs, &shape)?;
        let sha256 = self.origin.as_ref().map(|origin| origin.sha256);
        let files = self.origin.take().map(|origin| origin.files).unwrap_or_default();
        let row = shape.feature_elements().max(1);
        let over_float32 = self.inputs.first_over_float32().map(|(place, value)| (place as u64 / row, value));
        let has_own_validation = self.own_validation.is_some();
        let occurring_classes = self.targets.iter().collect::<HashSet<_>>().len() as u64;
        let Self { inputs, targets, remarks, .. } = self;
        Ok(Dataset {
            shape,
            inputs,
            targets,
            scaling,
            sha256,
            files,
            has_own_validation,
            occurring_classes,
            remarks,
            over_float32,
        })
    }

    /// Drops the rows from `start` to before `end`, and their memory.
    fn leave_out(&mut self, start: usize, end: usize) {
        if start == end {
            return;
        }
        let row = self.features.iter().product::<u64>() as usize * self.inputs.storage.size();
        self.targets.drain(start..end);
        self.inputs.bytes.drain(start * row..end * row);
        self.targets.shrink_to_fit();
        self.inputs.bytes.shrink_to_fit();
    }
}

/// Without the examples: they may be gigabytes.
impl fmt::Debug for Dataset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { shape, inputs, scaling, sha256, .. } = self;
        write!(f, "{shape:?} in {inputs:?}, {scaling:?}, sha256 {sha256:?}")
    }
}

impl Dataset {
    /// Refuses numbers that the precision cannot hold: they would be infinite from the first step on.
    ///
    /// # Errors
    /// [`DataError::OverRange`] with the first of them.
    pub fn check_range(&self, precision: Precision) -> Result<(), DataError> {
        let over = self.over_float32.filter(|_| precision != Precision::Float64);
        over.map_or(Ok(()), |(row, value)| {
            let training =
                self.rows() - if self.has_own_validation { self.shape.validation_examples } else { 0 };
            let place = if row < training {
                format!("train_x[{row}]")
            } else {
                format!("validation_x[{}]", row - training)
            };
            let path = self.files.first().map(FileIdentity::path).unwrap_or_default();
            Err(DataError::OverRange { path, place, value })
        })
    }

    /// What was read, in words: the files, how many examples of which shape, and their classes.
    #[must_use]
    pub fn description(&self) -> String {
        let DataShape { train_examples, validation_examples, features, classes } = &self.shape;
        let from: Vec<String> = self.files.iter().map(FileIdentity::path).collect();
        let from = if from.is_empty() {
            "made from a seed".to_owned()
        } else {
            format!("read from {}", from.join(", "))
        };
        let occurring = match self.occurring_classes {
            all if all == *classes => String::new(),
            some => format!(" ({some} of them occur)"),
        };
        format!(
            "data: {train_examples} training and {validation_examples} validation examples of shape {features:?} \
             ({:?}), {classes} classes{occurring}, {from}",
            self.inputs.storage
        )
    }

    /// What the user should know of what was read before training on it.
    #[must_use]
    pub fn remarks(&self) -> Vec<String> {
        /// Fewer classes than these are missed for want of examples.
        const MANY: u64 = 10;
        let (occurring, classes) = (self.occurring_classes, self.shape.classes);
        let mut remarks = self.remarks.clone();
        if classes - occurring.min(classes) >= MANY && 2 * occurring <= classes {
            remarks.push(format!(
                "{occurring} of {classes} classes occur in the labels, and the model gets an output for each: are these \
                 class numbers, counted from 0, or ids?"
            ));
        }
        remarks
    }

    /// The same rows with inputs of 0 and 1 alone, for models that take whole numbers.
    #[must_use]
    pub fn with_whole_inputs(&self) -> Self {
        let mut numbers = Vec::new();
        Inputs::decode(self.inputs.storage, &self.inputs.bytes, &mut numbers);
        let bytes = numbers.iter().map(|number| u8::from(*number > 0.0)).collect();
        Self {
            inputs: Inputs { storage: Storage::U8, bytes },
            shape: self.shape.clone(),
            targets: self.targets.clone(),
            scaling: Scaling::None,
            sha256: None,
            files: Vec::new(),
            has_own_validation: self.has_own_validation,
            occurring_classes: self.occurring_classes,
            remarks: Vec::new(),
            over_float32: None,
        }
    }

    /// Whether the files that were read are still there as they were: then it need not be read again.
    #[must_use]
    pub fn is_current(&self) -> bool {
        self.files.iter().all(FileIdentity::is_unchanged)
    }

    /// Training and validation examples together.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.targets.len() as u64
    }

    /// Bytes of one example's input as stored.
    #[must_use]
    pub fn row_bytes(&self) -> u64 {
        self.shape.feature_elements() * self.inputs.storage.size() as u64
    }

    /// Bytes of one example as stored: its input, and its target as a 64-bit class.
    #[must_use]
    pub fn example_bytes(&self) -> u64 {
        self.row_bytes() + 8
    }
}

fn scaling(normalize: Normalize, inputs: &Inputs, shape: &DataShape) -> Result<Scaling, DataError> {
    match normalize {
        Normalize::None => Ok(Scaling::None),
        Normalize::Unit if inputs.storage == Storage::U8 => Ok(Scaling::Unit),
        Normalize::Unit => Ok(Scaling::None),
        Normalize::Standard => standard(inputs, shape),
    }
}

/// The training set's own mean and standard deviation of each channel: of the first dimension of images, of all
/// numbers together where an example has no image shape.
fn standard(inputs: &Inputs, shape: &DataShape) -> Result<Scaling, DataError> {
    let row = shape.feature_elements() as usize;
    let channels = if shape.features.len() == 3 { shape.features[0] as usize } else { 1 };
    let moments = by_channel(inputs, shape.train_examples as usize, row, channels);
    // A constant channel carries nothing; divided by 1 it becomes 0 instead of NaN.
    let deviation = |deviation: f64| if deviation == 0.0 { 1.0 } else { deviation };
    let means: Vec<_> = moments.iter().map(|moments| moments.mean).collect();
    let deviations: Vec<_> = moments.iter().map(|moments| deviation(moments.deviation())).collect();
    match means.iter().chain(&deviations).all(|number| number.is_finite()) {
        true => Ok(Scaling::Standard { means, deviations }),
        false => Err(DataError::TooLargeToNormalize),
    }
}

#[cfg(test)]
mod tests {
    use domain::spec::{DataSource, IdxData};

    use super::*;

    fn raw() -> Raw {
        let inputs = Inputs { storage: Storage::U8, bytes: (0..40).collect() };
        let targets = vec![0, 1, 2, 0, 1];
        Raw {
            features: vec![2, 2, 2],
            classes: 3,
            inputs,
            targets,
            own_validation: None,
            origin: None,
            remarks: Vec::new(),
        }
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
        assert_eq!(data.inputs.bytes.len(), 32);
    }

    #[test]
    fn validation_examples_of_the_datas_own_are_kept_whatever_the_limit() {
        let data = Raw { own_validation: Some(2), ..raw() }.into_dataset(&spec(Some(2), 0)).unwrap();
        assert_eq!((data.shape.train_examples, data.shape.validation_examples, data.rows()), (2, 2, 4));
        assert_eq!(data.targets, [0, 1, 0, 1]);
        assert_eq!(data.inputs.bytes, (0..16).chain(24..40).collect::<Vec<u8>>());
        let error = Raw { own_validation: Some(2), ..raw() }.into_dataset(&spec(None, 1)).unwrap_err();
        assert!(error.to_string().contains("validation = 0"), "{error}");
    }

    #[test]
    fn floats_are_not_divided_by_255_and_a_constant_channel_is_not_divided_by_0() {
        let inputs = Inputs { storage: Storage::F64, bytes: [7f64; 8].map(f64::to_le_bytes).concat() };
        let raw = |normalize| {
            let raw = Raw { features: vec![4], inputs: inputs.clone(), targets: vec![0, 1], ..raw() };
            raw.into_dataset(&DataSpec { normalize, ..spec(None, 0) }).unwrap().scaling
        };
        assert_eq!(raw(Normalize::Unit), Scaling::None);
        assert_eq!(raw(Normalize::Standard), Scaling::Standard { means: vec![7.0], deviations: vec![1.0] });
    }

    #[test]
    fn numbers_whose_spread_is_no_number_are_refused() {
        let bytes = [1e300, -1e300].map(f64::to_le_bytes).concat();
        let inputs = Inputs { storage: Storage::F64, bytes };
        let raw = Raw { features: vec![1], inputs, targets: vec![0, 1], ..raw() };
        let error = raw.into_dataset(&spec(None, 0)).unwrap_err().to_string();
        assert!(error.contains("normalize"), "{error}");
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
