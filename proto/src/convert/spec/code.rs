//! Python code of the user's.

use domain::spec::{Argument, PythonCode, Value};

use super::file::{file_from_wire, file_to_wire};
use crate::convert::{WireError, missing};
use crate::v1;

pub(super) fn code_to_wire(code: &PythonCode) -> v1::PythonCode {
    let (path, upload) = file_to_wire(&code.file);
    let argument = |(name, value): &(String, Argument)| v1::Argument {
        name: name.clone(),
        value: Some(argument_to_wire(value)),
    };
    let arguments = code.arguments.iter().map(argument).collect();
    v1::PythonCode { path, upload, function: code.function.clone(), arguments }
}

/// `field` is that of a file that was sent along.
pub(super) fn code_from_wire(field: &'static str, code: v1::PythonCode) -> Result<PythonCode, WireError> {
    let file = file_from_wire(field, code.path, code.upload)?;
    let argument = |argument: v1::Argument| Ok((argument.name, argument_from_wire(argument.value)?));
    let arguments = code.arguments.into_iter().map(argument).collect::<Result<_, WireError>>()?;
    Ok(PythonCode { file, function: code.function, arguments })
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
    let kind = value.and_then(|value| value.kind).ok_or_else(|| missing("arguments"))?;
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
