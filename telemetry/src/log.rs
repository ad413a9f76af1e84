//! The log, on standard error.

use std::fmt;
use std::io::{IsTerminal, Write};

use clap::ValueEnum;
use tracing_subscriber::filter::{FilterExt, LevelFilter, filter_fn};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

use crate::TRACE;

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// Writes a line on standard error beside the log, such as why a program ends. It is dropped where it cannot be written.
pub fn line(text: impl fmt::Display) {
    let _ = std::io::stderr().write_all(format!("{text}\n").as_bytes());
}

/// Starts the log alone, without traces.
pub fn start(format: LogFormat, told: &str) {
    tracing_subscriber::registry().with(layer(format, told)).init();
}

/// The lines. `BATCHSWEEP_LOG` chooses what is told, such as `debug` or `coordinator=debug,sqlx=info`.
pub(crate) fn layer<S>(format: LogFormat, told: &str) -> Box<dyn Layer<S> + Send + Sync>
where
    S: tracing::Subscriber + for<'span> LookupSpan<'span> + Send + Sync,
{
    let chosen = EnvFilter::try_from_env("BATCHSWEEP_LOG").unwrap_or_else(|_| EnvFilter::new(told));
    // With the hint, what nobody is told costs a comparison; without it, each statement and frame would be looked at.
    let others = filter_fn(|metadata| metadata.target() != TRACE).with_max_level_hint(LevelFilter::TRACE);
    let filter = chosen.and(others);
    // A line that cannot be written (a full disk) is dropped. Reporting that, as the library would, panics for the same reason.
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).log_internal_errors(false);
    match format {
        LogFormat::Text => {
            lines.with_target(false).with_ansi(std::io::stderr().is_terminal()).with_filter(filter).boxed()
        }
        LogFormat::Json => lines.json().with_filter(filter).boxed(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_is_told_is_known_beforehand() {
        for (told, most) in [("info,sqlx=warn", LevelFilter::INFO), ("warn", LevelFilter::WARN)] {
            let subscriber = tracing_subscriber::registry()
                .with(layer(LogFormat::Text, told))
                .with(crate::Traces::default().layer());
            assert_eq!(tracing::Subscriber::max_level_hint(&subscriber), Some(most), "{told}");
        }
    }
}
