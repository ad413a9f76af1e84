//! A table as a JSON array of objects, one row a line: one text for `jq` and for `grep`.

use serde_json::{Map, Number, Value};

use crate::table::{ColumnKind, Table};

/// The rows as objects whose keys are the columns, in order. Numbers are numbers, NULL and what is not finite are
/// `null`.
#[must_use]
pub fn render(table: &Table) -> String {
    if table.rows.is_empty() {
        return "[]\n".to_owned();
    }
    let rows: Vec<String> = table.rows.iter().map(|row| format!("  {}", object(table, row))).collect();
    format!("[\n{}\n]\n", rows.join(",\n"))
}

fn object(table: &Table, row: &[Option<String>]) -> Value {
    let cells = table.columns.iter().zip(row);
    let entries = cells.map(|(column, cell)| {
        (column.name.clone(), cell.as_deref().map_or(Value::Null, |text| value(column.kind, text)))
    });
    Value::Object(entries.collect::<Map<_, _>>())
}

fn value(kind: ColumnKind, text: &str) -> Value {
    match kind {
        ColumnKind::Text | ColumnKind::Timestamp => Value::from(text),
        ColumnKind::Integer => text.parse::<i64>().map_or_else(|_| number(text), Value::from),
        ColumnKind::Number => number(text),
        ColumnKind::Boolean => match text {
            "t" | "true" => Value::Bool(true),
            "f" | "false" => Value::Bool(false),
            _ => Value::Null,
        },
    }
}

fn number(text: &str) -> Value {
    text.parse().ok().and_then(Number::from_f64).map_or(Value::Null, Value::Number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::Column;

    fn table(columns: &[(&str, ColumnKind)], rows: &[&[Option<&str>]]) -> Table {
        Table {
            columns: columns.iter().map(|&(name, kind)| Column { name: name.to_owned(), kind }).collect(),
            rows: rows.iter().map(|row| row.iter().map(|cell| cell.map(str::to_owned)).collect()).collect(),
        }
    }

    #[test]
    fn numbers_stay_numbers_and_null_stays_null() {
        let columns = [
            ("status", ColumnKind::Text),
            ("steps", ColumnKind::Integer),
            ("loss", ColumnKind::Number),
            ("done", ColumnKind::Boolean),
        ];
        let rows: &[&[Option<&str>]] = &[
            &[Some("suc\"ceeded"), Some("9007199254740993"), Some("1e-05"), Some("t")],
            &[Some("diverged"), None, Some("NaN"), Some("false")],
        ];
        insta::assert_snapshot!(render(&table(&columns, rows)), @r#"
        [
          {"status":"suc\"ceeded","steps":9007199254740993,"loss":0.00001,"done":true},
          {"status":"diverged","steps":null,"loss":null,"done":false}
        ]
        "#);
    }

    #[test]
    fn no_rows_are_an_empty_array() {
        assert_eq!(render(&table(&[("a", ColumnKind::Text)], &[])), "[]\n");
    }
}
