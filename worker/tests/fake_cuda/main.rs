//! The worker on CUDA, on any machine: the released program, through its own protocol, on libtorch's real CUDA libraries
//! above a runtime that this folder builds (see `build`). What allocates, waits, copies, refuses and fails is real; kernels
//! compute nothing, so that losses mean nothing here, and neither do times.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

mod board;

mod bundle;

mod machine;

mod trainer;

mod trials;

mod starting;

mod training;

mod memory;

mod modules;

mod containers;

mod waiting;

mod failures;

mod any_device;
