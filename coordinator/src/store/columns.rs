//! Between values and columns: numbers, texts and words as Postgres holds them, and rows that one statement takes as arrays.

use std::fmt::Display;
use std::str::FromStr;

use domain::text::printable;
use domain::units::Attempt;

use super::{Result, StoreError};

/// The longest text that is stored, in bytes; more is cut off.
const MAX_TEXT: usize = 64 << 10;

/// A number of ours as Postgres holds it.
pub(crate) fn bigint(field: &'static str, value: u64) -> Result<i64> {
    i64::try_from(value)
        .map_err(|_| StoreError::Invalid { field, problem: format!("is {value}, past the largest bigint") })
}

/// A count out of Postgres, where negative ones cannot be.
pub(crate) fn count(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(0)
}

/// The number of an attempt that was made.
pub(crate) fn attempt(number: i32) -> Result<Attempt> {
    Attempt::try_from(i64::from(number))
        .map_err(|error| StoreError::corrupt("the number of an attempt", error))
}

/// What a word of column `what` stands for.
pub(crate) fn word<T: FromStr<Err: Display>>(what: &str, word: &str) -> Result<T> {
    word.parse().map_err(|error| StoreError::corrupt(what, error))
}

/// Words for people as Postgres and those who read them take them: without control characters, and not endless.
pub(crate) fn storable(text: &str) -> String {
    let mut end = text.len().min(MAX_TEXT);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    printable(&text[..end]).into_owned()
}

/// The same in one line: what is also written into a log, where another line would look like another event.
pub(crate) fn storable_line(text: &str) -> String {
    storable(text).replace(['\n', '\t'], " ")
}

/// One column of rows.
pub(crate) fn column<R, T>(rows: &[R], of: impl Fn(&R) -> T) -> Vec<T> {
    rows.iter().map(of).collect()
}

/// A query of a file that takes rows as arrays, one for each column: `query_file!` or, with `as Output`, `query_file_as!`. In
/// brackets stand the arguments before and after the arrays.
///
/// Each value is given by the name of its column. These names must be those of the file's `unnest(...) as rows (...)`, in that
/// order: else the crate does not compile, so no two columns of one type can be mixed up.
macro_rules! by_name {
    (
        $file:literal $(as $output:ident)?, [$($before:expr),*], for $row:pat in $rows:expr => {
            $($column:ident: $type:ty = $value:expr),+ $(,)?
        }, [$($after:expr),*]
    ) => {{
        const _: () = assert!(
            $crate::store::columns::are_named(
                include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/", $file)),
                &[$(stringify!($column)),+],
            ),
            concat!("the columns given are not those that ", $file, " names, or stand in another order"),
        );
        #[derive(Default)]
        struct Columns {
            $($column: Vec<$type>,)+
        }
        let mut columns = Columns::default();
        for $row in $rows {
            $(columns.$column.push($value);)+
        }
        by_name!(@query $file $(as $output)?; $($before,)* $(&columns.$column as &[$type],)+ $($after,)*)
    }};
    (@query $file:literal; $($arguments:tt)*) => { sqlx::query_file!($file, $($arguments)*) };
    (@query $file:literal as $output:ident; $($arguments:tt)*) => {
        sqlx::query_file_as!($output, $file, $($arguments)*)
    };
}

/// Whether a statement takes these columns, in this order, out of its first `unnest`. After them may stand the place that
/// `with ordinality` adds.
pub(crate) const fn are_named(statement: &str, columns: &[&str]) -> bool {
    let text = statement.as_bytes();
    let arrays = after(text, 0, b"unnest(");
    let mut at = after(text, after(text, arrays, b")"), b"(");
    let mut place = 0;
    while place < columns.len() {
        let name = columns[place].as_bytes();
        at = past_spaces(text, at);
        if !begins(text, at, name) {
            return false;
        }
        at = past_spaces(text, at + name.len());
        place += 1;
        let goes_on = match place == columns.len() {
            true => begins(text, at, b")") || begins(text, at, b", place)"),
            false => begins(text, at, b","),
        };
        if !goes_on {
            return false;
        }
        at += 1;
    }
    true
}

/// The place after the next occurrence of `wanted`; the end of the text where there is none.
const fn after(text: &[u8], from: usize, wanted: &[u8]) -> usize {
    let mut at = from;
    while at < text.len() {
        if begins(text, at, wanted) {
            return at + wanted.len();
        }
        at += 1;
    }
    at
}

const fn begins(text: &[u8], at: usize, wanted: &[u8]) -> bool {
    let mut same = 0;
    while same < wanted.len() && at + same < text.len() && text[at + same] == wanted[same] {
        same += 1;
    }
    same == wanted.len()
}

const fn past_spaces(text: &[u8], from: usize) -> usize {
    let mut at = from;
    while at < text.len() && text[at].is_ascii_whitespace() {
        at += 1;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_and_odd_texts_are_made_storable() {
        assert_eq!(storable("a\0b"), "a\u{fffd}b");
        assert_eq!(storable("\u{1b}[2Ja\nb"), "\u{fffd}[2Ja\nb");
        assert_eq!(storable_line("one\ntwo"), "one two");
        let long = "é".repeat(MAX_TEXT);
        assert_eq!(storable(&long).len(), MAX_TEXT);
    }

    #[test]
    fn columns_that_are_mixed_up_left_out_or_too_many_are_found() {
        let statement = "insert into t (b, a) select b, a from unnest($1::text[], $2::bigint[]) as new (\n  one, other\n)";
        assert!(are_named(statement, &["one", "other"]));
        for wrong in [
            &["other", "one"][..],
            &["one"],
            &["one", "oth"],
            &["one", "others"],
            &["one", "other", "more"],
            &["b", "a"],
        ] {
            assert!(!are_named(statement, wrong), "{wrong:?}");
        }
        let placed = "from unnest($1::text[]) with ordinality\n    as call (one, place)";
        assert!(are_named(placed, &["one"]) && !are_named("select 1", &["one"]));
    }
}
