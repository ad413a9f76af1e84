//! From what a reader found to a data set: limit, hold-out, scaling.

use domain::problem::{DataShape, IGNORED, InputNumbers, InputShape, Integers, Target, TargetValues};
use domain::spec::{DataSpec, Normalize};

use super::DataError;
use super::column::{Column, Storage};
use super::dataset::{Dataset, OverFloat32, Scaling};
use super::files::Origin;
use super::items::Items;
use super::statistics::by_channel;

/// An input as a reader found it.
#[derive(Debug)]
pub(super) struct Input {
    /// The keyword by which a model takes it, where there are several.
    pub name: Option<String>,
    pub column: Column,
}

/// What a reader found, before the limit and the hold-out.
#[derive(Debug)]
pub(super) struct Raw {
    /// Of training examples, followed by the validation examples that the data brings itself.
    pub inputs: Vec<Input>,
    pub target: Column,
    /// What the data calls it, where the sweep file does not.
    pub target_name: Option<String>,
    /// What the target's numbers are.
    pub values: TargetValues,
    pub own_validation: Option<u64>,
    pub origin: Option<Origin>,
    /// What the user should know of what was read.
    pub remarks: Vec<String>,
    /// Where examples are read again each time: from there. The columns are then empty.
    pub items: Option<Items>,
}

impl Raw {
    /// One input, and a class for each row.
    pub(super) fn classified(inputs: Column, targets: &[i64], classes: u64) -> Self {
        Self {
            inputs: vec![Input { name: None, column: inputs }],
            target: Column::of_classes(targets),
            target_name: None,
            values: TargetValues::Classes(classes),
            own_validation: None,
            origin: None,
            remarks: Vec::new(),
            items: None,
        }
    }

    /// Takes the first `limit` training examples, holds out the last ones of these, and settles how inputs are scaled.
    pub(super) fn into_dataset(mut self, spec: &DataSpec) -> Result<Dataset, DataError> {
        if self.own_validation.is_some() && spec.validation > 0 {
            return Err(DataError::TwoValidationSets { validation: spec.validation });
        }
        let kept = (self.target.bytes.len() / self.target.row_bytes().max(1)) as u64;
        let rows = self.items.as_ref().map_or(kept, Items::rows);
        let found = rows - self.own_validation.unwrap_or(0);
        let available = spec.limit.map_or(found, |limit| limit.min(found));
        let train_examples = available
            .checked_sub(spec.validation)
            .filter(|&train| train > 0)
            .ok_or(DataError::NothingToTrainOn { validation: spec.validation, available })?;
        if let Some(items) = &mut self.items {
            items.available = available;
        } else if available < found {
            let columns = self.inputs.iter_mut().map(|input| &mut input.column).chain([&mut self.target]);
            columns.for_each(|column| column.leave_out(available as usize, found as usize));
        }
        let input = |input: &Input| InputShape {
            name: input.name.clone(),
            shape: input.column.shape.clone(),
            numbers: input.column.storage.numbers(),
        };
        let shape = DataShape {
            train_examples,
            validation_examples: self.own_validation.unwrap_or(spec.validation),
            inputs: self.inputs.iter().map(input).collect(),
            target: Target {
                shape: self.target.shape.clone(),
                values: self.values,
                number_bytes: self.target.storage.size() as u64,
            },
        };
        if self.items.is_some() && spec.normalize == Normalize::Standard {
            return Err(DataError::NothingToNormalizeBy);
        }
        let scaling = |input: &Input| scaling(spec.normalize, input, train_examples);
        let over_float32 = self.inputs.iter().find_map(over_float32);
        Ok(Dataset {
            scalings: self.inputs.iter().map(scaling).collect::<Result<_, _>>()?,
            sha256: self.origin.as_ref().and_then(|origin| origin.sha256),
            files: self.origin.map(|origin| origin.files).unwrap_or_default(),
            has_own_validation: self.own_validation.is_some(),
            target_name: self.target_name.unwrap_or_else(|| spec.target_name().to_owned()),
            counted: counted(&self.target, &self.values).filter(|_| self.items.is_none()),
            occurring: occurring(&self.target, &self.values),
            inputs: self.inputs.into_iter().map(|input| input.column).collect(),
            target: self.target,
            remarks: self.remarks,
            items: self.items,
            shape,
            over_float32,
        })
    }
}

/// Of each row the positions that are not ignored, where some are.
fn counted(target: &Column, values: &TargetValues) -> Option<Vec<u32>> {
    let TargetValues::Integers(Integers { ignored: 1.., .. }) = values else { return None };
    let width = target.shape.iter().product::<u64>().max(1) as usize;
    let mut counted = vec![0; target.bytes.len() / target.row_bytes().max(1)];
    for (place, number) in target.integers().enumerate() {
        counted[place / width] += u32::from(number != IGNORED);
    }
    Some(counted)
}

/// Classes that a row has, where they are known to be classes.
fn occurring(target: &Column, values: &TargetValues) -> Option<u64> {
    let TargetValues::Classes(classes) = *values else { return None };
    let mut occurs = vec![false; classes as usize];
    target.integers().filter_map(|class| usize::try_from(class).ok()).for_each(|class| {
        if let Some(occurs) = occurs.get_mut(class) {
            *occurs = true;
        }
    });
    Some(occurs.into_iter().filter(|&occurs| occurs).count() as u64)
}

fn over_float32(input: &Input) -> Option<OverFloat32> {
    let (place, value) = input.column.first_over_float32()?;
    let row = place as u64 / input.column.shape.iter().product::<u64>().max(1);
    Some(OverFloat32 { input: input.name.clone().unwrap_or("x".to_owned()), row, value })
}

