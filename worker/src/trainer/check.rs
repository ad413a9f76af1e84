//! `batchsweep model check`: what is in a scripted module, and whether it can be trained.

use std::path::Path;

use domain::spec::{DataSource, DataSpec, Labels, Loss, Normalize, Precision, SyntheticData, TrainSpec};
use proto::v1;
use tch::Tensor;

use super::blueprint::{help_for, output_shape};
use super::data::Feed;
use super::data::feed::FeedOptions;
use super::error::{Doing, TrialError};
use super::exactness;
use super::learner::{Arithmetic, Learner};
use super::loss::Criterion;
use super::model::{Model, Script};
use super::setup::Host;
use crate::shim::TorchError;
use crate::shim::optimizer::bytes;

/// Examples that are made to try the module on.
const EXAMPLES: u64 = 4;

/// Loads a module and runs it on a few made-up examples, of the given shape or the first likely one that it takes.
///
/// # Errors
/// [`TrialError`] with what keeps it from being trained.
pub(super) fn module(request: &v1::CheckModule, host: &mut Host) -> Result<v1::CheckedModule, TrialError> {
    let arithmetic = Arithmetic::new(Precision::Float32, host.device);
    let unusable = |reason: String, help| TrialError::Module { path: request.path.clone(), reason, help };
    let path = Path::new(&request.path);
    if let Err(error) = std::fs::File::open(path) {
        return Err(unusable(error.to_string(), "name a file that torch.jit.save wrote"));
    }
    let loaded = TorchError::catch(|| Script::load(path, 0, (arithmetic.kind, arithmetic.device)));
    let script = loaded.map_err(|error| {
        let help = help_for(&error);
        unusable(error.message, help)
    })?;
    let elements = |named: &[(String, Tensor)]| named.iter().map(|(_, tensor)| tensor.numel() as u64).sum();
    let mut report = v1::CheckedModule {
        signature: script.signature(),
        trained_elements: elements(&script.trained),
        frozen_elements: elements(&script.frozen),
        buffer_elements: elements(&script.buffers),
        bytes: [&script.trained, &script.frozen, &script.buffers]
            .into_iter()
            .flatten()
            .map(|(_, tensor)| bytes(tensor))
            .sum(),
        can_be_seeded: script.can_be_seeded,
        ..v1::CheckedModule::default()
    };
    if script.trained.is_empty() {
        return Err(unusable(
            "it has no parameter that wants a gradient".to_owned(),
            "leave requires_grad on for what is to be trained",
        ));
    }
    let asked = !request.features.is_empty();
    let shapes = if asked { vec![request.features.clone()] } else { likely_inputs(&script) };
    let mut model = TorchError::catch(|| Model::from_script(script)).doing("looking into the module")?;
    let mut said = String::new();
    let guesses = shapes.len();
    for features in shapes {
        match TorchError::catch(|| output_shape(&mut model, &features, 2, arithmetic)) {
            Ok(size) if size.len() == 2 && size[0] == 2 => {
                (report.features, report.outputs) = (features, size[1] as u64);
                break;
            }
            Ok(size) => {
                said = format!("for 2 examples of shape {features:?} it returns {size:?}, not (2, classes)");
            }
            Err(error) => said = format!("for examples of shape {features:?} it fails: {}", error.message),
        }
    }
    if report.outputs == 0 {
        let help = if asked {
            "change the module, or --input"
        } else {
            "name the shape of an example, such as --input 3,32,32"
        };
        let tried = if asked { String::new() } else { format!("it took none of {guesses} likely shapes; ") };
        return Err(unusable(format!("{tried}{said}"), help));
    }
    let accumulation = try_out(model, &report, host, arithmetic).doing("trying out a step")?;
    report.set_accumulation(accumulation);
    Ok(report)
}

/// One forward and backward, and whether two halves give the gradient of the whole.
fn try_out(
    model: Model,
    report: &v1::CheckedModule,
    host: &mut Host,
    arithmetic: Arithmetic,
) -> Result<v1::Accumulation, TorchError> {
    let source = DataSource::Synthetic(SyntheticData {
        examples: EXAMPLES,
        features: report.features.clone(),
        classes: report.outputs,
        labels: Labels::Random,
        seed: Some(0),
    });
    let spec = DataSpec { source, validation: 0, limit: None, normalize: Normalize::None };
    let dataset = host.library.open(&spec, 0).map_err(|error| TorchError::from_text(&error.to_string()))?;
    let options = FeedOptions {
        device: arithmetic.device,
        kind: arithmetic.kind,
        shuffle: None,
        resident_limit: u64::MAX,
        per_epoch: EXAMPLES,
        fetch_ahead: false,
    };
    let mut feed = Feed::new(dataset, &options)?;
    let criterion = Criterion::new(Loss::CrossEntropy, report.outputs, arithmetic.kind);
    let mut learner = Learner::new(model, criterion, &TrainSpec::default(), arithmetic, 0)?;
    Ok(match exactness::check(&mut learner, &mut feed, EXAMPLES)? {
        None => v1::Accumulation::Exact,
        Some(_) => v1::Accumulation::Approximate,
    })
}

/// Shapes of an example that the weights make likely: the channels of the first convolution, the widths of matrices.
fn likely_inputs(script: &Script) -> Vec<Vec<u64>> {
    const SIDES: [u64; 6] = [32, 28, 64, 224, 16, 8];
    const MATRICES: usize = 4;
    let sizes = || script.trained.iter().chain(&script.frozen).map(|(_, tensor)| tensor.size());
    let channels = sizes().find(|size| size.len() == 4).map(|size| size[1] as u64);
    let mut shapes: Vec<_> =
        SIDES.into_iter().flat_map(|side| channels.map(|channels| vec![channels, side, side])).collect();
    // `x W^T` and `x W` are both common.
    let widths = sizes().filter(|size| size.len() == 2).take(MATRICES).flat_map(|size| [size[1], size[0]]);
    for width in widths.map(|width| width as u64) {
        shapes.push(vec![width]);
        for channels in [1, 3] {
            let side = ((width / channels) as f64).sqrt().round() as u64;
            if channels * side * side == width {
                shapes.push(vec![channels, side, side]);
            }
        }
    }
    shapes.extend([vec![1, 28, 28], vec![3, 32, 32], vec![10]]);
    shapes
}
