//! Traces of attempts, as a collector of OpenTelemetry gets them.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::thread;

use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::trace::v1::Span;
use tokio::net::TcpListener;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status};

use super::sandbox::{Sandbox, example};

/// Spans, each with the program that it came from.
type Spans = Arc<Mutex<Vec<(String, Span)>>>;

#[derive(Debug, Default)]
struct Collector(Spans);

#[tonic::async_trait]
impl TraceService for Collector {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        for of_program in request.into_inner().resource_spans {
            let service = text(&of_program.resource.unwrap_or_default().attributes, "service.name");
            let spans = of_program.scope_spans.into_iter().flat_map(|scope| scope.spans);
            self.0.lock().unwrap().extend(spans.map(|span| (service.clone(), span)));
        }
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

/// Collects from now on, on a thread of its own.
fn collect() -> (SocketAddr, Spans) {
    let spans = Spans::default();
    let collector = Collector(Arc::clone(&spans));
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let incoming = TcpIncoming::from(TcpListener::from_std(listener).unwrap());
            let server = tonic::transport::Server::builder().add_service(TraceServiceServer::new(collector));
            server.serve_with_incoming(incoming).await.unwrap();
        });
    });
    (address, spans)
}

fn text(attributes: &[KeyValue], key: &str) -> String {
    let found = attributes.iter().find(|attribute| attribute.key == key);
    match found.and_then(|attribute| attribute.value.as_ref()) {
        Some(AnyValue { value: Some(Value::StringValue(text)) }) => text.clone(),
        Some(AnyValue { value: Some(Value::IntValue(number)) }) => number.to_string(),
        _ => String::new(),
    }
}

#[test]
fn an_attempt_is_a_trace_through_worker_and_coordinator() {
    let (address, spans) = collect();
    let sandbox = Sandbox::new();
    let endpoint = format!("http://{address}");
    let run =
        sandbox.call_with(&[("OTEL_EXPORTER_OTLP_ENDPOINT", &endpoint)], &["run", &example("seed.toml")]);
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));

    // What was left was sent as each program ended, and `run` waits for that.
    let spans = spans.lock().unwrap().clone();
    let by_id: HashMap<&[u8], &(String, Span)> =
        spans.iter().map(|found| (&found.1.span_id[..], found)).collect();
    let attempts: Vec<&Span> =
        spans.iter().filter(|(_, span)| span.name == "attempt").map(|(_, span)| span).collect();
    let trials = sandbox.rows(&["trials", "@last"]);
    let ids = |texts: Vec<String>| {
        let mut texts = texts;
        texts.sort();
        texts
    };
    assert_eq!(
        ids(attempts.iter().map(|span| text(&span.attributes, "trial_id")).collect()),
        ids(trials.iter().map(|trial| trial["trial_id"].as_str().unwrap().to_owned()).collect())
    );
    for attempt in attempts {
        assert!(attempt.parent_span_id.is_empty(), "{attempt:?}");
        assert_eq!(text(&attempt.attributes, "outcome"), "succeeded");
        let inner: Vec<_> = spans
            .iter()
            .filter(|(_, span)| span.trace_id == attempt.trace_id)
            .map(|(service, span)| {
                let parent =
                    by_id.get(&span.parent_span_id[..]).map_or("", |(_, parent)| parent.name.as_str());
                (service.as_str(), span.name.as_str(), parent)
            })
            .collect();
        let complete = "batchsweep.v1.WorkerService/CompleteTrial";
        for expected in [
            ("batchsweep-worker", "prepare", "attempt"),
            ("batchsweep-worker", "train", "attempt"),
            ("batchsweep-worker", "hand in", "attempt"),
            ("batchsweep-worker", complete, "hand in"),
            ("batchsweep-coordinator", complete, complete),
        ] {
            assert!(inner.contains(&expected), "{expected:?} in {inner:?}");
        }
        assert!(inner.iter().any(|(service, name, _)| {
            *service == "batchsweep-coordinator" && name.ends_with("/ReportMetrics")
        }));
    }
    // Heartbeats and waiting for trials belong to no attempt.
    assert!(
        spans
            .iter()
            .all(|(_, span)| !span.name.ends_with("/ClaimTrials") && !span.name.ends_with("/Heartbeat"))
    );
}

#[test]
fn a_collector_that_is_not_there_keeps_nothing_from_its_end() {
    let sandbox = Sandbox::new();
    let nobody = [("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")];
    let run = sandbox.call_with(&nobody, &["run", &example("seed.toml")]);
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    assert_eq!(sandbox.rows(&["results", "@last"]).len(), 3);
}