fn scaling(normalize: Normalize, input: &Input, train_examples: u64) -> Result<Scaling, DataError> {
    match normalize {
        _ if input.column.storage.numbers() != InputNumbers::Floating => Ok(Scaling::None),
        Normalize::None => Ok(Scaling::None),
        Normalize::Unit if input.column.storage == Storage::U8 => Ok(Scaling::Unit),
        Normalize::Unit => Ok(Scaling::None),
        Normalize::Standard => standard(&input.column, train_examples),
    }
}

/// The training set's own mean and standard deviation of each channel: of the first dimension of images, of all
/// numbers together where an example has no image shape.
fn standard(inputs: &Column, train_examples: u64) -> Result<Scaling, DataError> {
    let row = inputs.shape.iter().product::<u64>() as usize;
    let channels = if inputs.shape.len() == 3 { inputs.shape[0] as usize } else { 1 };
    let moments = by_channel(inputs, train_examples as usize, row, channels);
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

    use super::super::dataset::Counted;

    use super::*;

    fn raw() -> Raw {
        let inputs = Column { storage: Storage::U8, shape: vec![2, 2, 2], bytes: (0..40).collect() };
        Raw::classified(inputs, &[0, 1, 2, 0, 1], 3)
    }

    fn of_numbers(storage: Storage, shape: &[u64], bytes: Vec<u8>) -> Raw {
        Raw::classified(Column { storage, shape: shape.to_vec(), bytes }, &[0, 1], 2)
    }

    fn targets(data: &Dataset) -> Vec<i64> {
        data.target.integers().collect()
    }

    fn spec(limit: Option<u64>, validation: u64) -> DataSpec {
        let source = DataSource::Idx(IdxData { path: "x".into() });
        DataSpec { source, validation, limit, normalize: Normalize::Standard }
    }

    #[test]
    fn the_limit_is_taken_first_and_the_hold_out_off_its_end() {
        let data = raw().into_dataset(&spec(Some(4), 1)).unwrap();
        assert_eq!((data.shape.train_examples, data.shape.validation_examples, data.rows()), (3, 1, 4));
        assert_eq!(targets(&data), [0, 1, 2, 0]);
        assert_eq!(data.inputs[0].bytes.len(), 32);
    }

    #[test]
    fn validation_examples_of_the_datas_own_are_kept_whatever_the_limit() {
        let data = Raw { own_validation: Some(2), ..raw() }.into_dataset(&spec(Some(2), 0)).unwrap();
        assert_eq!((data.shape.train_examples, data.shape.validation_examples, data.rows()), (2, 2, 4));
        assert_eq!(targets(&data), [0, 1, 0, 1]);
        assert_eq!(data.inputs[0].bytes, (0..16).chain(24..40).collect::<Vec<u8>>());
        let error = Raw { own_validation: Some(2), ..raw() }.into_dataset(&spec(None, 1)).unwrap_err();
        assert!(error.to_string().contains("validation = 0"), "{error}");
    }

    #[test]
    fn floats_are_not_divided_by_255_and_a_constant_channel_is_not_divided_by_0() {
        let scalings = |normalize| {
            let raw = of_numbers(Storage::F64, &[4], [7f64; 8].map(f64::to_le_bytes).concat());
            raw.into_dataset(&DataSpec { normalize, ..spec(None, 0) }).unwrap().scalings
        };
        assert_eq!(scalings(Normalize::Unit), [Scaling::None]);
        let standard = Scaling::Standard { means: vec![7.0], deviations: vec![1.0] };
        assert_eq!(scalings(Normalize::Standard), [standard]);
    }

    #[test]
    fn numbers_whose_spread_is_no_number_are_refused() {
        let bytes = [1e300, -1e300].map(f64::to_le_bytes).concat();
        let raw = of_numbers(Storage::F64, &[1], bytes);
        let error = raw.into_dataset(&spec(None, 0)).unwrap_err().to_string();
        assert!(error.contains("normalize"), "{error}");
    }

    #[test]
    fn statistics_are_the_training_sets_own_and_one_a_channel() {
        let data = raw().into_dataset(&spec(Some(3), 1)).unwrap();
        // Two training rows: channel 0 holds 0..4 and 8..12, channel 1 holds 4..8 and 12..16.
        let deviation = (17.25f64).sqrt();
        assert_eq!(
            data.scalings,
            [Scaling::Standard { means: vec![5.5, 9.5], deviations: vec![deviation; 2] }]
        );
    }

    #[test]
    fn a_hold_out_of_everything_is_refused() {
        let error = raw().into_dataset(&spec(None, 5)).unwrap_err();
        assert!(error.to_string().contains("holding out 5 of 5 examples"), "{error}");
    }

    #[test]
    fn integers_and_flags_are_not_scaled() {
        let raw = of_numbers(Storage::I64, &[1], [300i64, 2].map(i64::to_le_bytes).concat());
        let data = raw.into_dataset(&spec(None, 0)).unwrap();
        assert_eq!(data.scalings, [Scaling::None]);
        assert_eq!(data.shape.inputs[0].numbers, InputNumbers::Integers);
    }

    #[test]
    fn positions_that_are_ignored_are_counted_apart() {
        let target = Column {
            storage: Storage::I64,
            shape: vec![3],
            ..Column::of_classes(&[1, -100, 2, -100, -100, -100])
        };
        let values = TargetValues::Integers(Integers { least: 1, largest: 2, different: 2, ignored: 4 });
        let raw = Raw { target, values, ..of_numbers(Storage::U8, &[1], vec![0, 1]) };
        let data = raw.into_dataset(&spec(None, 0)).unwrap();
        assert_eq!([0, 1].map(|row| data.counted([row].into_iter())), [Counted::Some(2), Counted::Some(0)]);
        assert_eq!(data.counted([0, 1].into_iter()), Counted::Some(2));
    }
}
