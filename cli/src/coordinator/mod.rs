//! The coordinator, as this command sees it: where it is, how to reach it, what it says.
//!
//! - [`address`]: which one, and who said so,
//! - [`credentials`]: the token and certificates for it, [`client`]: a connection with them,
//! - [`session`]: a coordinator for one command, started for it where need be,
//! - [`refusal`]: what its errors mean,
//! - [`rows`] and [`sweeps`]: its tables and its sweeps, page by page; [`presence`]: whether there are workers,
//! - [`known`]: what it knows of the memory of trials,
//! - [`sign_in`]: a link that signs a browser in to its page.

pub mod address;

pub mod credentials;

pub mod client;

pub mod session;

pub mod refusal;

pub mod rows;

pub mod sweeps;

pub mod presence;

pub mod known;

pub mod sign_in;

pub use address::{Address, Origin};
pub use client::Client;
