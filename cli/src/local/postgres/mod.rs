//! The private Postgres: found, made once, started, stopped.

mod binaries;

mod cluster;

mod server;

pub use binaries::Binaries;
pub use cluster::prepare;
pub use server::{Server, launch, running, stop_signal, wait_until_ready};
