//! Examples in host memory.

use std::fmt;

use domain::problem::{DataShape, Integers, Target, TargetValues, Task, TaskError};
use domain::spec::{Loss, Precision, TrainSpec};
use domain::units::ContentHash;

use super::DataError;
use super::column::{Column, Storage};
use super::identity::FileIdentity;
use super::items::Items;

/// Training examples followed by validation examples, one row each.
pub struct Dataset {
    /// Counts, and what an example is.
    pub shape: DataShape,
    /// The inputs, row by row, in the number types of their file; in the order of the shape's.
    pub inputs: Vec<Column>,
    /// The target of each row: 64-bit integers, or numbers in 32 or 64 bits.
    pub target: Column,
    /// What is still to be done to each input.
    pub scalings: Vec<Scaling>,
    /// Hash of the contents of the files that were read, unpacked, one after another: of all that is in them, whatever
    /// `limit` says. `None` for examples that are made from a seed.
    pub sha256: Option<ContentHash>,
    /// Of each row the positions that are not ignored; `None` where none is.
    pub(super) counted: Option<Vec<u32>>,
    /// Where examples are read again each time: from there. The columns are then empty.
    pub(super) items: Option<Items>,
    /// The files that were read; none for examples that are made from a seed.
    pub(super) files: Vec<FileIdentity>,
    pub(super) has_own_validation: bool,
    /// What the target is called.
    pub(super) target_name: String,
    /// Classes that a row has, where targets are integers.
    pub(super) occurring: Option<u64>,
    /// What the user should know of what was read.
    pub(super) remarks: Vec<String>,
    /// The first number that is over float32's range, with its column and its row.
    pub(super) over_float32: Option<OverFloat32>,
}

/// A number of an input.
#[derive(Debug, Clone)]
pub(super) struct OverFloat32 {
    pub input: String,
    pub row: u64,
    pub value: f64,
}

/// Of targets, the positions that are not ignored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counted {
    /// All of them.
    All,
    /// So many.
    Some(u64),
    /// Only the targets themselves show how many.
    Unknown,
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

/// Without the examples: they may be gigabytes.
impl fmt::Debug for Dataset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { shape, inputs, scalings, sha256, .. } = self;
        write!(f, "{shape:?} in {inputs:?}, {scalings:?}, sha256 {sha256:?}")
    }
}

impl Dataset {
    /// Refuses numbers that the precision cannot hold: they would be infinite from the first step on.
    ///
    /// # Errors
    /// [`DataError::OverRange`] with the first of them.
    pub fn check_range(&self, precision: Precision) -> Result<(), DataError> {
        let over = self.over_float32.clone().filter(|_| precision != Precision::Float64);
        over.map_or(Ok(()), |OverFloat32 { input, row, value }| {
            let place = self.place(&input, row);
            let path = self.files.first().map(FileIdentity::path).unwrap_or_default();
            Err(DataError::OverRange { path, place, value })
        })
    }

    /// What the target is called.
    #[must_use]
    pub fn target_name(&self) -> &str {
        &self.target_name
    }

    /// What is predicted, with a loss for these targets.
    ///
    /// # Errors
    /// [`DataError`] where the loss makes no sense of them; a class that is none is shown at its place.
    pub fn task(&self, train: &TrainSpec) -> Result<Task, DataError> {
        Task::new(&self.shape.target, train).map_err(|error| match &error {
            TaskError::NegativeClass { least, hint } => {
                match self.target.integers().position(|class| class == *least) {
                    Some(place) => {
                        let row = place as u64 / self.shape.target.elements().max(1);
                        let reason = format!(
                            "{} is {least}; {}",
                            self.place(&self.target_name, row),
                            TaskError::negative(hint)
                        );
                        let path = self.files.first().map(FileIdentity::path).unwrap_or_default();
                        DataError::Malformed { path, reason }
                    }
                    None => error.into(),
                }
            }
            _ => error.into(),
        })
    }

    /// Where a row of a column is, in the user's words.
    fn place(&self, column: &str, row: u64) -> String {
        let own_validation = if self.has_own_validation { self.shape.validation_examples } else { 0 };
        match row.checked_sub(self.rows() - own_validation) {
            None => format!("train_{column}[{row}]"),
            Some(row) => format!("validation_{column}[{row}]"),
        }
    }

    /// What was read, in words: the files, how many examples of which shape, and their targets.
    #[must_use]
    pub fn description(&self) -> String {
        let DataShape { train_examples, validation_examples, inputs, .. } = &self.shape;
        /// A data set may have a file for each example.
        const NAMED: usize = 4;
        let named: Vec<String> = self.files.iter().take(NAMED).map(FileIdentity::path).collect();
        let from = match self.files.len() {
            0 => "made from a seed".to_owned(),
            files if files > NAMED => format!("read from {} and {} others", named.join(", "), files - NAMED),
            _ => format!("read from {}", named.join(", ")),
        };
        let is_named = inputs.iter().any(|input| input.name.is_some());
        let inputs: Vec<_> = inputs
            .iter()
            .zip(&self.inputs)
            .map(|(input, column)| {
                let name = input.name.as_ref().map(|name| format!("{name} ")).unwrap_or_default();
                format!("{name}{:?} ({:?})", input.shape, column.storage)
            })
            .collect();
        format!(
            "data: {train_examples} training and {validation_examples} validation examples of shape {}, {}, {from}",
            inputs.join(" and "),
            self.targets_in_words(is_named)
        )
    }

