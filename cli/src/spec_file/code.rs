//! Python code of the user's, in `[model]` and in `[data]`.

use domain::spec::{Argument, PythonCode};

use super::files::Files;
use super::reader::{Field, Reader, Section};
use super::tree::{Entry, Kind as NodeKind};

/// Reads `path` or `upload`, `function` and `arguments`.
pub(super) fn read(
    section: &mut Section<'_>,
    example: &'static str,
    function: &str,
    files: &mut Files<'_>,
    reader: &mut Reader,
) -> PythonCode {
    let file = files.file(section, reader, example);
    let named = section.take("function").and_then(|field| reader.text(&field));
    let arguments = section.take("arguments").and_then(|field| arguments(&field, reader));
    PythonCode {
        file,
        function: named.unwrap_or_else(|| function.to_owned()),
        arguments: arguments.unwrap_or_default(),
    }
}

/// `arguments = { width = 64, blocks = [2, 2] }`.
fn arguments(field: &Field<'_>, reader: &mut Reader) -> Option<Vec<(String, Argument)>> {
    let NodeKind::Table(table) = &field.node.kind else {
        let help = "such as arguments = { width = 64 }".to_owned();
        return reader.wrong_type(field, "a table", Some(help));
    };
    let read = |entry: &Entry| {
        let path = format!("{}.{}", field.path, entry.key);
        Some((entry.key.clone(), argument(&Field { path, node: &entry.value }, reader)?))
    };
    Some(table.entries.iter().filter_map(read).collect())
}

fn argument(field: &Field<'_>, reader: &mut Reader) -> Option<Argument> {
    if let NodeKind::List(_) = field.node.kind {
        return reader.list(field, "[2, 2]", |reader, item| argument(item, reader)).map(Argument::List);
    }
    reader.scalar(field).map(Argument::One)
}
