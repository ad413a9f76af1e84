//! The device a trainer runs on, and its memory: [`meter`] counts and limits bytes.

mod host_memory;
pub mod meter;

use std::os::unix::process::CommandExt;
use std::{env, fs};

use anyhow::Context;
use tch::{Cuda, Device};

use super::error::{Doing, TrialError};
use crate::own_program;
use crate::shim::{cpu_memory, device_memory, reproducibility};
pub(in crate::trainer) use host_memory::total_bytes as host_memory_bytes;
pub use meter::Meter;

/// The libtorch that tch is bound to, and that `scripts/setup` installs.
pub const LIBTORCH_VERSION: &str = "2.13.0";

/// Settings that libtorch and OpenMP read from the environment as a process starts; what the user has set stays.
///
/// - Threads that wait sleep. By default they spin, which pays only on a machine that does nothing else: with one of two
///   cores busy elsewhere, 2000 steps of a small MLP on 2 threads took 39.8 s spinning and 1.6 s sleeping.
///   They spin for a few microseconds first, which is what lies between two operations of a step: on two idle cores a
///   step of an MLP at batch size 512 took 1.87 ms without and 0.68 ms with that, with one core busy 1.4 and 2.0 ms.
/// - cuBLAS needs a fixed workspace to give the same bits twice.
/// - Segments that grow keep memory from fragmenting when micro-batch sizes change.
pub const ENVIRONMENT: [(&str, &str); 4] = [
    ("OMP_WAIT_POLICY", "PASSIVE"),
    ("GOMP_SPINCOUNT", "1000"),
    ("CUBLAS_WORKSPACE_CONFIG", ":4096:8"),
    ("PYTORCH_ALLOC_CONF", "expandable_segments:True"),
];

/// Goes on when [`ENVIRONMENT`] is set, and otherwise starts this program anew with it, in the same process: whoever
/// starts a trainer need not know.
///
/// # Errors
/// When the program cannot be started anew.
pub fn with_environment() -> anyhow::Result<()> {
    let missing = ENVIRONMENT.iter().filter(|(name, _)| env::var_os(name).is_none());
    let missing: Vec<_> = missing.copied().collect();
    if missing.is_empty() {
        return Ok(());
    }
    let mut program = own_program::command().context("this program's own path is unknown")?;
    Err(program.args(env::args_os().skip(1)).envs(missing).exec()).context("starting anew")
}

/// Readies libtorch in this process for a device named "cpu" or "cuda:0". To be called before any tensor exists.
///
/// # Errors
/// [`TrialError::Unsupported`] for a device that is not there, with what to do.
pub fn open(name: &str, threads: u32) -> Result<Device, TrialError> {
    cpu_memory::install().doing("installing the counting allocator")?;
    if let Ok(threads @ 1..) = i32::try_from(threads) {
        tch::set_num_threads(threads);
    }
    let device = parse(name)?;
    if let Device::Cuda(index) = device {
        device_memory::load_cuda().map_err(|error| {
            TrialError::Unsupported(format!(
                "device {name} needs libtorch with CUDA, which is not installed here: {error}; run scripts/setup --cuda"
            ))
        })?;
        let found = if Cuda::is_available() { Cuda::device_count() } else { 0 };
        if index as i64 >= found {
            return Err(TrialError::Unsupported(format!(
                "there is no device {name}: libtorch finds {found} CUDA devices; check the driver with nvidia-smi, \
                 or use --device cpu"
            )));
        }
        // The allocator has no numbers to tell before its first tensor.
        let first = tch::Tensor::f_zeros([1], (tch::Kind::Float, device));
        let _ = first.map_err(Into::into).doing("making a first tensor on the device")?;
    }
    reproducibility::set_deterministic(true).doing("asking for deterministic kernels")?;
    reproducibility::set_tf32(false).doing("switching TF32 off")?;
    Ok(device)
}

/// What a device is, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Description {
    /// "cpu" or "cuda:0".
    pub name: String,
    /// The model, such as "NVIDIA H100"; "unknown" where the system does not say.
    pub model: String,
    /// Its memory in bytes.
    pub memory_bytes: u64,
    /// libtorch's version.
    pub libtorch: &'static str,
    /// Threads that it computes with at most.
    pub threads: u32,
}

/// Describes a device that [`open`] has readied.
#[must_use]
pub fn describe(device: Device) -> Description {
    let (model, memory) = match device {
        Device::Cuda(_) => {
            (gpu_model(device), device_memory::stats(device).map(|stats| stats.total).unwrap_or_default())
        }
        _ => (cpu_model(), host_memory::total_bytes().unwrap_or_default()),
    };
    Description {
        name: name(device),
        model: model.unwrap_or_else(|| "unknown".to_owned()),
        memory_bytes: memory,
        libtorch: LIBTORCH_VERSION,
        threads: u32::try_from(tch::get_num_threads()).unwrap_or(0),
    }
}

/// "cpu" or "cuda:0".
#[must_use]
pub fn name(device: Device) -> String {
    match device {
        Device::Cuda(index) => format!("cuda:{index}"),
        _ => "cpu".to_owned(),
    }
}

fn parse(name: &str) -> Result<Device, TrialError> {
    match name {
        "cpu" => Ok(Device::Cpu),
        "cuda" => Ok(Device::Cuda(0)),
        _ => name.strip_prefix("cuda:").and_then(|index| index.parse().ok()).map(Device::Cuda).ok_or_else(
            || TrialError::Unsupported(format!("`{name}` is not a device; use \"cpu\" or \"cuda:0\"")),
        ),
    }
}

fn cpu_model() -> Option<String> {
    let text = fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

/// The driver lists devices by bus address, in the order in which CUDA counts them unless the user says otherwise.
fn gpu_model(device: Device) -> Option<String> {
    let Device::Cuda(index) = device else { return None };
    let mut folders: Vec<_> =
        fs::read_dir("/proc/driver/nvidia/gpus").ok()?.flatten().map(|entry| entry.path()).collect();
    folders.sort();
    let text = fs::read_to_string(folders.get(index)?.join("information")).ok()?;
    let model = text.lines().find_map(|line| line.strip_prefix("Model:"))?;
    Some(model.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn device_names_are_read_and_others_refused() {
        assert_eq!(parse("cpu").unwrap(), Device::Cpu);
        assert_eq!(parse("cuda:3").unwrap(), Device::Cuda(3));
        let error = parse("gpu0").unwrap_err().to_string();
        assert!(error.contains("`gpu0`") && error.contains("cuda:0"), "{error}");
    }

    #[test]
    fn this_machine_can_say_what_it_is() {
        let device = describe(Device::Cpu);
        assert_eq!(device.name, "cpu");
        assert!(device.memory_bytes > 0 && device.threads > 0 && !device.model.is_empty());
    }
}
