//! Host memory to a device: tensors filled from bytes, and a lane on which an accelerator fetches them while it computes.

use std::ptr::{self, NonNull};

use smallvec::SmallVec;
use tch::{Device, Kind, Tensor};
use torch_sys::C_tensor;

use super::error::{TorchError, check};
use super::ffi;
use super::optimizer::bytes;

/// c10's number for CUDA, which tch's devices index.
const CUDA: i8 = 1;

/// A new tensor in host memory that holds the bytes of `pieces`, one after another. For an accelerator it is page-locked,
/// so that this reads it by itself; for the CPU it is an ordinary tensor, counted as such.
///
/// # Errors
/// [`TorchError`] when memory runs out, or where there is no such accelerator.
///
/// # Panics
/// When the pieces hold more or fewer bytes than the tensor.
pub fn host_tensor<P: AsRef<[u8]>>(
    size: &[i64],
    kind: Kind,
    device: Device,
    pieces: impl IntoIterator<Item = P>,
) -> Result<Tensor, TorchError> {
    let tensor = match device {
        Device::Cpu => Tensor::f_empty(size, (kind, Device::Cpu))?,
        _ => pinned(size, kind)?,
    };
    let (start, room) = (tensor.data_ptr().cast::<u8>(), bytes(&tensor) as usize);
    let mut filled = 0;
    for piece in pieces {
        let piece = piece.as_ref();
        assert!(piece.len() <= room - filled, "more bytes than the tensor holds");
        // SAFETY: a new tensor is contiguous and nobody else's, and `piece` ends within its `room` bytes of host
        // memory. No reference to the bytes is made, which are not initialised yet.
        unsafe { ptr::copy_nonoverlapping(piece.as_ptr(), start.add(filled), piece.len()) };
        filled += piece.len();
    }
    assert!(filled == room, "{filled} bytes for a tensor of {room}");
    Ok(tensor)
}

fn pinned(size: &[i64], kind: Kind) -> Result<Tensor, TorchError> {
    let prototype = Tensor::f_empty([0], (kind, Device::Cpu))?;
    let mut out = ptr::null_mut();
    // SAFETY: a live tensor, an array of `size.len()` numbers, and a pointer to write to.
    check(unsafe { ffi::bs_pinned_empty(prototype.as_ptr(), size.as_ptr(), size.len(), &raw mut out) })?;
    // SAFETY: after success `out` is a new C++ tensor, owned by nobody yet.
    Ok(unsafe { Tensor::from_ptr(out) })
}

/// The tensors of some examples; two need no memory of their own.
pub type Tensors = SmallVec<[Tensor; 2]>;

/// A way to one device beside its computing. To the CPU there is none: what is sent is there.
#[derive(Debug)]
pub struct Lane(Option<NonNull<ffi::Lane>>);

impl Lane {
    /// The lane to a device.
    ///
    /// # Errors
    /// [`TorchError`] where libtorch finds no such device.
    pub fn to(device: Device) -> Result<Self, TorchError> {
        let Device::Cuda(index) = device else { return Ok(Self(None)) };
        let index = i8::try_from(index)
            .map_err(|_| TorchError::from_text(&format!("there is no CUDA device {index}")))?;
        let mut lane = ptr::null_mut();
        // SAFETY: plain numbers, which libtorch checks, and a pointer to write to.
        check(unsafe { ffi::bs_lane_open(CUDA, index, &raw mut lane) })?;
        Ok(Self(NonNull::new(lane)))
    }

    /// Sends tensors made by [`host_tensor`] for this device, without waiting.
    ///
    /// # Errors
    /// [`TorchError`], such as when the device's memory runs out; nothing is then on its way.
    pub fn send(&self, staged: Tensors) -> Result<Parcel, TorchError> {
        let Some(lane) = self.0 else { return Ok(Parcel { arrival: Arrival(None), tensors: staged }) };
        let handles: SmallVec<[*mut C_tensor; 2]> =
            staged.iter().map(|tensor| tensor.as_ptr().cast_mut()).collect();
        let mut sent: SmallVec<[*mut C_tensor; 2]> = SmallVec::from_elem(ptr::null_mut(), staged.len());
        let mut arrival = ptr::null_mut();
        // SAFETY: `lane` is open, `handles` are as many live tensors as said, and as many are written on success, with one
        // arrival. The staged tensors go at the end of this function: libtorch keeps page-locked memory until its copies
        // are done.
        check(unsafe {
            ffi::bs_lane_send(
                lane.as_ptr(),
                handles.as_ptr(),
                handles.len(),
                sent.as_mut_ptr(),
                &raw mut arrival,
            )
        })?;
        // SAFETY: after success these are new C++ tensors, owned by nobody yet.
        let tensors = sent.into_iter().map(|tensor| unsafe { Tensor::from_ptr(tensor) }).collect();
        Ok(Parcel { arrival: Arrival(NonNull::new(arrival)), tensors })
    }
}

