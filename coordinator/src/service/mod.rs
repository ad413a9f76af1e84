//! The RPCs. A handler decodes, asks the domain and the store, and encodes; there is no SQL here.

mod decode;
mod encode;
mod ending;
mod extend;
mod findings;
mod fleet;
mod heavy;
mod lessons;
mod register;
mod removal;
mod report;
pub(crate) mod steer;
mod submit;
mod sweeps;
mod tokens;
mod uploads;
mod workers;

pub use fleet::Fleet;
pub use sweeps::Sweeps;
pub use tokens::Tokens;
pub use workers::Workers;
