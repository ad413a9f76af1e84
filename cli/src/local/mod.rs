//! The stack on this machine: a private Postgres, a coordinator, workers. The same binaries that a cluster runs,
//! started, watched and stopped by this command.
//!
//! - [`state_dir`]: where everything lives,
//! - [`lock`]: so that two commands do not start it twice or stop it under each other,
//! - [`process`], [`life`] and [`launch`]: processes that outlive nobody by mistake, and which of them live,
//! - [`database_user`], [`socket`], [`postgres`]: the private Postgres,
//! - [`programs`]: where the other two binaries are,
//! - [`record`]: what runs, for the next command to find,
//! - [`service`]: one process kept running,
//! - [`options`]: what is to run, [`parts`]: what one command started, [`starter`]: how, from the bottom up,
//! - [`assemble`]: the rest is started where a part is there, [`stopping`]: from the top down,
//! - [`supervisor`]: looks after it, [`stack`]: all of it.

pub mod state_dir;

pub mod lock;

pub mod process;

pub mod life;

pub mod launch;

pub mod database_user;

pub mod socket;

pub mod postgres;

pub mod programs;

pub mod record;

pub mod service;

pub mod options;

pub mod parts;

pub mod starter;

pub mod assemble;

pub mod stopping;

pub mod supervisor;

pub mod page;

pub mod stack;

pub use options::{Lifetime, StackOptions, Workers};
pub use stack::Stack;
pub use state_dir::StateDir;
