//! What coordinator and worker tell of themselves besides figures: a log on standard error and, where a collector of
//! OpenTelemetry is named, traces.
//!
//! A trace is an attempt: the worker opens it, what it asks of the coordinator is part of it there and here. Spans are made by
//! `tracing` with the target [`TRACE`]; they are in no log, and cost next to nothing while nobody collects them.
//!
//! - [`log`]: the log,
//! - [`traces`]: from spans to a collector,
//! - [`calls`]: gRPC calls as spans, on either side.

pub mod calls;
pub mod log;
pub mod traces;

pub use log::LogFormat;
pub use traces::Traces;

use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// The target of spans that are part of a trace.
pub const TRACE: &str = "batchsweep::trace";

/// Starts the log and, where a collector is named, traces of a program that calls itself `service`. `told` is what is logged
/// where `BATCHSWEEP_LOG` says nothing.
///
/// Must be called within the runtime that the program's calls are made in.
#[must_use]
pub fn start(service: &'static str, format: LogFormat, told: &str) -> Traces {
    let traces = traces::open(service);
    let (traces, problem) = match traces {
        Ok(traces) => (traces, None),
        Err(problem) => (Traces::default(), Some(problem)),
    };
    tracing_subscriber::registry().with(log::layer(format, told)).with(traces.layer()).init();
    match problem {
        Some(problem) => tracing::warn!("no traces: {problem}"),
        None if traces.are_sent() => {
            tracing::info!("traces are sent to {}", traces::endpoint().unwrap_or_default());
        }
        None => {}
    }
    traces
}
