//! A table as a JSON array of objects, one row a line: one text for `jq` and for `grep`.

use serde_json::{Number, Value};

use crate::table::{ColumnKind, Table};

/// The rows as objects whose keys are the columns, in order. Numbers are numbers with all their digits, NULL and what is
/// not finite are `null`. Where several columns have one name, the second is `name_2`, and so on: an object holds each key
/// once.
#[must_use]
pub fn render(table: &Table) -> String {
    if table.rows.is_empty() {
        return "[]\n".to_owned();
    }
    let keys = keys(table);
    let rows: Vec<String> = table.rows.iter().map(|row| format!("  {}", object(table, &keys, row))).collect();
    format!("[\n{}\n]\n", rows.join(",\n"))
}

/// One key a column, each once.
fn keys(table: &Table) -> Vec<String> {
    let names: Vec<&str> = table.columns.iter().map(|column| column.name.as_str()).collect();
    let mut keys: Vec<String> = Vec::new();
    for name in &names {
        let mut key = (*name).to_owned();
        let mut number = 1;
        while keys.contains(&key) || (number > 1 && names.contains(&key.as_str())) {
            number += 1;
            key = format!("{name}_{number}");
        }
        keys.push(key);
    }
    keys
}

fn object(table: &Table, keys: &[String], row: &[Option<String>]) -> String {
    let cells = table.columns.iter().zip(keys).zip(row);
    let entries: Vec<String> = cells
        .map(|((column, key), cell)| {
            let value = cell.as_deref().map_or_else(null, |text| value(column.kind, text));
            format!("{}:{value}", Value::from(key.as_str()))
        })
        .collect();
    format!("{{{}}}", entries.join(","))
}

fn value(kind: ColumnKind, text: &str) -> String {
    match kind {
        ColumnKind::Text | ColumnKind::Timestamp => Value::from(text).to_string(),
        ColumnKind::Integer | ColumnKind::Number => number(kind, text),
        ColumnKind::Boolean => match text {
            "t" | "true" => true.to_string(),
            "f" | "false" => false.to_string(),
            _ => null(),
        },
    }
}

fn null() -> String {
    Value::Null.to_string()
}

/// As a double has it where that is the same number, else as it was written: a numeric has more digits than a double holds.
fn number(kind: ColumnKind, text: &str) -> String {
    let Some(written) = Decimal::of(text) else { return null() };
    if kind == ColumnKind::Integer && text.parse::<i64>().is_ok() {
        return text.to_owned();
    }
    let double = text.parse().ok().and_then(Number::from_f64).map(|number| number.to_string());
    double.filter(|double| Decimal::of(double).as_ref() == Some(&written)).unwrap_or_else(|| text.to_owned())
}

/// A decimal number as JSON may write it: `0.digits` times ten to the exponent.
#[derive(Debug, PartialEq, Eq)]
struct Decimal {
    is_negative: bool,
    /// Without zeros at either end.
    digits: String,
    exponent: i64,
}

impl Decimal {
    /// `None` for what JSON does not take as a number.
    fn of(text: &str) -> Option<Self> {
        let (mantissa, exponent) = match text.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent.parse::<i64>().ok()?),
            None => (text, 0),
        };
        let is_negative = mantissa.starts_with('-');
        let mantissa = mantissa.strip_prefix('-').unwrap_or(mantissa);
        let (whole, fraction) = match mantissa.split_once('.') {
            Some((_, "")) => return None,
            Some(parts) => parts,
            None => (mantissa, ""),
        };
        let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        let has_leading_zero = whole.len() > 1 && whole.starts_with('0');
        if whole.is_empty() || has_leading_zero || !is_number(whole) || !is_number(fraction) {
            return None;
        }
        let all = format!("{whole}{fraction}");
        let digits = all.trim_start_matches('0');
        let dropped = (all.len() - digits.len()) as i64;
        let exponent = if digits.is_empty() { 0 } else { exponent + whole.len() as i64 - dropped };
        Some(Self { is_negative, digits: digits.trim_end_matches('0').to_owned(), exponent })
    }
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
    fn no_column_and_no_digit_is_lost() {
        let kinds =
            [("min", ColumnKind::Integer), ("min", ColumnKind::Number), ("min_2", ColumnKind::Number)];
        let big = format!("1{}", "0".repeat(400));
        let rows: &[&[Option<&str>]] = &[
            &[Some("1"), Some("9007199254740993"), Some("0.12345678901234567890123")],
            &[Some("18446744073709551615"), Some("-9007199254740993.50"), Some(&big)],
            &[Some("-1"), Some("0.10"), Some("1e-05")],
            &[Some("0"), Some("3"), Some("Infinity")],
        ];
        let rendered = render(&table(&kinds, rows));
        let lines: Vec<&str> = rendered.lines().collect();
        assert_eq!(lines[1], r#"  {"min":1,"min_3":9007199254740993,"min_2":0.12345678901234567890123},"#);
        let second =
            format!(r#"  {{"min":18446744073709551615,"min_3":-9007199254740993.50,"min_2":{big}}},"#);
        assert_eq!(lines[2], second);
        assert_eq!(lines[3], r#"  {"min":-1,"min_3":0.1,"min_2":0.00001},"#);
        assert_eq!(lines[4], r#"  {"min":0,"min_3":3.0,"min_2":null}"#);
    }

    #[test]
    fn no_rows_are_an_empty_array() {
        assert_eq!(render(&table(&[("a", ColumnKind::Text)], &[])), "[]\n");
    }
}
