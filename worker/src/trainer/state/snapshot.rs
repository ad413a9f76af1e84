//! Everything that the steps to come depend on, as a safetensors file: weights, buffers, optimizer state, how many steps
//! were taken, and what the loop has gathered on the way. Random numbers have a place, not a state (`seed`), and so have
//! the examples of a step (`course`): neither is saved.

use std::borrow::Cow;
use std::fs::{self, File};
use std::io;
use std::path::Path;

use domain::units::{ContentHash, ContentHasher};
use safetensors::{Dtype, SafeTensors, View};
use tch::{Device, Kind, Tensor};

use crate::shim::TorchError;
use crate::trainer::digest::sha256_of;
use crate::trainer::step::learner::Learner;

/// A learner's state on the host, bit for bit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// Optimizer steps taken.
    pub steps: u64,
    /// What the loop knows besides, an encoded [`super::TrialState`]; empty for a learner alone.
    pub session: Vec<u8>,
    tensors: Vec<(String, Saved)>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Saved {
    dtype: Dtype,
    shape: Vec<usize>,
    bytes: Vec<u8>,
}

/// A snapshot that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// The file cannot be read or written.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: String,
        /// What the system says.
        source: io::Error,
    },
    /// The file is no snapshot, or of another trial.
    #[error("{path} is not this trial's snapshot: {reason}")]
    Unusable {
        /// The file.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
    /// libtorch failed.
    #[error(transparent)]
    Torch(#[from] TorchError),
}

const STEPS: &str = "batchsweep.steps";
const SESSION: &str = "session";

impl Snapshot {
    /// Copies a learner's state to the host. Waits for the device.
    ///
    /// # Errors
    /// [`TorchError`] when the device fails.
    pub fn take(learner: &Learner, steps: u64) -> Result<Self, TorchError> {
        let tensors = named(learner).into_iter().map(|(name, tensor)| Ok((name, Saved::of(tensor)?)));
        let tensors = tensors.collect::<Result<_, TorchError>>()?;
        Ok(Self { steps, session: Vec::new(), tensors })
    }

    /// Writes it beside its place and then moves it there: a file of this name is always whole. Gives its hash.
    ///
    /// # Errors
    /// [`SnapshotError::File`] when the disk refuses.
    pub fn write(&self, path: &Path) -> Result<ContentHash, SnapshotError> {
        let failed = |source| SnapshotError::File { path: path.display().to_string(), source };
        let facts = [(STEPS.to_owned(), self.steps.to_string())];
        let session = Saved::bytes(self.session.clone());
        let beside = (!self.session.is_empty()).then_some((SESSION, &session));
        let views = self.tensors.iter().map(|(name, saved)| (name.as_str(), saved)).chain(beside);
        let fresh = path.with_extension("part");
        // Tensor by tensor: the host holds one copy of the state already.
        safetensors::serialize_to_file(views, Some(facts.into_iter().collect()), &fresh)
            .map_err(|error| failed(io::Error::other(error.to_string())))?;
        let written = File::open(&fresh).and_then(|file| {
            let sha256 = sha256_of(&file)?;
            file.sync_all()?;
            fs::rename(&fresh, path)?;
            Ok(sha256)
        });
        written.map_err(failed)
    }

    /// Reads one.
    ///
    /// # Errors
    /// [`SnapshotError`] when there is none, or it is broken.
    pub fn read(path: &Path) -> Result<Self, SnapshotError> {
        let name = || path.display().to_string();
        let unusable = |reason: String| SnapshotError::Unusable { path: name(), reason };
        let bytes = fs::read(path).map_err(|source| SnapshotError::File { path: name(), source })?;
        let (_, header) = SafeTensors::read_metadata(&bytes).map_err(|error| unusable(error.to_string()))?;
        let steps = header.metadata().as_ref().and_then(|facts| facts.get(STEPS)?.parse().ok());
        let steps = steps.ok_or_else(|| unusable("it does not say how many steps were taken".to_owned()))?;
        let file = SafeTensors::deserialize(&bytes).map_err(|error| unusable(error.to_string()))?;
        let tensors = file.tensors().into_iter().map(|(name, view)| {
            let (dtype, shape, bytes) = (view.dtype(), view.shape().to_vec(), view.data().to_vec());
            (name, Saved { dtype, shape, bytes })
        });
        let (mut session, mut tensors): (Vec<_>, Vec<_>) = tensors.partition(|(name, _)| name == SESSION);
        tensors.sort_by(|(left, _), (right, _)| left.cmp(right));
        let session = session.pop().map(|(_, saved)| saved.bytes).unwrap_or_default();
        Ok(Self { steps, session, tensors })
    }

    /// Puts a learner of the same trial into this state.
    ///
    /// # Errors
    /// [`SnapshotError::Unusable`] when it has other tensors; the learner is then as it was.
    pub fn restore(&self, learner: &mut Learner) -> Result<(), SnapshotError> {
        let unusable = |reason: String| SnapshotError::Unusable { path: "the snapshot".to_owned(), reason };
        let live: Vec<_> =
            named(learner).into_iter().map(|(name, tensor)| (name, tensor.shallow_clone())).collect();
        if live.len() != self.tensors.len() {
            return Err(unusable(format!("{} tensors where there are {}", self.tensors.len(), live.len())));
        }
        for ((name, tensor), (saved_name, saved)) in live.iter().zip(&self.tensors) {
            if name != saved_name || !saved.suits(tensor) {
                return Err(unusable(format!("{saved_name} does not suit {name}")));
            }
        }
        let _no_grad = tch::no_grad_guard();
        for ((_, mut tensor), (_, saved)) in live.into_iter().zip(&self.tensors) {
            tensor.f_copy_(&saved.tensor()?).map_err(TorchError::from)?;
        }
        Ok(())
    }
}

/// Hash of a model's parameters and buffers: trials whose models are the same bits have the same.
///
/// # Errors
/// [`TorchError`] when the device fails.
pub fn fingerprint(learner: &Learner) -> Result<ContentHash, TorchError> {
    let mut hasher = ContentHasher::default();
    for tensor in learner.model.buffers().iter().chain(learner.model.parameters().as_slice()) {
        hasher.update(&Saved::of(tensor)?.bytes);
    }
    Ok(hasher.finish())
}

/// All that is saved of a learner, by name, in the order of the names.
fn named(learner: &Learner) -> Vec<(String, &Tensor)> {
    let number = |what: &'static str| move |(index, tensor)| (format!("{what}.{index:06}"), tensor);
    let parameters = learner.model.parameters().as_slice().iter().enumerate().map(number("parameter"));
    let buffers = learner.model.buffers().iter().enumerate().map(number("buffer"));
    let optimizer = learner.optimizer.state().into_iter().enumerate().map(number("optimizer"));
    buffers.chain(optimizer).chain(parameters).collect()
}

impl Saved {
    fn bytes(bytes: Vec<u8>) -> Self {
        Self { dtype: Dtype::U8, shape: vec![bytes.len()], bytes }
    }

    fn of(tensor: &Tensor) -> Result<Self, TorchError> {
        let host = tensor.f_detach()?.f_to_device(Device::Cpu)?.f_contiguous()?;
        let dtype = dtype(host.kind()).ok_or_else(|| {
            TorchError::from_text(&format!("a tensor of {:?} cannot be saved", host.kind()))
        })?;
        let mut bytes = vec![0; host.numel() * host.kind().elt_size_in_bytes()];
        host.f_copy_data_u8(&mut bytes, host.numel())?;
        let shape = host.size().into_iter().map(|size| size as usize).collect();
        Ok(Self { dtype, shape, bytes })
    }

    fn suits(&self, tensor: &Tensor) -> bool {
        dtype(tensor.kind()) == Some(self.dtype)
            && tensor.size().iter().map(|&size| size as usize).eq(self.shape.iter().copied())
    }

    fn tensor(&self) -> Result<Tensor, TorchError> {
        let shape: Vec<i64> = self.shape.iter().map(|&size| size as i64).collect();
        let kind = kind(self.dtype)
            .ok_or_else(|| TorchError::from_text(&format!("a tensor of {:?} cannot be read", self.dtype)))?;
        Ok(Tensor::f_from_data_size(&self.bytes, &shape, kind)?)
    }
}

impl View for &Saved {
    fn dtype(&self) -> Dtype {
        self.dtype
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        Cow::Borrowed(&self.bytes)
    }

    fn data_len(&self) -> usize {
        self.bytes.len()
    }
}

/// The number types that models are made of, and what modules may count in.
const KINDS: [(Kind, Dtype); 8] = [
    (Kind::Float, Dtype::F32),
    (Kind::Double, Dtype::F64),
    (Kind::Half, Dtype::F16),
    (Kind::BFloat16, Dtype::BF16),
    (Kind::Int64, Dtype::I64),
    (Kind::Int, Dtype::I32),
    (Kind::Uint8, Dtype::U8),
    (Kind::Bool, Dtype::BOOL),
];

fn dtype(kind: Kind) -> Option<Dtype> {
    KINDS.iter().find(|(known, _)| *known == kind).map(|&(_, dtype)| dtype)
}

fn kind(dtype: Dtype) -> Option<Kind> {
    KINDS.iter().find(|(_, known)| *known == dtype).map(|&(kind, _)| kind)
}