impl Drop for Lane {
    fn drop(&mut self) {
        if let Some(lane) = self.0 {
            // SAFETY: it was opened by `Lane::to`, and is closed once.
            unsafe { ffi::bs_lane_close(lane.as_ptr()) };
        }
    }
}

/// Tensors on their way to a device, where their memory is taken already.
#[derive(Debug)]
pub struct Parcel {
    // Before the tensors, so that it is dropped before them: their memory must not be used for something else while
    // they are on their way.
    arrival: Arrival,
    tensors: Tensors,
}

impl Parcel {
    /// The tensors, to be computed with: what is computed from now on waits for them, the host does not.
    ///
    /// # Errors
    /// [`TorchError`] when the device fails.
    pub fn receive(self) -> Result<Tensors, TorchError> {
        let Self { mut arrival, tensors } = self;
        arrival.settle()?;
        Ok(tensors)
    }

    /// The tensors, to be computed with as after [`Parcel::receive`], while the parcel is kept.
    ///
    /// # Errors
    /// [`TorchError`] when the device fails.
    pub fn open(&mut self) -> Result<&[Tensor], TorchError> {
        self.arrival.settle()?;
        Ok(&self.tensors)
    }
}

/// `None` for what is there.
#[derive(Debug)]
struct Arrival(Option<NonNull<ffi::Arrival>>);

impl Arrival {
    fn settle(&mut self) -> Result<(), TorchError> {
        let Some(arrival) = self.0.take() else { return Ok(()) };
        // SAFETY: it came from `bs_lane_send`, and is given back once.
        check(unsafe { ffi::bs_arrival_await(arrival.as_ptr()) })
    }
}

impl Drop for Arrival {
    fn drop(&mut self) {
        // A device that fails here fails again in the next operation, which has somebody to tell.
        let _ = self.settle();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trainer::exclusive;

    #[test]
    fn a_tensor_is_filled_piece_by_piece_and_sent() {
        let _exclusive = exclusive();
        let pieces = [1i64, -2, 3].map(i64::to_ne_bytes);
        let tensor = host_tensor(&[3], Kind::Int64, Device::Cpu, pieces).unwrap();
        let half = host_tensor(&[1, 2], Kind::Half, Device::Cpu, [[0u8, 0x3c, 0, 0xc0]]).unwrap();
        let parcel = Lane::to(Device::Cpu).unwrap().send(Tensors::from([tensor, half])).unwrap();
        let received = parcel.receive().unwrap();
        let [tensor, half] = &received[..] else { panic!("two tensors") };
        assert_eq!(Vec::<i64>::try_from(tensor).unwrap(), [1, -2, 3]);
        assert_eq!(half.size(), [1, 2]);
        assert_eq!(Vec::<f64>::try_from(&half.to_kind(Kind::Double).view(-1)).unwrap(), [1.0, -2.0]);
    }

    #[test]
    #[should_panic(expected = "7 bytes for a tensor of 8")]
    fn a_tensor_is_filled_wholly() {
        let _exclusive = exclusive();
        let _ = host_tensor(&[1], Kind::Int64, Device::Cpu, [[0u8; 7]]);
    }

    #[test]
    fn without_an_accelerator_its_lane_and_its_memory_are_refused_not_crashed_into() {
        let _exclusive = exclusive();
        if tch::Cuda::is_available() {
            return;
        }
        let lane = Lane::to(Device::Cuda(0)).unwrap_err().to_string();
        assert!(lane.to_ascii_lowercase().contains("cuda"), "{lane}");
        let memory = host_tensor(&[1], Kind::Uint8, Device::Cuda(0), [[0u8]]).unwrap_err();
        assert!(!memory.is_out_of_memory(), "{memory}");
        assert!(Lane::to(Device::Cuda(500)).unwrap_err().to_string().contains("500"));
    }
}
