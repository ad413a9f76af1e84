//! Cells: what Postgres writes, as text, and what it is.

use std::fmt;

use domain::table::ColumnKind;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// What cells of a Postgres type hold.
pub fn kind(type_name: &str) -> ColumnKind {
    match type_name.to_ascii_lowercase().as_str() {
        "smallint" | "integer" | "bigint" | "int2" | "int4" | "int8" | "oid" => ColumnKind::Integer,
        "real" | "double precision" | "numeric" | "float4" | "float8" => ColumnKind::Number,
        "boolean" | "bool" => ColumnKind::Boolean,
        "timestamp with time zone" | "timestamptz" => ColumnKind::Timestamp,
        _ => ColumnKind::Text,
    }
}

/// The values of a JSON object in its order: numbers with all the digits that Postgres wrote, texts without quotes.
pub fn cells(row: &str) -> serde_json::Result<Vec<Option<String>>> {
    struct Cells;
    impl<'de> Visitor<'de> for Cells {
        type Value = Vec<Option<String>>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a row as a JSON object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut cells = Vec::new();
            while let Some((_, value)) = map.next_entry::<&str, &RawValue>()? {
                cells.push(match value.get() {
                    "null" => None,
                    text if text.starts_with('"') => {
                        Some(serde_json::from_str(text).map_err(serde::de::Error::custom)?)
                    }
                    other => Some(other.to_owned()),
                });
            }
            Ok(cells)
        }
    }
    let mut json = serde_json::Deserializer::from_str(row);
    json.deserialize_map(Cells)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_keeps_its_order_and_every_digit() {
        let row = cells(r#"{"b":9007199254740993,"a":1e-05,"t":"say \"no\"","n":null,"f":false}"#).unwrap();
        let texts: Vec<_> = row.iter().map(Option::as_deref).collect();
        assert_eq!(texts, [Some("9007199254740993"), Some("1e-05"), Some("say \"no\""), None, Some("false")]);
    }
}
