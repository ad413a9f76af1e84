//! `batchsweep model check`: what is in a scripted module, and whether it can be trained.

use std::path::Path;
use std::rc::Rc;

use domain::problem::{InputShape, Task};
use domain::run::Accumulation;
use domain::spec::{DataSource, DataSpec, Labels, Loss, Normalize, Precision, SyntheticData, TrainSpec};
use tch::Tensor;

use super::data::feed::FeedOptions;
use super::data::library::Reader;
use super::data::{Feed, Layouts, TargetForm};
use super::error::{Doing, TrialError};
use super::event::CheckedModule;
use super::model::{Model, Script};
use super::regular_file;
use super::session::Host;
use super::step::blueprint::help_for;
use super::step::exactness;
use super::step::learner::{Arithmetic, Learner};
use super::step::loss::Criterion;
use super::step::outputs::{CHECK_IT, failing};
use super::step::whole_numbers::{ignores_fractions, wants_integers};
use crate::shim::TorchError;
use crate::shim::optimizer::bytes;

/// Examples that are made to try the module on.
const EXAMPLES: u64 = 4;

/// Loads a module and runs it on a few made-up examples, of the given shape or, without one, the first likely one that it
/// takes.
///
/// # Errors
/// [`TrialError`] with what keeps it from being trained.
pub(super) fn module(path: &Path, wanted: &[u64], host: &mut Host) -> Result<CheckedModule, TrialError> {
    let arithmetic = Arithmetic::new(Precision::Float32, host.device);
    let script = load(path, arithmetic)?;
    let elements = |named: &[(String, Tensor)]| named.iter().map(|(_, tensor)| tensor.numel() as u64).sum();
    let all = [&script.trained, &script.frozen, &script.buffers].into_iter().flatten();
    let mut checked = CheckedModule {
        signature: script.signature(),
        trained_elements: elements(&script.trained),
        frozen_elements: elements(&script.frozen),
        buffer_elements: elements(&script.buffers),
        bytes: all.map(|(_, tensor)| bytes(tensor)).sum(),
        can_be_seeded: script.can_be_seeded,
        features: Vec::new(),
        outputs: 0,
        takes_whole_numbers: false,
        accumulation: Accumulation::None,
    };
    let shapes = if wanted.is_empty() { likely_inputs(&script) } else { vec![wanted.to_vec()] };
    let mut model = TorchError::catch(|| Model::from_script(script)).doing("looking into the module")?;
    (checked.features, checked.outputs) =
        first_accepted(&mut model, &shapes, arithmetic).map_err(|(problem, help)| match help {
            Some(help) => unusable(path, problem, help),
            None if wanted.is_empty() => {
                let help = "name the shape of an example, such as --input 3,32,32";
                unusable(path, format!("it took none of {} likely shapes; {problem}", shapes.len()), help)
            }
            None => unusable(path, problem, "change the module, or --input"),
        })?;
    checked.takes_whole_numbers =
        TorchError::catch(|| takes_whole_numbers(&mut model, &checked.features, arithmetic))
            .doing("trying out inputs")?;
    checked.accumulation = try_out(model, &checked, host, arithmetic).doing("trying out a step")?;
    Ok(checked)
}

fn unusable(path: &Path, reason: String, help: &'static str) -> TrialError {
    TrialError::Module { path: path.display().to_string(), reason, help }
}

fn load(path: &Path, arithmetic: Arithmetic) -> Result<Script, TrialError> {
    if let Err(error) = regular_file::open(path) {
        return Err(unusable(path, error.to_string(), "name a file that torch.jit.save wrote"));
    }
    let loaded = TorchError::catch(|| Script::load(path, 0, (arithmetic.kind, arithmetic.device)));
    let script = loaded.map_err(|error| {
        let help = help_for(&error);
        unusable(path, error.message, help)
    })?;
    if script.trained.is_empty() {
        return Err(unusable(
            path,
            "it has no parameter that wants a gradient".to_owned(),
            "leave requires_grad on for what is to be trained",
        ));
    }
    Ok(script)
}

