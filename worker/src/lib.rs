//! The worker: takes trials from a coordinator and trains them with libtorch.
//!
//! Two processes of one program. The [`agent`] speaks gRPC and holds leases; the [`trainer`] is its child, speaks
//! frames on its standard input and output, and is the only one that touches libtorch, through tch and the [`shim`].

pub mod agent;
pub mod gpus;
pub mod host_memory;
pub mod own_program;
pub mod shim;
pub mod trainer;
