//! gRPC calls as spans. The caller's side adds where a call belongs to its headers (W3C Trace Context), the other side reads it
//! there.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};
use opentelemetry::propagation::{Extractor, Injector};
use opentelemetry::trace::TraceContextExt;
use tower::{Layer, Service};
use tracing::field::Empty;
use tracing::{Instrument, Span};
use tracing_opentelemetry::OpenTelemetrySpanExt;

use crate::TRACE;

/// What a caller's connection goes through. Calls that belong to no trace pass as they are.
#[derive(Debug, Clone)]
pub struct Outgoing<S>(pub S);

impl<S, B> Service<Request<B>> for Outgoing<S>
where
    S: Service<Request<B>>,
    S::Future: Send + 'static,
    S::Response: 'static,
    S::Error: 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        if !belongs_to_a_trace(&Span::current()) {
            return Box::pin(self.0.call(request));
        }
        let (service, method) = named(request.uri().path());
        let span = tracing::info_span!(
            target: TRACE, "call", otel.name = format!("{service}/{method}"), otel.kind = "client",
            rpc.system = "grpc", rpc.service = service, rpc.method = method
        );
        let here = span.context();
        opentelemetry::global::get_text_map_propagator(|propagator| {
            propagator.inject_context(&here, &mut Headers(request.headers_mut()));
        });
        Box::pin(self.0.call(request).instrument(span))
    }
}

/// Puts [`Incoming`] in front of services.
#[derive(Debug, Clone, Copy, Default)]
pub struct IncomingLayer;

impl<S> Layer<S> for IncomingLayer {
    type Service = Incoming<S>;

    fn layer(&self, inner: S) -> Incoming<S> {
        Incoming(inner)
    }
}

/// What calls go through where they are answered. One that says where it belongs is a span there.
#[derive(Debug, Clone)]
pub struct Incoming<S>(S);

impl<S, B, R> Service<Request<B>> for Incoming<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    S::Future: Send + 'static,
    S::Error: 'static,
    R: 'static,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response<R>, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        if !request.headers().contains_key("traceparent") {
            return Box::pin(self.0.call(request));
        }
        let (service, method) = named(request.uri().path());
        let span = tracing::info_span!(
            target: TRACE, "answer", otel.name = format!("{service}/{method}"), otel.kind = "server",
            rpc.system = "grpc", rpc.service = service, rpc.method = method, rpc.grpc.status_code = Empty
        );
        let parent = opentelemetry::global::get_text_map_propagator(|propagator| {
            propagator.extract(&Found(request.headers()))
        });
        // Without a collector the span is none, and has no parent either.
        let _ = span.set_parent(parent);
        let answered = self.0.call(request);
        let noted = span.clone();
        let answer = async move {
            let response = answered.await?;
            // A status in the headers is a refusal; others come at the end of the body, unseen here.
            let refused = response.headers().get("grpc-status").and_then(|code| code.to_str().ok());
            noted.record("rpc.grpc.status_code", refused.unwrap_or("0"));
            Ok(response)
        };
        Box::pin(answer.instrument(span))
    }
}

fn belongs_to_a_trace(span: &Span) -> bool {
    !span.is_disabled() && span.context().span().span_context().is_valid()
}

/// Service and method of a path.
fn named(path: &str) -> (&str, &str) {
    path.trim_start_matches('/').split_once('/').unwrap_or(("", path))
}

struct Headers<'a>(&'a mut HeaderMap);

impl Injector for Headers<'_> {
    fn set(&mut self, key: &str, value: String) {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(key), HeaderValue::try_from(value)) {
            self.0.insert(name, value);
        }
    }
}

struct Found<'a>(&'a HeaderMap);

impl Extractor for Found<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key)?.to_str().ok()
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(HeaderName::as_str).collect()
    }
}