/// Why a module takes none of the shapes, and what to do where that is known.
type Refusal = (String, Option<&'static str>);

/// The first shape of an example that the module takes, and the width of its outputs; otherwise what is wrong with the last
/// one.
fn first_accepted(
    model: &mut Model,
    shapes: &[Vec<u64>],
    arithmetic: Arithmetic,
) -> Result<(Vec<u64>, u64), Refusal> {
    let mut problem = String::new();
    for features in shapes {
        problem = match TorchError::catch(|| {
            model.output_shape(&InputShape::only(features.clone()), 2, (arithmetic.kind, arithmetic.device))
        }) {
            Ok(size) if size.len() == 2 && size[0] == 2 && size[1] > 0 => {
                return Ok((features.clone(), size[1] as u64));
            }
            Ok(size) => {
                format!("for 2 examples of shape {features:?} it returns {size:?}, not (2, classes)")
            }
            Err(error) => {
                let (reason, help) = failing(&InputShape::only(features.clone()), &error, CHECK_IT);
                if wants_integers(&error) {
                    return Err((reason, Some(help)));
                }
                reason
            }
        };
    }
    Err((problem, None))
}

/// Whether halves are the same as zeros to it, and ones are not.
fn takes_whole_numbers(
    model: &mut Model,
    features: &[u64],
    arithmetic: Arithmetic,
) -> Result<bool, TorchError> {
    let shape: Vec<i64> = std::iter::once(2).chain(features.iter().map(|&size| size as i64)).collect();
    let halves = Tensor::f_full(&shape[..], 0.5, (arithmetic.kind, arithmetic.device))?;
    ignores_fractions(model, &halves)
}

/// One forward and backward, and whether two halves give the gradient of the whole.
fn try_out(
    model: Model,
    checked: &CheckedModule,
    host: &mut Host,
    arithmetic: Arithmetic,
) -> Result<Accumulation, TorchError> {
    let (features, classes) = (checked.features.clone(), checked.outputs);
    let (labels, seed) = (Labels::Random, Some(0));
    let source = DataSource::Synthetic(SyntheticData { examples: EXAMPLES, features, classes, labels, seed });
    let spec = DataSpec { source, validation: 0, limit: None, normalize: Normalize::None };
    let dataset = host
        .library
        .open(&spec, &Reader { seed: 0, layouts: Layouts::Images, sweep_id: "" })
        .map_err(|error| TorchError::from_text(&error.to_string()))?;
    let options = FeedOptions {
        device: arithmetic.device,
        kind: arithmetic.kind,
        keeps_integers: true,
        target: TargetForm::Classes,
        shuffle: None,
        seed: 0,
        resident_limit: u64::MAX,
        per_epoch: EXAMPLES,
        fetch_ahead: false,
    };
    let dataset = if checked.takes_whole_numbers { Rc::new(dataset.with_whole_inputs()) } else { dataset };
    let mut feed = Feed::new(dataset, &options)?;
    let criterion =
        Criterion::new(Loss::CrossEntropy, Task::Classification { classes }, classes, arithmetic.kind);
    let mut learner = Learner::new(model, criterion, &TrainSpec::default(), arithmetic, 0)?;
    Ok(match exactness::check(&mut learner, &mut feed, EXAMPLES)? {
        None => Accumulation::Exact,
        Some(_) => Accumulation::Approximate,
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
    // Numbers of a row of text, each looked up in a table of that width and put one after another.
    let matrices: Vec<Vec<i64>> = sizes().filter(|size| size.len() == 2).take(MATRICES).collect();
    if let Some((table, others)) = matrices.split_first() {
        let rows = others.iter().filter(|other| table[1] > 0 && other[1] % table[1] == 0);
        shapes.extend(rows.map(|other| vec![(other[1] / table[1]) as u64]));
    }
    shapes.extend([vec![1, 28, 28], vec![3, 32, 32], vec![10]]);
    shapes
}