    fn targets_in_words(&self, is_named: bool) -> String {
        let words = self.kinds_of_targets();
        if is_named { format!("{words} as {}", self.target_name) } else { words }
    }

    fn kinds_of_targets(&self) -> String {
        let Target { shape, values, .. } = &self.shape.target;
        let is_one = self.shape.target.elements() == 1;
        match (values, self.occurring) {
            (TargetValues::Classes(classes), Some(occurring)) if occurring != *classes => {
                format!("{classes} classes ({occurring} of them occur)")
            }
            (TargetValues::Classes(classes), _) => format!("{classes} classes"),
            (TargetValues::Integers(integers), _) if is_one && integers.least >= 0 => {
                let classes = integers.classes();
                match integers.different {
                    all if all == classes => format!("{classes} classes"),
                    some => format!("{classes} classes ({some} of them occur)"),
                }
            }
            (TargetValues::Integers(Integers { least, largest, .. }), _) => {
                format!("targets of shape {shape:?} (integers from {least} to {largest})")
            }
            (TargetValues::Numbers { .. }, _) => {
                format!("targets of shape {shape:?} ({:?})", self.target.storage)
            }
        }
    }

    /// What the user should know of what was read before training on it.
    #[must_use]
    pub fn remarks(&self) -> Vec<String> {
        /// Fewer classes than these are missed for want of examples.
        const MANY: u64 = 10;
        let mut remarks = self.remarks.clone();
        let (occurring, classes) = match (self.shape.target.values, self.occurring) {
            (TargetValues::Classes(classes), Some(occurring)) => (occurring, classes),
            (TargetValues::Integers(integers), _) if self.shape.target.elements() == 1 => {
                (integers.different, integers.classes())
            }
            _ => return remarks,
        };
        if classes - occurring.min(classes) >= MANY && 2 * occurring <= classes {
            remarks.push(format!(
                "{occurring} of {classes} classes occur in the labels, and the model gets an output for each: are these \
                 class numbers, counted from 0, or ids?"
            ));
        }
        remarks
    }

    /// What the user should know of these targets with a loss.
    #[must_use]
    pub fn remark_on_loss(&self, loss: Loss) -> Option<String> {
        let is_integer = matches!(self.shape.target.values, TargetValues::Integers(_));
        (loss == Loss::Mse && is_integer && self.shape.target.elements() == 1).then(|| {
            "the targets are integers, so `loss = \"mse\"` compares outputs with the one-hot class; for a regression save the \
             targets as float32"
                .to_owned()
        })
    }

    /// The same rows with inputs of 0 and 1 alone, for models that take whole numbers.
    #[must_use]
    pub fn with_whole_inputs(&self) -> Self {
        let whole = |column: &Column| {
            let mut numbers = Vec::new();
            Column::decode(column.storage, &column.bytes, &mut numbers);
            let bytes = numbers.iter().map(|number| u8::from(*number > 0.0)).collect();
            Column { storage: Storage::U8, shape: column.shape.clone(), bytes }
        };
        Self {
            inputs: self.inputs.iter().map(whole).collect(),
            shape: self.shape.clone(),
            target: self.target.clone(),
            scalings: vec![Scaling::None; self.inputs.len()],
            sha256: None,
            counted: self.counted.clone(),
            items: None,
            files: Vec::new(),
            has_own_validation: self.has_own_validation,
            target_name: self.target_name.clone(),
            occurring: self.occurring,
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
        self.shape.train_examples + self.shape.validation_examples
    }

    /// Inputs and, at last, the target.
    pub fn columns(&self) -> impl Iterator<Item = &Column> {
        self.inputs.iter().chain([&self.target])
    }

    /// Bytes of one example as stored.
    #[must_use]
    pub fn example_bytes(&self) -> u64 {
        self.columns().map(|column| column.row_bytes() as u64).sum()
    }

    /// Positions of the targets of some rows that are not ignored.
    #[must_use]
    pub fn counted(&self, rows: impl Iterator<Item = usize>) -> Counted {
        let has_ignored =
            matches!(self.shape.target.values, TargetValues::Integers(Integers { ignored: 1.., .. }));
        match &self.counted {
            Some(counted) => {
                Counted::Some(rows.filter_map(|row| counted.get(row)).map(|&count| u64::from(count)).sum())
            }
            None if has_ignored => Counted::Unknown,
            None => Counted::All,
        }
    }
}
