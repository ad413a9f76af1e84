//! A module of the user's, in the interpreter that runs it.

use domain::problem::InputShape;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyString, PyTuple};
use worker::shim::TorchError;
use worker::trainer::hosted::tch::{Device, Kind, Tensor};
use worker::trainer::hosted::{BuildRequest, HostedModule, OwnLoss, OwnMetric};

use crate::errors::{of_python, unusable};
use crate::support::{Part, support};
use crate::tensors::{object, objects, tensor};
use crate::values::keywords;

/// An `nn.Module`.
#[derive(Debug)]
pub struct Module {
    module: Py<PyAny>,
    tensor_class: Py<PyAny>,
    seed: Py<PyAny>,
    /// The keywords of its inputs; none where it takes them by their place.
    inputs: Vec<Py<PyString>>,
    loss: Option<OwnLossFunction>,
    trained: Vec<(String, Tensor)>,
    frozen: Vec<(String, Tensor)>,
    buffers: Vec<(String, Tensor)>,
    /// What mode it was last put into.
    training: Option<bool>,
}

/// What it holds is given up at once: its memory must not count as that of the trial after it.
impl Drop for Module {
    fn drop(&mut self) {
        Python::attach(|py| {
            let module = std::mem::replace(&mut self.module, py.None());
            self.loss = None;
            [&mut self.trained, &mut self.frozen, &mut self.buffers].into_iter().for_each(Vec::clear);
            // One that refers to itself stays until Python looks for such. What fails here is of no use to anybody.
            if let Ok(support) = support(py, Part::Loading)
                && let Ok(watch) = support.call_method1("watch", (&module,))
            {
                drop(module);
                let _ = support.call_method1("let_go", (watch,));
            }
        });
    }
}

/// What is called for a loss.
#[derive(Debug)]
struct OwnLossFunction {
    /// Of the support code: calls the user's, and looks at what it gives.
    call: Py<PyAny>,
    function: Py<PyAny>,
    target: Py<PyString>,
}

impl Module {
    /// Builds it, and brings it to its device.
    ///
    /// # Errors
    /// [`TorchError`] with what was raised, or what is wrong with what was returned.
    pub fn build(py: Python<'_>, request: &BuildRequest<'_>) -> Result<Self, TorchError> {
        let BuildRequest { model, seed, kind, device, .. } = *request;
        let torch = py.import("torch").map_err(|error| of_python(py, &error))?;
        let raised = |error: PyErr| of_python(py, &error);
        let support = support(py, Part::Loading).map_err(raised)?;
        let seeder = support.getattr("seed").map_err(raised)?;
        let path = model.file.path().unwrap_or_default();
        let code = support.call_method1("load", ("model", path)).map_err(raised)?;
        let function = code.getattr(model.function.as_str()).map_err(raised)?;
        let loss =
            request.has_loss.then(|| OwnLossFunction::find(py, support, &code, request.target)).transpose();
        let loss = loss.map_err(raised)?;
        torch.call_method1("manual_seed", (seed,)).and_then(|_| seeder.call1((seed,))).map_err(raised)?;
        let arguments = keywords(py, &model.arguments).map_err(raised)?;
        let module = function.call((), Some(&arguments)).map_err(raised)?;
        let module_class = torch.getattr("nn").and_then(|nn| nn.getattr("Module")).map_err(raised)?;
        if !module.is_instance(&module_class).map_err(raised)? {
            let found = module.get_type();
            return Err(unusable(format!("{}() returns {found}, not a torch.nn.Module", model.function)));
        }
        place(py, &module, kind, device).map_err(raised)?;
        let tensor_class = torch.getattr("Tensor").map_err(raised)?;
        let (trained, frozen): (Vec<_>, Vec<_>) = named(&module, "named_parameters", &tensor_class)
            .map_err(raised)?
            .into_iter()
            .partition(|(_, tensor)| tensor.requires_grad());
        let buffers = named(&module, "named_buffers", &tensor_class).map_err(raised)?;
        Ok(Self {
            module: module.unbind(),
            tensor_class: tensor_class.unbind(),
            seed: seeder.unbind(),
            inputs: names(py, request.inputs),
            loss,
            trained,
            frozen,
            buffers,
            training: None,
        })
    }
}

impl HostedModule for Module {
    fn trained(&self) -> Vec<(String, Tensor)> {
        handles(&self.trained)
    }

    fn frozen(&self) -> Vec<(String, Tensor)> {
        handles(&self.frozen)
    }

    fn buffers(&self) -> Vec<(String, Tensor)> {
        handles(&self.buffers)
    }

    fn set_training(&mut self, on: bool) -> Result<(), TorchError> {
        if self.training != Some(on) {
            Python::attach(|py| {
                let set = self.module.bind(py).call_method1(intern!(py, "train"), (on,));
                set.map(drop).map_err(|error| of_python(py, &error))
            })?;
            self.training = Some(on);
        }
        Ok(())
    }

