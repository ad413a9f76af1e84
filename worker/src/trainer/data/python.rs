//! Data sets that Python code of the user's gives. All examples are read once, to see what they are; they are kept in memory
//! unless reading them draws random numbers, or they are too large: then they are read again each time.

use std::path::Path;

use domain::spec::PythonCode;
use domain::units::ContentHasher;
use tch::Kind;

use super::DataError;
use super::column::{Column, Storage};
use super::files::Origin;
use super::identity::FileIdentity;
use super::items::{Items, bytes_of};
use super::raw::{Input, Raw};
use super::seen::Seen;
use crate::host_memory;
use crate::shim::{TorchError, TorchErrorKind};
use crate::trainer::hosted::{self, Example, HostedData};
use crate::trainer::pulse;

/// Examples that are read at a time.
const AT_A_TIME: u64 = 16;

/// Examples of each set whose bytes distinguish one data set from another.
const HASHED: u64 = 16;

/// Of the host's free memory, what the examples may take.
const SHARE: u64 = 2;

/// Reads the data sets of some code.
pub(super) fn read(code: &PythonCode) -> Result<Raw, DataError> {
    let path = code.file.path().unwrap_or_default().to_owned();
    let Some(interpreter) = hosted::interpreter() else {
        let reason = "it is Python code, and no Python interpreter hosts this trainer".to_owned();
        return Err(DataError::Malformed { path, reason });
    };
    let data = interpreter.open_data(code)?;
    let room = host_memory::available_bytes().map_or(u64::MAX, |bytes| bytes / SHARE);
    let mut pass = Pass::new(&*data, code, room)?;
    let (train, validation) = data.lengths();
    for (of_validation, examples) in [(false, train), (true, validation.unwrap_or(0))] {
        let mut next = 0;
        while next < examples {
            let count = AT_A_TIME.min(examples - next);
            pass.read(&*data, of_validation, next, count)?;
            next += count;
            pulse::beat();
        }
    }
    let is_repeatable = pass.reads_again_the_same(&*data)?;
    let mut remarks = Vec::new();
    if !is_repeatable {
        remarks.push(
            "examples differ each time they are read, though every generator of Python, NumPy and torch was seeded: they draw from \
             one of their own, so no trial can be repeated"
                .to_owned(),
        );
    }
    let files = data.files();
    let files = files.iter().map(|file| FileIdentity::of(file)).collect::<Result<Vec<_>, _>>();
    let files = files.map_err(|source| super::files::unreadable(Path::new(&path), source))?;
    let target_name = data.target();
    let values = pass.seen.values(pass.target.storage);
    let items = (pass.drew || !is_repeatable || pass.is_over).then(|| Items::new(data));
    if items.is_some() {
        pass.forget();
    }
    Ok(Raw {
        inputs: pass.inputs,
        target: pass.target,
        target_name: Some(target_name),
        values,
        own_validation: validation,
        origin: Some(Origin { sha256: is_repeatable.then(|| pass.hasher.finish()), files }),
        remarks,
        items,
    })
}

/// All examples, one after another.
struct Pass {
    inputs: Vec<Input>,
    target: Column,
    seen: Seen,
    hasher: ContentHasher,
    /// Of the first examples, to be compared with when they are read again.
    first: Vec<Vec<u8>>,
    room: u64,
    drew: bool,
    is_over: bool,
}

impl Pass {
    /// Looks at the first example for what the columns are.
    fn new(data: &dyn HostedData, code: &PythonCode, room: u64) -> Result<Self, DataError> {
        let example = data.read(&[wanted(false, 0)], false)?;
        let mut columns = Vec::new();
        for column in &example.columns {
            let shape = column.size().iter().skip(1).map(|&size| size as u64).collect();
            columns.push(Column { storage: storage(column.kind())?, shape, bytes: Vec::new() });
        }
        let target = columns.pop().unwrap_or_else(|| Column::of_classes(&[]));
        let names = data.inputs().into_iter();
        let inputs = names.zip(columns).map(|(name, column)| Input { name, column }).collect();
        let mut hasher = ContentHasher::default();
        let (train, validation) = data.lengths();
        hasher.update(format!("{} {:?} {train} {validation:?}", code.function, code.arguments).as_bytes());
        Ok(Self {
            inputs,
            target,
            seen: Seen::default(),
            hasher,
            first: Vec::new(),
            room,
            drew: false,
            is_over: false,
        })
    }

