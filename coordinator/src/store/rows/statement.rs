//! A statement of a reader as text: where it ends, and what it begins with. Postgres has parsed it before anything here is
//! believed.

/// Whether its rows are those of a query, so that it may stand in another one's FROM.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// SELECT, VALUES, TABLE or WITH.
    Query,
    /// EXPLAIN or SHOW: a few rows about a query or a setting.
    About,
    /// Anything else.
    Other,
}

/// What a statement is, by its first word.
#[must_use]
pub fn form(sql: &str) -> Form {
    let mut rest = sql;
    let word = loop {
        let skipped = skip(rest.as_bytes(), 0);
        match skipped {
            Skipped { is_code: true, .. } if !rest.starts_with('(') => break rest,
            Skipped { end: 0, .. } => return Form::Other,
            Skipped { end, .. } => rest = rest.get(end..).unwrap_or_default(),
        }
    };
    let end = word.find(|letter: char| !letter.is_ascii_alphabetic()).unwrap_or(word.len());
    match word[..end].to_ascii_lowercase().as_str() {
        "select" | "values" | "table" | "with" => Form::Query,
        "explain" | "show" => Form::About,
        _ => Form::Other,
    }
}

/// The statement without what may follow it: semicolons, comments, white space.
#[must_use]
pub fn body(sql: &str) -> &str {
    let bytes = sql.as_bytes();
    let (mut at, mut end) = (0, 0);
    while at < bytes.len() {
        let skipped = skip(bytes, at);
        at = skipped.end.max(at + 1);
        if skipped.is_code {
            end = at;
        }
    }
    sql.get(..end).unwrap_or(sql)
}

/// The next piece of a text.
struct Skipped {
    end: usize,
    /// Whether it is a part of the statement.
    is_code: bool,
}

/// Skips white space or one comment, quoted text or letter.
fn skip(bytes: &[u8], at: usize) -> Skipped {
    let to = |end: usize, is_code| Skipped { end, is_code };
    let before = |back: usize| at.checked_sub(back).and_then(|place| bytes.get(place)).copied();
    let is_of_name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'$' || byte >= 0x80;
    match (bytes.get(at), bytes.get(at + 1)) {
        (None, _) => to(at, false),
        (Some(b';'), _) => to(at + 1, false),
        (Some(byte), _) if byte.is_ascii_whitespace() => to(at + 1, false),
        (Some(b'-'), Some(b'-')) => {
            // Postgres takes either for the end of a line.
            let line = bytes[at..].iter().position(|byte| b"\n\r".contains(byte));
            to(line.map_or(bytes.len(), |length| at + length + 1), false)
        }
        (Some(b'/'), Some(b'*')) => to(end_of_comment(bytes, at), false),
        (Some(b'\''), _) => {
            let is_escaped = before(1).is_some_and(|byte| byte.eq_ignore_ascii_case(&b'e'))
                && !before(2).is_some_and(is_of_name);
            to(end_of_quoted(bytes, at, b'\'', is_escaped), true)
        }
        (Some(b'"'), _) => to(end_of_quoted(bytes, at, b'"', false), true),
        (Some(b'$'), _) if !before(1).is_some_and(is_of_name) => to(end_of_dollars(bytes, at), true),
        _ => to(at + 1, true),
    }
}

/// Comments of this kind may hold others.
fn end_of_comment(bytes: &[u8], start: usize) -> usize {
    let (mut at, mut depth) = (start, 0_usize);
    while at < bytes.len() {
        match bytes[at..] {
            [b'/', b'*', ..] => (at, depth) = (at + 2, depth + 1),
            [b'*', b'/', ..] => {
                (at, depth) = (at + 2, depth - 1);
                if depth == 0 {
                    return at;
                }
            }
            _ => at += 1,
        }
    }
    at
}

/// A quote that stands twice is a part of the text, as is one behind a backslash in an E'' text.
fn end_of_quoted(bytes: &[u8], start: usize, quote: u8, is_escaped: bool) -> usize {
    let mut at = start + 1;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' if is_escaped => at += 2,
            byte if byte == quote && bytes.get(at + 1) == Some(&quote) => at += 2,
            byte if byte == quote => return at + 1,
            _ => at += 1,
        }
    }
    bytes.len()
}

/// `$tag$ text $tag$`; a lone dollar is a letter.
fn end_of_dollars(bytes: &[u8], start: usize) -> usize {
    let is_of_tag = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_' || *byte >= 0x80;
    let length = bytes[start + 1..].iter().take_while(|byte| is_of_tag(byte)).count();
    let open = start + length + 2;
    let is_tag = bytes.get(open - 1) == Some(&b'$') && !bytes[start + 1].is_ascii_digit();
    if !is_tag {
        return start + 1;
    }
    let tag = &bytes[start..open];
    let close = bytes[open..].windows(tag.len()).position(|window| window == tag);
    close.map_or(bytes.len(), |place| open + place + tag.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_ends_before_what_only_follows_it() {
        for (sql, expected) in [
            ("select 1", "select 1"),
            ("select 1 ; ", "select 1"),
            ("select 1; -- done;\n /* over /* and */ out; */ ;", "select 1"),
            ("select ';--' , \";\"; --", "select ';--' , \";\""),
            ("select 'it''s;' ;", "select 'it''s;'"),
            (r"select E'\';' ;", r"select E'\';'"),
            (r"select name'\' ;", r"select name'\'"),
            ("select $$;--$$, $a$ $$; $a$;", "select $$;--$$, $a$ $$; $a$"),
            ("select 1 - -1 / 2;", "select 1 - -1 / 2"),
            ("select a$b from é;", "select a$b from é"),
            ("-- nothing", ""),
            ("select 1 -- one\runion all select 2", "select 1 -- one\runion all select 2"),
            ("select 'open", "select 'open"),
            ("select $1", "select $1"),
        ] {
            assert_eq!(body(sql), expected, "{sql}");
        }
    }

    #[test]
    fn a_statement_is_known_by_its_first_word() {
        for sql in [
            "select 1",
            " -- a\n/* b */ ((Select 1))",
            "VALUES (1)",
            "table result",
            "with a as (select 1) select",
        ] {
            assert_eq!(form(sql), Form::Query, "{sql}");
        }
        assert_eq!((form("Explain select 1"), form("show all")), (Form::About, Form::About));
        for sql in [
            "do $$ begin end $$",
            "set a = 1",
            "insert into a values (1) returning 1",
            "",
            "selection",
            ";",
            "'select'",
        ] {
            assert_eq!(form(sql), Form::Other, "{sql}");
        }
    }

    mod properties {
        use proptest::prelude::*;

        proptest! {
            #[test]
            fn any_text_has_an_end(sql in "[-/*$'\"a;e\\\\ \n é1(]{0,40}") {
                let body = super::body(&sql);
                prop_assert!(sql.starts_with(body));
                prop_assert_eq!(super::body(body), body);
                let _ = super::form(&sql);
            }
        }
    }
}