    fn forward(&mut self, inputs: &[Tensor]) -> Result<Tensor, TorchError> {
        Python::attach(|py| {
            let raised = |error: PyErr| of_python(py, &error);
            let module = self.module.bind(py);
            let objects = objects(py, inputs)?;
            // One input is taken by its place, whatever the data calls it.
            let outputs = if self.inputs.len() < 2 {
                PyTuple::new(py, objects).and_then(|inputs| module.call1(inputs))
            } else {
                self.by_name(py, objects).and_then(|inputs| module.call((), Some(&inputs)))
            };
            let outputs = outputs.map_err(raised)?;
            tensor(&outputs, self.tensor_class.bind(py)).map_err(raised)
        })
    }

    fn loss(&mut self, inputs: &[Tensor], targets: &Tensor) -> Result<OwnLoss, TorchError> {
        Python::attach(|py| {
            let raised = |error: PyErr| of_python(py, &error);
            let Some(loss) = &self.loss else { return Err(unusable("the model has no loss".to_owned())) };
            let (mut objects, target) = (objects(py, inputs)?, object(py, targets)?.map_err(raised)?);
            let batch = if self.inputs.is_empty() {
                objects.push(target);
                PyTuple::new(py, objects).map(Bound::into_any)
            } else {
                self.by_name(py, objects).and_then(|batch| {
                    batch.set_item(loss.target.bind(py), target)?;
                    Ok(batch.into_any())
                })
            };
            let given = batch
                .and_then(|batch| {
                    loss.call.bind(py).call1((loss.function.bind(py), self.module.bind(py), batch))
                })
                .map_err(raised)?;
            own_loss(&given, self.tensor_class.bind(py)).map_err(raised)
        })
    }

    fn seed(&self, seed: u64) {
        Python::attach(|py| {
            // Nothing that a seed could be wrong with.
            let _ = self.seed.bind(py).call1((seed,));
        });
    }
}

impl Module {
    fn by_name<'py>(&self, py: Python<'py>, objects: Vec<Bound<'py, PyAny>>) -> PyResult<Bound<'py, PyDict>> {
        let named = PyDict::new(py);
        for (name, object) in self.inputs.iter().zip(objects) {
            named.set_item(name.bind(py), object)?;
        }
        Ok(named)
    }
}

impl OwnLossFunction {
    fn find(
        py: Python<'_>,
        support: &Bound<'_, PyModule>,
        code: &Bound<'_, PyAny>,
        target: &str,
    ) -> PyResult<Self> {
        let function = support.call_method1("loss_of", (code,))?.unbind();
        Ok(Self {
            call: support.getattr("own_loss")?.unbind(),
            function,
            target: PyString::new(py, target).unbind(),
        })
    }
}

/// The keywords of a module's inputs; none where it takes them by their place.
fn names(py: Python<'_>, inputs: &[InputShape]) -> Vec<Py<PyString>> {
    inputs.iter().filter_map(|input| Some(PyString::new(py, input.name.as_ref()?).unbind())).collect()
}

/// What the support code makes of a loss.
fn own_loss(given: &Bound<'_, PyAny>, tensor_class: &Bound<'_, PyAny>) -> PyResult<OwnLoss> {
    let (sum, terms, others): (Bound<'_, PyAny>, Bound<'_, PyAny>, Bound<'_, PyList>) = given.extract()?;
    let mut metrics = Vec::new();
    for other in others {
        let (name, sum, terms): (String, Bound<'_, PyAny>, Bound<'_, PyAny>) = other.extract()?;
        metrics.push(OwnMetric {
            name,
            sum: tensor(&sum, tensor_class)?,
            terms: tensor(&terms, tensor_class)?,
        });
    }
    Ok(OwnLoss { sum: tensor(&sum, tensor_class)?, terms: tensor(&terms, tensor_class)?, metrics })
}

fn handles(named: &[(String, Tensor)]) -> Vec<(String, Tensor)> {
    named.iter().map(|(name, tensor)| (name.clone(), tensor.shallow_clone())).collect()
}

/// Brings a module to a device, in numbers of `kind`.
fn place(py: Python<'_>, module: &Bound<'_, PyAny>, kind: Kind, device: Device) -> PyResult<()> {
    let torch = py.import("torch")?;
    let word = match kind {
        Kind::Double => "float64",
        _ => "float32",
    };
    let device = match device {
        Device::Cuda(index) => format!("cuda:{index}"),
        _ => "cpu".to_owned(),
    };
    let options = PyDict::new(py);
    options.set_item("dtype", torch.getattr(word)?)?;
    options.set_item("device", device)?;
    module.call_method("to", (), Some(&options)).map(drop)
}

fn named(
    module: &Bound<'_, PyAny>,
    method: &str,
    tensor_class: &Bound<'_, PyAny>,
) -> PyResult<Vec<(String, Tensor)>> {
    let mut found = Vec::new();
    for item in module.call_method0(method)?.try_iter()? {
        let (name, object): (String, Bound<'_, PyAny>) = item?.extract()?;
        found.push((name, tensor(&object, tensor_class)?));
    }
    Ok(found)
}
