//! The examples at the end of every `--help`.

/// `Examples:` and one command a line; the heading is bold where help is coloured.
macro_rules! examples {
    ($($line:literal),+ $(,)?) => {
        concat!("\x1b[1m\x1b[4mExamples:\x1b[0m" $(, "\n  ", $line)+)
    };
}

pub(crate) use examples;
