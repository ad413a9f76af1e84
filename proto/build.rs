//! Compiles the protobuf files with protox, so that no `protoc` need be installed. Comments in the files become the
//! documentation of the generated types.

use std::env;
use std::error::Error;
use std::path::PathBuf;

use prost::Message;

const FILES: [&str; 10] = [
    "batchsweep/v1/spec.proto",
    "batchsweep/v1/memory.proto",
    "batchsweep/v1/record.proto",
    "batchsweep/v1/checkpoint.proto",
    "batchsweep/v1/sweep_service.proto",
    "batchsweep/v1/worker_service.proto",
    "batchsweep/v1/token_service.proto",
    "batchsweep/v1/fleet_service.proto",
    "batchsweep/v1/trainer.proto",
    "batchsweep/v1/spool.proto",
];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=batchsweep");
    let descriptors = protox::compile(FILES, ["."])?;
    let path = PathBuf::from(env::var("OUT_DIR")?).join("batchsweep.bin");
    std::fs::write(path, descriptors.encode_to_vec())?;
    tonic_prost_build::configure().build_transport(true).compile_fds(descriptors)?;
    Ok(())
}
