//! Traces, to a collector that takes OTLP over gRPC. Everything is set by OpenTelemetry's own variables.

use std::env;

use opentelemetry::trace::TracerProvider;
use opentelemetry_otlp::SpanExporter;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::{LevelFilter, filter_fn};
use tracing_subscriber::registry::LookupSpan;

use crate::TRACE;

/// The spans on their way.
#[derive(Debug, Default)]
pub struct Traces {
    provider: Option<SdkTracerProvider>,
}

/// The collector, where one is named; `OTEL_SDK_DISABLED=true` means none.
pub(crate) fn endpoint() -> Option<String> {
    let set = |name| env::var(name).ok().filter(|value: &String| !value.trim().is_empty());
    if set("OTEL_SDK_DISABLED").is_some_and(|value| value.eq_ignore_ascii_case("true")) {
        return None;
    }
    set("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT").or_else(|| set("OTEL_EXPORTER_OTLP_ENDPOINT"))
}

/// Prepares sending, where a collector is named.
pub(crate) fn open(service: &'static str) -> Result<Traces, String> {
    if endpoint().is_none() {
        return Ok(Traces::default());
    }
    let exporter = SpanExporter::builder().with_tonic().build().map_err(|error| error.to_string())?;
    let mut resource = Resource::builder();
    if env::var_os("OTEL_SERVICE_NAME").is_none() {
        resource = resource.with_service_name(service);
    }
    let version = opentelemetry::KeyValue::new("service.version", env!("CARGO_PKG_VERSION"));
    let provider = SdkTracerProvider::builder()
        .with_batch_exporter(exporter)
        .with_resource(resource.with_attribute(version).build())
        .build();
    opentelemetry::global::set_text_map_propagator(TraceContextPropagator::new());
    Ok(Traces { provider: Some(provider) })
}

impl Traces {
    /// Whether there is a collector.
    #[must_use]
    pub fn are_sent(&self) -> bool {
        self.provider.is_some()
    }

    pub(crate) fn layer<S>(&self) -> Option<impl Layer<S> + use<S>>
    where
        S: tracing::Subscriber + for<'span> LookupSpan<'span> + Send + Sync,
    {
        let tracer = self.provider.as_ref()?.tracer("batchsweep");
        let spans = tracing_opentelemetry::layer()
            .with_tracer(tracer)
            .with_location(false)
            .with_threads(false)
            .with_tracked_inactivity(false);
        let ours = filter_fn(|metadata| metadata.target() == TRACE).with_max_level_hint(LevelFilter::INFO);
        Some(spans.with_filter(ours))
    }

    /// Sends what is left, for a few seconds at most.
    pub async fn finish(self) {
        let Some(provider) = self.provider else { return };
        // It waits for the runtime that this is called in.
        let finished = tokio::task::spawn_blocking(move || provider.shutdown()).await;
        if let Ok(Err(error)) = finished {
            tracing::warn!("the last spans were not sent: {error}");
        }
    }
}
