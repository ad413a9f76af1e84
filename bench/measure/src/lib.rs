//! What every benchmark needs: repeated measurements, and the machine that they belong to.

mod sample;

pub mod machine;

pub use sample::Sample;
