//! A table as CSV (RFC 4180, with a header line): what pandas, Polars and spreadsheets read.

use std::borrow::Cow;

use crate::table::{ColumnKind, Table};

/// All columns and rows; NULL is an empty field.
#[must_use]
pub fn render(table: &Table) -> String {
    let header = table.columns.iter().map(|column| column.name.as_str());
    let rows = table.rows.iter().map(|row| {
        let cells = table.columns.iter().zip(row);
        cells.map(|(column, cell)| field(column.kind, cell.as_deref().unwrap_or_default())).collect()
    });
    write(header.collect(), rows).unwrap_or_default()
}

/// A cell as a field. Text of others is no formula: a spreadsheet computes what begins with one of these, so a quote is put
/// before it, which it hides.
#[must_use]
pub fn field(kind: ColumnKind, text: &str) -> Cow<'_, str> {
    if kind == ColumnKind::Text
        && text.starts_with(['=', '+', '-', '@', '\t', '\r'])
        && text.parse::<f64>().is_err()
    {
        return Cow::Owned(format!("'{text}"));
    }
    Cow::Borrowed(text)
}

/// Writing to memory fails only on rows of unequal length, and a table has none.
fn write<'a>(header: Vec<&'a str>, rows: impl Iterator<Item = Vec<Cow<'a, str>>>) -> Option<String> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(header).ok()?;
    for row in rows {
        writer.write_record(row.iter().map(|field| field.as_bytes())).ok()?;
    }
    String::from_utf8(writer.into_inner().ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::Column;

    #[test]
    fn text_that_a_spreadsheet_would_compute_is_quoted_and_numbers_are_not() {
        let text = |text| field(ColumnKind::Text, text).into_owned();
        assert_eq!(text("=1+1"), "'=1+1");
        assert_eq!(text("@SUM(A1)"), "'@SUM(A1)");
        assert_eq!((text("-0.5"), text("+inf"), text("a=b")), ("-0.5".into(), "+inf".into(), "a=b".into()));
        assert_eq!(field(ColumnKind::Number, "-1e9"), "-1e9");
    }

    #[test]
    fn null_is_an_empty_field_and_commas_are_quoted() {
        let column = |name: &str| Column { name: name.to_owned(), kind: ColumnKind::Text };
        let table = Table {
            columns: vec![column("status"), column("error")],
            rows: vec![
                vec![Some("succeeded".to_owned()), None],
                vec![Some("failed".to_owned()), Some("no file \"x\", no data\nat all".to_owned())],
            ],
        };
        insta::assert_snapshot!(render(&table), @r#"
        status,error
        succeeded,
        failed,"no file ""x"", no data
        at all"
        "#);
    }
}
