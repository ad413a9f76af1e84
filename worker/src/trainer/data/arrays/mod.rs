//! Named arrays, one example a row. Training examples are in `train_` and the name of an input or of the target (`train_x` and
//! `train_y` where no names are given), validation examples in `validation_` and the name; other arrays are passed over.
//!
//! - inputs: floating-point numbers and bytes are numbers to every model, integers and flags stay so for a model of the user's
//!   own; how images are recognised is in [`layout`],
//! - the target: integers, or floating-point numbers; what they mean is the loss's to say,
//! - [`safetensors`] and [`npz`]: where the arrays come from.
//!
//! A file is read once, from its beginning to its end, into the memory where it stays. Its headers are checked against its
//! length first, so that no claim of a header takes memory that the file does not fill.

mod layout;
mod npz;
mod numbers;
mod safetensors;

use std::path::Path;

use domain::spec::ArrayData;

use self::layout::Layout;
use super::DataError;
use super::files::{Files, malformed};
use super::raw::{Input, Raw};

/// Reads the arrays of a safetensors file.
pub(super) fn read_safetensors(path: &Path, data: &ArrayData, layouts: Layouts) -> Result<Raw, DataError> {
    let mut files = Files::default();
    let raw = {
        let length = safetensors::length(path)?;
        let mut stream = files.open(path)?;
        let raw = safetensors::Tensors::open(&mut stream, length)
            .and_then(|mut tensors| assemble(&mut tensors, data, layouts));
        raw.map_err(|reason| malformed(path, reason))?
    };
    Ok(Raw { origin: Some(files.origin()), ..raw })
}

/// Reads the arrays of an .npz file, or of a folder of .npy files.
pub(super) fn read_npz(path: &Path, data: &ArrayData, layouts: Layouts) -> Result<Raw, DataError> {
    let mut files = Files::default();
    let raw = if path.is_dir() {
        let mut arrays = npz::Folder::open(path, |name| is_used(name, data), &mut files)?;
        assemble(&mut arrays, data, layouts)
    } else {
        npz::Archive::open(path, &mut files).and_then(|mut arrays| assemble(&mut arrays, data, layouts))
    };
    let raw = raw.map_err(|reason| malformed(path, reason))?;
    Ok(Raw { origin: Some(files.origin()), ..raw })
}

/// How examples are laid out for a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layouts {
    /// Images are recognised, and their channels put first.
    Images,
    /// As they are in the file.
    AsStored,
}

/// The type of the numbers of an array.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NumberType {
    Bool,
    U8,
    I8,
    U16,
    I16,
    U32,
    I32,
    U64,
    I64,
    F16,
    BF16,
    F32,
    F64,
}

/// An array of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Array {
    name: String,
    numbers: NumberType,
    /// Examples first.
    shape: Vec<usize>,
    /// All of it.
    bytes: usize,
}

/// An array by its name, or why it is none that can be used.
#[derive(Debug, Clone)]
pub(super) struct Listed {
    name: String,
    array: Result<Array, String>,
}

/// What arrays are read from. Errors are reasons, without the file.
pub(super) trait Arrays {
    /// All of them, in the order in which they are read.
    fn list(&self) -> Vec<Listed>;

    /// Fills `into` with the bytes of the next one, which has this name, or passes it over.
    fn next(&mut self, name: &str, into: Option<&mut [u8]>) -> Result<(), String>;
}

/// Names of the arrays that make one column: of training and, where there are any, of validation examples.
struct Wanted {
    train: String,
    validation: String,
}

fn wanted(data: &ArrayData) -> Vec<Wanted> {
    let inputs =
        if data.inputs.is_empty() { vec!["x"] } else { data.inputs.iter().map(|name| &**name).collect() };
    let names = inputs.into_iter().chain([data.target.as_deref().unwrap_or("y")]);
    names
        .map(|name| Wanted { train: format!("train_{name}"), validation: format!("validation_{name}") })
        .collect()
}

fn is_used(name: &str, data: &ArrayData) -> bool {
    wanted(data).iter().any(|wanted| wanted.train == name || wanted.validation == name)
}

/// A column while it is read.
struct Reading {
    train: Array,
    validation: Option<Array>,
    bytes: Vec<u8>,
}

impl Reading {
    /// The array of this name, and its place in the column.
    fn place(&mut self, name: &str) -> Option<&mut [u8]> {
        if self.train.name == name {
            return Some(&mut self.bytes[..self.train.bytes]);
        }
        let validation = self.validation.as_ref().filter(|array| array.name == name)?;
        let start = self.bytes.len() - validation.bytes;
        Some(&mut self.bytes[start..])
    }

    /// Where the row with a number is, in the user's words.
    fn row_of(&self, number: usize) -> String {
        let row = number / self.train.of_an_example().iter().product::<usize>().max(1);
        match (row.checked_sub(self.train.rows()), &self.validation) {
            (Some(row), Some(validation)) => format!("{}[{row}]", validation.name),
            _ => format!("{}[{row}]", self.train.name),
        }
    }
}

impl Array {
    fn rows(&self) -> usize {
        self.shape.first().copied().unwrap_or(0)
    }

    fn of_an_example(&self) -> &[usize] {
        self.shape.get(1..).unwrap_or_default()
    }
}

