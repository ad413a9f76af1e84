//! The trainer process between trials.

use domain::memory::DeviceKind;
use tch::Device;

use crate::trainer::data::Library;
use crate::trainer::device;
use crate::trainer::memory::Planner;

/// What a trainer process keeps between trials.
#[derive(Debug)]
pub struct Host {
    /// Where it trains.
    pub device: Device,
    /// The worker's own limit, below the device's.
    pub memory_limit: Option<u64>,
    /// The most threads that a trial computes with.
    pub threads: u64,
    /// Data sets in host memory.
    pub library: Library,
    /// What is known about memory.
    pub planner: Planner,
    /// What kind of device it is, as far as memory depends on that.
    pub device_kind: DeviceKind,
    /// Whether models may run code of their users.
    pub allows_code: bool,
}

impl Host {
    /// A trainer on a device that [`device::open`] has readied.
    #[must_use]
    pub fn new(device: Device, memory_limit: Option<u64>) -> Self {
        let description = device::describe(device);
        Self {
            device,
            memory_limit,
            threads: description.threads.into(),
            library: Library::default(),
            planner: Planner::default(),
            device_kind: DeviceKind::new(&description.name, &description.model, description.libtorch),
            allows_code: false,
        }
    }
}
