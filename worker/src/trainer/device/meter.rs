//! One device's memory as a trial sees it: live bytes, peak, limit.

use tch::{Device, Kind, Tensor};

use crate::host_memory::available_bytes;
use crate::shim::{TorchError, cpu_memory, device_memory};

/// Counts bytes on a device since it was started, to the byte on the CPU and as requested (before the caching
/// allocator rounds) on an accelerator. Every call fails with a [`TorchError`] where the device does not answer.
#[derive(Debug, Clone, Copy)]
pub struct Meter {
    device: Device,
    base: u64,
    base_allocated: u64,
    base_ooms: u64,
}

/// What a call that asks a [`Meter`] is doing, for its error.
pub const READING: &str = "reading the device's memory";

/// What a call that sets its limit is doing.
pub const LIMITING: &str = "limiting the device's memory";

/// What a call that gives memory back is doing.
pub const RELEASING: &str = "giving memory back to the device";

/// Below this a GPU budget is not told apart from the room that fragmentation takes.
const GPU_MARGIN_BYTES: u64 = 256 << 20;

/// The caching allocator takes memory in segments of up to 20 MiB, for small and for large tensors: so much more than
/// tensors ask for it may hold, or a trial would be refused what its plan rightly promised.
const SEGMENTS_BYTES: u64 = 40 << 20;

impl Meter {
    /// Starts at zero from what is live now.
    pub fn start(device: Device) -> Result<Self, TorchError> {
        // What an earlier trial needed, others may have now: this trial too, for which it would otherwise be taken.
        match device {
            Device::Cpu => cpu_memory::release_freed(),
            _ => device_memory::empty_cache()?,
        }
        let zero = Self { device, base: 0, base_allocated: 0, base_ooms: 0 };
        let reading = zero.read()?;
        Ok(Self { device, base: reading.live, base_allocated: reading.allocated, base_ooms: reading.ooms })
    }

    /// Bytes in live tensors.
    pub fn live(&self) -> Result<u64, TorchError> {
        Ok(self.read()?.live.saturating_sub(self.base))
    }

    /// The most bytes in live tensors since [`Meter::reset_peak`].
    pub fn peak(&self) -> Result<u64, TorchError> {
        Ok(self.read()?.peak.saturating_sub(self.base))
    }

    /// The most bytes that the allocator held beyond what was live at the start; on the CPU it holds no more than tensors do.
    pub fn reserved_peak(&self) -> Result<u64, TorchError> {
        Ok(self.read()?.reserved_peak.saturating_sub(self.base_allocated))
    }

    /// Allocations refused.
    pub fn ooms(&self) -> Result<u64, TorchError> {
        Ok(self.read()?.ooms.saturating_sub(self.base_ooms))
    }

    /// Lets the peaks start again from what is live now.
    pub fn reset_peak(&self) -> Result<(), TorchError> {
        match self.device {
            Device::Cpu => {
                cpu_memory::reset_peak();
                Ok(())
            }
            device => device_memory::reset_peak(device),
        }
    }

    /// From now on more than `limit` bytes are refused as out of memory.
    pub fn set_limit(&self, limit: Option<u64>) -> Result<(), TorchError> {
        if self.device == Device::Cpu {
            cpu_memory::set_limit(limit.map(|limit| limit.saturating_add(self.base)));
            return Ok(());
        }
        let held = self.base_allocated.saturating_add(SEGMENTS_BYTES);
        device_memory::set_limit(self.device, limit.unwrap_or(u64::MAX).saturating_add(held))
    }

    /// Gives memory that no tensor uses back to the device.
    pub fn release_cache(&self) -> Result<(), TorchError> {
        if self.device == Device::Cpu { Ok(()) } else { device_memory::empty_cache() }
    }

    /// Takes what is missing to so many bytes from an accelerator and keeps it for the trial's tensors: nobody else is promised
    /// it then. Where that is not to be had, because a program that knows of no promise was faster, the trial goes on without.
    pub fn hold(&self, bytes: u64) -> Result<(), TorchError> {
        if self.device == Device::Cpu {
            return Ok(());
        }
        // In one piece, beside no pieces that are free already: those that the steps take are cut from it.
        device_memory::empty_cache()?;
        let missing = i64::try_from(bytes.saturating_sub(self.live()?)).unwrap_or(i64::MAX);
        match Tensor::f_empty([missing], (Kind::Uint8, self.device)).map_err(TorchError::from) {
            Err(error) if !error.is_out_of_memory() => Err(error),
            _ => Ok(()),
        }
    }

    /// Bytes that a trial may take when nobody set a budget: what is free now, less a margin for what libtorch does
    /// not count.
    pub fn available(&self) -> Result<u64, TorchError> {
        if self.device == Device::Cpu {
            // The system's own estimate, and no more than nine tenths of it: the kernel kills without asking.
            return Ok(available_bytes().map_or(u64::MAX, |free| free / 10 * 9));
        }
        let stats = device_memory::stats(self.device)?;
        // What the allocator holds and no tensor uses is free to this process, if to no other.
        let free = stats.free + stats.reserved.saturating_sub(stats.allocated);
        Ok(free.saturating_sub(GPU_MARGIN_BYTES.max(free / 20)))
    }

    fn read(&self) -> Result<Reading, TorchError> {
        if self.device == Device::Cpu {
            let stats = cpu_memory::stats();
            return Ok(Reading {
                live: stats.current,
                peak: stats.peak,
                allocated: stats.current,
                reserved_peak: stats.peak,
                ooms: stats.ooms,
            });
        }
        let stats = device_memory::stats(self.device)?;
        Ok(Reading {
            live: stats.requested,
            peak: stats.requested_peak,
            allocated: stats.allocated,
            reserved_peak: stats.reserved_peak,
            ooms: stats.ooms,
        })
    }
}

struct Reading {
    live: u64,
    peak: u64,
    allocated: u64,
    reserved_peak: u64,
    ooms: u64,
}
