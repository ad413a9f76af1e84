//! The coordinator: keeps sweeps in Postgres and hands their trials to workers over gRPC.
//!
//! It holds no truth in memory, so several may run behind one address and any may be killed at any time. In reading
//! order:
//! - [`config`]: flags and environment,
//! - [`mod@run`]: from a configuration and a listener to a server, until it is told to stop,
//! - [`rpc`]: the gRPC server,
//! - [`access`]: who may call what, and how much,
//! - [`service`]: the RPCs; each decodes, asks the domain and the store, and encodes,
//! - [`http`]: what is served beside gRPC,
//! - [`web`]: the live page,
//! - [`mod@context`]: what handlers and pages work with,
//! - [`tasks`]: what goes on beside the RPCs: claims, the reaper, health, notices, watches,
//! - [`cache`]: what was read before, and [`uploads`]: the files that are sent along,
//! - [`store`]: all SQL,
//! - [`health`] and [`metrics`]: for operators.
//!
//! Each of these uses only what comes after it, but for [`config`], [`access`] and [`metrics`], which many use.

pub mod config;

pub mod run;

pub mod rpc;

pub mod access;

pub mod service;

pub mod http;

pub mod web;

pub mod context;

pub mod tasks;

pub mod cache;

pub mod uploads;

pub mod store;

pub mod health;

pub mod metrics;

pub use config::ServeConfig;
pub use run::{RunError, run};
pub use store::connect::MIGRATOR;
