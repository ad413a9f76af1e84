//! Compiles the C++ shim against libtorch's headers and lets the binaries find libtorch without LD_LIBRARY_PATH.

use std::env;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

fn main() -> Result<(), Box<dyn Error>> {
    // torch-sys tells this to crates that depend on it directly; scripts/setup made the folder.
    let library = PathBuf::from(env::var("DEP_TCH_LIBTORCH_LIB")?);
    let library = fs::canonicalize(&library)
        .map_err(|error| format!("no libtorch in {}: {error}; run scripts/setup", library.display()))?;
    compile_shim(&library.join("../include"))?;
    link_with_rpath(&library);
    Ok(())
}

fn compile_shim(include: &Path) -> Result<(), Box<dyn Error>> {
    let mut build = cc::Build::new();
    build
        .cpp(true)
        .std("c++17")
        .warnings(true)
        // libtorch's own headers are not free of warnings.
        .flag(format!("-isystem{}", include.display()))
        .flag(format!("-isystem{}", include.join("torch/csrc/api/include").display()))
        .include("shim/cuda");
    for entry in fs::read_dir("shim")? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "cpp") {
            build.file(&path);
        }
    }
    println!("cargo:rerun-if-changed=shim");
    build.try_compile("batchsweep_shim")?;
    Ok(())
}

/// An installed worker finds libtorch in `../lib` beside its `bin/`; one that was just built, where it was built.
fn link_with_rpath(library: &Path) {
    println!("cargo:rustc-link-search=native={}", library.display());
    for name in ["torch_cpu", "c10"] {
        println!("cargo:rustc-link-lib=dylib={name}");
    }
    println!("cargo:rustc-link-arg=-Wl,-rpath,$ORIGIN/../lib");
    println!("cargo:rustc-link-arg=-Wl,-rpath,{}", library.display());
}
