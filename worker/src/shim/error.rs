//! Errors of libtorch, sorted by what can be done about them.

use std::any::Any;
use std::ffi::{CStr, c_int};
use std::panic::{AssertUnwindSafe, catch_unwind};

use tch::TchError;

use super::{ffi, refusals};

/// An operation of libtorch that failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct TorchError {
    /// What can be done about it.
    pub kind: TorchErrorKind,
    /// libtorch's own words, cut to the one useful line.
    pub message: String,
}

/// What can be done about a failed operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TorchErrorKind {
    /// It needed more memory than there is: a smaller micro-batch may do.
    OutOfMemory,
    /// The device is no longer usable by this process: only a new process helps.
    DeviceFatal,
    /// It was wrong: trying again changes nothing.
    Other,
    /// Code of the user's raised it: it does so again wherever it runs.
    UsersCode,
}

/// How libtorch and the libraries below it say that memory ran out, in lower case.
const OUT_OF_MEMORY: [&str; 8] = [
    "out of memory",
    "can't allocate memory",
    "not enough memory",
    "cublas_status_alloc_failed",
    "cublas_status_not_initialized",
    "cudnn_status_alloc_failed",
    // cuDNN 9: CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED, and HOST likewise.
    "allocation_failed",
    // While it makes the message of an allocation that failed, libtorch asks who else uses the card, and insists on an
    // answer that not every card gives.
    "nvml_success == r internal assert failed",
];

/// How cuDNN says that no way of computing something worked. It tries them in turn, so this hides whether memory ran out
/// or cuDNN is broken.
const NO_ENGINE: &str = "unable to find an engine";

/// How they say that the CUDA context is lost, in lower case. "CUDA error" last: it starts many messages.
const DEVICE_FATAL: [&str; 7] = [
    "cudnn error",
    "cudnn_status_",
    "illegal memory access",
    "device-side assert",
    "unspecified launch failure",
    "misaligned address",
    "cuda error",
];

impl TorchError {
    /// Sorts a message of libtorch.
    #[must_use]
    pub fn from_text(text: &str) -> Self {
        // TorchScript puts its own sentence first and the cause later, so the whole text is searched.
        let lower = text.to_ascii_lowercase();
        let has_run_out = OUT_OF_MEMORY.iter().any(|phrase| lower.contains(phrase))
            || (lower.contains(NO_ENGINE) && refusals::any_since());
        let kind = if has_run_out {
            TorchErrorKind::OutOfMemory
        } else if lower.contains(NO_ENGINE) || DEVICE_FATAL.iter().any(|phrase| lower.contains(phrase)) {
            TorchErrorKind::DeviceFatal
        } else {
            TorchErrorKind::Other
        };
        Self { kind, message: useful_line(text).to_owned() }
    }

    /// Whether a smaller micro-batch may do.
    #[must_use]
    pub fn is_out_of_memory(&self) -> bool {
        self.kind == TorchErrorKind::OutOfMemory
    }

    /// Whether a batch normalisation refused to normalise one value.
    #[must_use]
    pub fn is_of_one_value(&self) -> bool {
        self.message.contains("Expected more than 1 value per channel")
    }

    /// Runs `work` and turns a panic into an error too: tch panics where it has no way to return one.
    ///
    /// # Errors
    /// What `work` returned, or the text of its panic.
    pub fn catch<T>(work: impl FnOnce() -> Result<T, Self>) -> Result<T, Self> {
        // Nothing that `work` borrows is used after a panic: the caller drops the step and starts it over.
        catch_unwind(AssertUnwindSafe(work))
            .unwrap_or_else(|panic| Err(Self::from_text(&panic_text(&*panic))))
    }
}

impl From<TchError> for TorchError {
    fn from(error: TchError) -> Self {
        match error {
            TchError::Torch(text) => Self::from_text(&text),
            other => Self::from_text(&other.to_string()),
        }
    }
}

/// The result of a call into the shim.
pub(super) fn check(status: c_int) -> Result<(), TorchError> {
    if status == ffi::OK {
        return Ok(());
    }
    // SAFETY: the pointer is to a NUL-terminated thread-local that lives until the next failure on this thread.
    let text = unsafe { CStr::from_ptr(ffi::bs_error_text()) }.to_string_lossy().into_owned();
    let mut error = TorchError::from_text(&text);
    if status == ffi::OUT_OF_MEMORY {
        error.kind = TorchErrorKind::OutOfMemory;
    }
    Err(error)
}

fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text =
        panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    text.unwrap_or("a panic without a message").to_owned()
}

/// The line that says what happened, out of kilobytes of C++ frames or a TorchScript traceback.
fn useful_line(text: &str) -> &str {
    let text = text.split("\nException raised from").next().unwrap_or(text);
    let text = text.split("\nframe #0").next().unwrap_or(text).trim();
    // Four sentences that say "perhaps broken" after the one that says how.
    let text = text.split(". This is an internal miniz error").next().unwrap_or(text);
    if let Some((_, cause)) = text.rsplit_once("RuntimeError: ") {
        return cause.lines().next().unwrap_or(cause).trim();
    }
    text.lines().next().unwrap_or(text).trim()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(text: &str) -> TorchErrorKind {
        TorchError::from_text(text).kind
    }

    #[test]
    fn errors_are_sorted_by_their_text() {
        for text in [
            "CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 8 GiB",
            "CUDA error: out of memory",
            "[enforce fail at alloc_cpu.cpp:127] err == 0. DefaultCPUAllocator: can't allocate memory: you tried",
            "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
            "cuDNN error: CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED",
            "NVML_SUCCESS == r INTERNAL ASSERT FAILED at \"CUDACachingAllocator.cpp\":1407, please report a bug",
            "The following operation failed in the TorchScript interpreter.\nRuntimeError: CPU out of memory: tried",
        ] {
            assert_eq!(kind(text), TorchErrorKind::OutOfMemory, "{text}");
        }
        for text in [
            "CUDA error: an illegal memory access was encountered",
            "CUDA error: device-side assert triggered",
            "cuDNN error: CUDNN_STATUS_EXECUTION_FAILED",
            // No allocation was refused, so it is cuDNN that does not work.
            "GET was unable to find an engine to execute this computation",
        ] {
            assert_eq!(kind(text), TorchErrorKind::DeviceFatal, "{text}");
        }
        assert_eq!(kind("mat1 and mat2 shapes cannot be multiplied (2x3 and 4x5)"), TorchErrorKind::Other);
    }

    #[test]
    fn a_message_is_cut_to_its_useful_line() {
        let message = |text| TorchError::from_text(text).message;
        assert_eq!(
            message("shapes differ\nException raised from add at x.cpp:1\nframe #0: f"),
            "shapes differ"
        );
        assert_eq!(
            message(
                "The following operation failed in the TorchScript interpreter.\nTraceback\nRuntimeError: shapes differ\n"
            ),
            "shapes differ"
        );
    }

    #[test]
    fn a_panic_becomes_an_error() {
        let caught: Result<(), _> = TorchError::catch(|| panic!("CPU out of memory: {}", 7));
        assert_eq!(
            caught,
            Err(TorchError { kind: TorchErrorKind::OutOfMemory, message: "CPU out of memory: 7".into() })
        );
    }
}
