//! The private Postgres: found, made once, started, stopped.

mod binaries;

mod cluster;

mod command;

mod identity;

mod leftovers;

mod server;

pub use binaries::Binaries;
pub use cluster::{check, prepare};
pub use command::launch;
pub use server::{Server, running, stop_signal, wait_until_ready};
