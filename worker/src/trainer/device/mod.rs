//! The device a trainer runs on, and its memory: [`meter`] counts and limits bytes, `warm_up` takes what libraries take
//! for good, and processes that share a device plan one after another, by [`turn`].

pub mod meter;
pub mod turn;
mod warm_up;

use std::os::unix::process::CommandExt;
use std::sync::OnceLock;
use std::{env, fs};

use anyhow::Context;
use tch::{Cuda, Device, Kind, Tensor};

use super::error::{Doing, TrialError};
use crate::shim::{TorchError, cpu_memory, device_memory, reproducibility, warnings};
use crate::{gpus, host_memory, own_program};
pub use meter::Meter;
use warm_up::warm_up;

/// The libtorch that tch is bound to, and that `scripts/setup` installs.
pub const LIBTORCH_VERSION: &str = "2.13.0";

/// Settings that libtorch and OpenMP read from the environment as a process starts; what the user has set stays.
///
/// - Threads that wait sleep. By default they spin, which pays only on a machine that does nothing else: with one of two
///   cores busy elsewhere, 2000 steps of a small MLP on 2 threads took 39.8 s spinning and 1.6 s sleeping.
///   They spin for a few microseconds first, which is what lies between two operations of a step: on two idle cores a
///   step of an MLP at batch size 512 took 1.87 ms without and 0.68 ms with that, with one core busy 1.4 and 2.0 ms.
/// - cuBLAS needs a fixed workspace to give the same bits twice.
/// - Devices are counted by their place in the machine. CUDA would count the fastest first.
pub const ENVIRONMENT: [(&str, &str); 4] = [
    ("OMP_WAIT_POLICY", "PASSIVE"),
    ("GOMP_SPINCOUNT", "1000"),
    ("CUBLAS_WORKSPACE_CONFIG", ":4096:8"),
    ("CUDA_DEVICE_ORDER", "PCI_BUS_ID"),
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
    let mut device = parse(name)?;
    if let Device::Cuda(index) = device {
        if let Some(gpu) = gpus::visible().get(index) {
            device_memory::show_only(gpu);
            device = Device::Cuda(0);
            // One device a process: whoever opened another one first keeps its name.
            let _ = OPENED.set(name.to_owned());
        }
        device_memory::load_cuda().map_err(|error| {
            TrialError::Unsupported(format!(
                "device {name} needs libtorch with CUDA, which is not installed here: {error}; run scripts/setup --cuda"
            ))
        })?;
        let found = if Cuda::is_available() { Cuda::device_count() } else { 0 };
        if !matches!(device, Device::Cuda(index) if (index as i64) < found) {
            return Err(TrialError::Unsupported(format!(
                "there is no device {name}: {}, or use --device cpu",
                why_not_there(device_memory::driver_version(), found)
            )));
        }
        make_first_tensor(device).doing("making a first tensor on the device")?;
    }
    warnings::print_each_once().doing("setting up libtorch's warnings")?;
    reproducibility::set_deterministic(true).doing("asking for deterministic kernels")?;
    reproducibility::set_tf32(false).doing("switching TF32 off")?;
    if device != Device::Cpu {
        warm_up(device).doing("computing on the device for the first time")?;
    }
    Ok(device)
}

/// The CUDA that libtorch was built for: an older driver cannot run it.
const CUDA: (i32, i32) = (13, 0);

/// What is missing of a device that is not there, and what to do.
fn why_not_there(driver: Option<(i32, i32)>, found: i64) -> String {
    let (wanted_major, wanted_minor) = CUDA;
    let what_to_do = "install driver 580 or newer and check it with nvidia-smi";
    match driver {
        None => format!("no NVIDIA driver is installed on this machine, or in this container; {what_to_do}"),
        Some((major, minor)) if (major, minor) < CUDA => format!(
            "the NVIDIA driver here is for CUDA {major}.{minor}, and libtorch needs {wanted_major}.{wanted_minor}; {what_to_do}"
        ),
        Some(_) => {
            let devices =
                if found == 1 { "1 CUDA device".to_owned() } else { format!("{found} CUDA devices") };
            format!(
                "libtorch finds {devices}; see with nvidia-smi which there are, and in CUDA_VISIBLE_DEVICES which of them may be used"
            )
        }
    }
}

/// Makes the device's allocator, which has no numbers before its first tensor.
///
/// Its segments grow where they can: that keeps memory from fragmenting when micro-batch sizes change. For that libtorch
/// asks the driver's management library, and crashes where a container has none, or fails where a card does not answer.
fn make_first_tensor(device: Device) -> Result<(), TorchError> {
    let first = || Tensor::f_zeros([1], (Kind::Float, device)).map(drop).map_err(TorchError::from);
    let is_users_choice = ALLOCATOR_VARIABLES.iter().any(|name| env::var_os(name).is_some());
    if is_users_choice || !device_memory::has_management_library() {
        return first();
    }
    device_memory::expand_segments(true)?;
    first().or_else(|_| {
        device_memory::expand_segments(false)?;
        first()
    })
}

/// Where users set up libtorch's allocator themselves.
const ALLOCATOR_VARIABLES: [&str; 2] = ["PYTORCH_ALLOC_CONF", "PYTORCH_CUDA_ALLOC_CONF"];

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
        Device::Cuda(index) => (
            device_memory::model(index).ok(),
            device_memory::stats(device).map(|stats| stats.total).unwrap_or_default(),
        ),
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

/// What this process opened its device as: it sees no other, so that to CUDA this is the first one.
static OPENED: OnceLock<String> = OnceLock::new();

/// "cpu" or "cuda:0".
#[must_use]
pub fn name(device: Device) -> String {
    match device {
        Device::Cuda(index) => OPENED.get().cloned().unwrap_or_else(|| format!("cuda:{index}")),
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
