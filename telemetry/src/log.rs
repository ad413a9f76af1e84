//! The log, on standard error.

use std::io::IsTerminal;

use clap::ValueEnum;
use tracing_subscriber::filter::{FilterExt, filter_fn};
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
    let filter = chosen.and(filter_fn(|metadata| metadata.target() != TRACE));
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    match format {
        LogFormat::Text => {
            lines.with_target(false).with_ansi(std::io::stderr().is_terminal()).with_filter(filter).boxed()
        }
        LogFormat::Json => lines.json().with_filter(filter).boxed(),
    }
}