    fn read(
        &mut self,
        data: &dyn HostedData,
        of_validation: bool,
        start: u64,
        count: u64,
    ) -> Result<(), DataError> {
        let examples: Vec<_> = (start..start + count).map(|place| wanted(of_validation, place)).collect();
        let read = data.read(&examples, true)?;
        self.drew |= read.drew;
        let is_first = start == 0;
        let columns = self.inputs.iter_mut().map(|input| &mut input.column).chain([&mut self.target]);
        for (tensor, column) in read.columns.iter().zip(columns) {
            if tensor.size()[1..].iter().map(|&size| size as u64).ne(column.shape.iter().copied())
                || tensor.kind() != column.storage.kind()
            {
                return Err(odd(of_validation, start, tensor.size(), column));
            }
            let piece = Column { bytes: bytes_of(tensor)?, ..empty(column) };
            if let Some(place) = piece.first_not_finite() {
                let row = start + place as u64 / column.shape.iter().product::<u64>().max(1);
                return Err(unusable(format!(
                    "{} holds a number that is infinite or not a number",
                    place_of(of_validation, row)
                )));
            }
            if is_first {
                let hashed = piece.rows(0, HASHED.min(count) as usize).to_vec();
                self.hasher.update(&hashed);
                if !of_validation {
                    self.first.push(hashed);
                }
            }
            if !self.is_over {
                column.bytes.extend(&piece.bytes);
            }
        }
        if let Some(target) = read.columns.last() {
            self.seen.add(&Column { bytes: bytes_of(target)?, ..empty(&self.target) });
        }
        let taken: u64 = self.inputs.iter().map(|input| input.column.bytes.len() as u64).sum();
        if taken > self.room {
            self.is_over = true;
            self.forget();
        }
        Ok(())
    }

    /// Whether the first examples are the same when they are read again.
    fn reads_again_the_same(&self, data: &dyn HostedData) -> Result<bool, DataError> {
        let count = HASHED.min(data.lengths().0);
        let examples: Vec<_> = (0..count).map(|place| wanted(false, place)).collect();
        let read = data.read(&examples, false)?;
        for (tensor, before) in read.columns.iter().zip(&self.first) {
            if bytes_of(tensor)? != *before {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Gives up what was kept: it is read again.
    fn forget(&mut self) {
        self.inputs.iter_mut().for_each(|input| input.column.bytes = Vec::new());
        self.target.bytes = Vec::new();
    }
}

/// Of the first pass: the same random numbers for all trials.
fn wanted(of_validation: bool, place: u64) -> Example {
    Example { of_validation, place, seed: place }
}

fn empty(column: &Column) -> Column {
    Column { storage: column.storage, shape: column.shape.clone(), bytes: Vec::new() }
}

fn storage(kind: Kind) -> Result<Storage, DataError> {
    Ok(match kind {
        Kind::Uint8 => Storage::U8,
        Kind::Bool => Storage::Bool,
        Kind::Int64 => Storage::I64,
        Kind::Half => Storage::F16,
        Kind::BFloat16 => Storage::BF16,
        Kind::Float => Storage::F32,
        Kind::Double => Storage::F64,
        other => return Err(unusable(format!("an example holds {other:?} numbers"))),
    })
}

fn place_of(of_validation: bool, place: u64) -> String {
    let set = if of_validation { "validation" } else { "training" };
    format!("example {place} of the {set} set")
}

fn odd(of_validation: bool, start: u64, size: Vec<i64>, column: &Column) -> DataError {
    unusable(format!(
        "{} has shape {:?}, and the first example {:?} of {:?}: bring all examples to one shape and type",
        place_of(of_validation, start),
        &size[1..],
        column.shape,
        column.storage
    ))
}

fn unusable(message: String) -> DataError {
    DataError::Torch(TorchError { kind: TorchErrorKind::UsersCode, message })
}