/// Puts the columns of the data together.
fn assemble(arrays: &mut dyn Arrays, data: &ArrayData, layouts: Layouts) -> Result<Raw, String> {
    let listed = arrays.list();
    let mut columns =
        wanted(data).iter().map(|wanted| find(wanted, &listed)).collect::<Result<Vec<_>, _>>()?;
    check_rows(&columns)?;
    let has_one_input = columns.len() == 2;
    let layout = match layouts {
        Layouts::Images if has_one_input => Layout::of(columns[0].train.of_an_example()),
        Layouts::Images | Layouts::AsStored => Layout::as_stored(columns[0].train.of_an_example()),
    };
    let remark = layout.remark(&columns[0].train.name).filter(|_| layouts == Layouts::Images);
    if let Some(remark) = remark.as_ref().filter(|_| columns[0].train.numbers == NumberType::U8) {
        return Err(remark.clone());
    }
    for column in &mut columns {
        let validation = column.validation.as_ref().map_or(0, |array| array.bytes);
        column.bytes = zeros(&column.train.name, column.train.bytes.saturating_add(validation))?;
    }
    for Listed { name, .. } in listed {
        let into = columns.iter_mut().find_map(|column| column.place(&name));
        arrays.next(&name, into)?;
    }
    let own_validation = columns[0].validation.as_ref().map(|array| array.rows() as u64);
    let target = numbers::column(columns.pop().ok_or("it has no columns")?)?;
    let values = numbers::values(&target);
    let mut inputs = Vec::new();
    for (index, reading) in columns.into_iter().enumerate() {
        inputs.push(Input { name: data.inputs.get(index).cloned(), column: numbers::column(reading)? });
    }
    if let [Input { column, .. }] = &mut inputs[..] {
        layout.put_channels_first(&mut column.bytes, column.storage.size());
        column.shape = layout.features;
    }
    Ok(Raw {
        inputs,
        target,
        target_name: None,
        values,
        own_validation,
        origin: None,
        remarks: remark.into_iter().collect(),
        items: None,
    })
}

fn find(wanted: &Wanted, listed: &[Listed]) -> Result<Reading, String> {
    let find = |name: &str| -> Result<Option<Array>, String> {
        let mut found = listed.iter().filter(|listed| listed.name == name);
        let (found, None) = (found.next(), found.next()) else {
            return Err(format!("it holds {name} twice"));
        };
        found
            .map(|listed| listed.array.clone().map_err(|problem| format!("{} {problem}", listed.name)))
            .transpose()
    };
    let train = find(&wanted.train)?.ok_or_else(|| missing(listed, &wanted.train))?;
    if train.rows() == 0 || train.shape.contains(&0) {
        return Err(format!("{} of shape {:?} holds no examples", train.name, train.shape));
    }
    let validation = find(&wanted.validation)?;
    if let Some(validation) = &validation {
        let alike =
            validation.of_an_example() == train.of_an_example() && validation.numbers == train.numbers;
        if !alike || validation.rows() == 0 {
            let described =
                |array: &Array| format!("{} of shape {:?} ({:?})", array.name, array.shape, array.numbers);
            return Err(format!(
                "{} and {} do not hold the same kind of examples",
                described(&train),
                described(validation)
            ));
        }
    }
    Ok(Reading { train, validation, bytes: Vec::new() })
}

/// All columns have as many examples, and either all or none have validation examples.
fn check_rows(columns: &[Reading]) -> Result<(), String> {
    let [first, others @ ..] = columns else { return Ok(()) };
    for other in others {
        match (&first.validation, &other.validation) {
            (Some(array), None) | (None, Some(array)) => {
                let lacks = if first.validation.is_none() { first } else { other };
                let missing = lacks.train.name.replacen("train_", "validation_", 1);
                return Err(format!("it has {}, and no {missing}", array.name));
            }
            _ => {}
        }
        for (a, b) in
            [(Some(&first.train), Some(&other.train)), (first.validation.as_ref(), other.validation.as_ref())]
        {
            if let (Some(a), Some(b)) = (a, b)
                && a.rows() != b.rows()
            {
                return Err(format!(
                    "{} holds {} examples, but {} holds {}",
                    a.name,
                    a.rows(),
                    b.name,
                    b.rows()
                ));
            }
        }
    }
    Ok(())
}

fn missing(listed: &[Listed], wanted: &str) -> String {
    let mut names: Vec<&str> = listed.iter().map(|listed| &*listed.name).collect();
    names.sort_unstable();
    let more = if names.len() > 8 { ", ..." } else { "" };
    names.truncate(8);
    let held = if names.is_empty() { "nothing".to_owned() } else { names.join(", ") };
    format!(
        "it has no {wanted}; it must hold train_x and train_y, or what `inputs` and `target` in [data] name, and may hold the \
         same of validation_; it holds: {held}{more}"
    )
}

/// Room for as many bytes; a refusal, not an abort, where the host has less.
fn zeros(name: &str, bytes: usize) -> Result<Vec<u8>, String> {
    let mut room = Vec::new();
    room.try_reserve_exact(bytes)
        .map_err(|_| format!("{name} of {bytes} bytes does not fit in the host's memory"))?;
    room.resize(bytes, 0);
    Ok(room)
}

#[cfg(test)]
mod tests;
