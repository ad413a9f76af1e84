//! The rules of Python code of the user's, in `[model]` and in `[data]`.

use super::Issues;
use crate::spec::{Argument, PythonCode, Value};

const MOST_ARGUMENTS: usize = 64;
const LONGEST_WORD: usize = 4096;
const DEEPEST_LIST: usize = 4;
const MOST_ITEMS: usize = 1024;

/// Of the section of this name.
pub(super) fn check(section: &str, code: &PythonCode, found: &mut Issues) {
    let PythonCode { file, function, arguments } = code;
    super::check_upload(&format!("{section}.upload"), file.upload(), found);
    if file.path() == Some("") {
        found.add(format!("{section}.path"), "the path is empty", Some("name the Python file"));
    }
    if !is_identifier(function) {
        found.add(
            format!("{section}.function"),
            format!("{function:?} is not the name of a Python function"),
            Some("name the function in the file that is to be called"),
        );
    }
    if arguments.len() > MOST_ARGUMENTS {
        let title = format!("{} arguments are too many", arguments.len());
        found.add(format!("{section}.arguments"), title, Some(&format!("{MOST_ARGUMENTS} are allowed")));
    }
    for (name, argument) in arguments {
        let path = format!("{section}.arguments.{name}");
        if !is_identifier(name) {
            found.add(&path, format!("{name:?} is not the name of a Python argument"), None);
        }
        if !is_small(argument, DEEPEST_LIST) {
            let help =
                format!("texts of up to {LONGEST_WORD} bytes, lists of up to {MOST_ITEMS} items are taken");
            found.add(&path, "the value is too large", Some(&help));
        }
    }
}

fn is_small(argument: &Argument, depth: usize) -> bool {
    match argument {
        Argument::One(Value::Word(word)) => word.len() <= LONGEST_WORD && !word.contains('\0'),
        Argument::One(_) => true,
        Argument::List(items) => {
            depth > 0 && items.len() <= MOST_ITEMS && items.iter().all(|item| is_small(item, depth - 1))
        }
    }
}

/// Whether Python could use it as a name. Letters of other alphabets are left out: they cannot be typed on every machine.
pub(super) fn is_identifier(name: &str) -> bool {
    let mut letters = name.chars();
    let begins = letters.next().is_some_and(|first| first.is_ascii_alphabetic() || first == '_');
    begins && name.len() <= 128 && letters.all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
}
