//! A module of the user's, in the interpreter that runs it.

use std::ffi::{CString, c_void};
use std::ptr::NonNull;

use domain::spec::PythonModel;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyDict;
use pyo3::{ffi, intern};
use worker::shim::{TorchError, TorchErrorKind, python};
use worker::trainer::model::HostedModule;
use worker::trainer::model::hosted::Interpreter;
use worker::trainer::model::hosted::tch::{Device, Kind, Tensor};

use crate::values::keywords;

/// What is easier said in Python, once a process.
static SUPPORT: PyOnceLock<Py<PyModule>> = PyOnceLock::new();

fn support(py: Python<'_>) -> PyResult<&Bound<'_, PyModule>> {
    let code = CString::new(include_str!("support.py"))?;
    let support = SUPPORT.get_or_try_init(py, || {
        PyModule::from_code(py, &code, c"batchsweep/support.py", c"batchsweep_support").map(Bound::unbind)
    });
    support.map(|support| support.bind(py))
}

/// The interpreter around this process.
#[derive(Debug)]
pub struct Embedding;

impl Interpreter for Embedding {
    fn build(
        &self,
        model: &PythonModel,
        seed: u64,
        (kind, device): (Kind, Device),
    ) -> Result<Box<dyn HostedModule>, TorchError> {
        Python::attach(|py| {
            let built = Module::build(py, model, seed, (kind, device));
            built.map(|module| Box::new(module) as Box<dyn HostedModule>)
        })
    }
}

/// An `nn.Module`.
#[derive(Debug)]
struct Module {
    module: Py<PyAny>,
    tensor_class: Py<PyAny>,
    seed: Py<PyAny>,
    trained: Vec<(String, Tensor)>,
    frozen: Vec<(String, Tensor)>,
    buffers: Vec<(String, Tensor)>,
    /// What mode it was last put into.
    training: Option<bool>,
}

impl Module {
    fn build(
        py: Python<'_>,
        model: &PythonModel,
        seed: u64,
        (kind, device): (Kind, Device),
    ) -> Result<Self, TorchError> {
        let torch = py.import("torch").map_err(|error| of_python(py, &error))?;
        let raised = |error: PyErr| of_python(py, &error);
        let support = support(py).map_err(raised)?;
        let seeder = support.getattr("seed").map_err(raised)?;
        let path = model.file.path().unwrap_or_default();
        let code = support.call_method1("load", (path,)).map_err(raised)?;
        let function = code.getattr(model.function.as_str()).map_err(raised)?;
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

    fn forward(&mut self, inputs: &Tensor) -> Result<Tensor, TorchError> {
        Python::attach(|py| {
            let raised = |error: PyErr| of_python(py, &error);
            let inputs = object(py, inputs)?.map_err(raised)?;
            let outputs = self.module.bind(py).call1((inputs,)).map_err(raised)?;
            tensor(&outputs, self.tensor_class.bind(py)).map_err(raised)
        })
    }

    fn seed(&self, seed: u64) {
        Python::attach(|py| {
            // Nothing that a seed could be wrong with.
            let _ = self.seed.bind(py).call1((seed,));
        });
    }
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

/// The tensor of an object.
fn tensor(object: &Bound<'_, PyAny>, tensor_class: &Bound<'_, PyAny>) -> PyResult<Tensor> {
    if !object.is_instance(tensor_class)? {
        let found = object.get_type();
        return Err(PyTypeError::new_err(format!("the module must return one tensor, not {found}")));
    }
    let pointer = NonNull::new(object.as_ptr().cast::<c_void>());
    let pointer = pointer.ok_or_else(|| PyTypeError::new_err("no object"))?;
    // SAFETY: it is a tensor, and the lock is held.
    #[expect(unsafe_code, reason = "libtorch's tensors and Python's are one; this is where they meet")]
    Ok(unsafe { python::tensor_of(pointer) })
}

/// The object of a tensor.
fn object<'py>(py: Python<'py>, tensor: &Tensor) -> Result<PyResult<Bound<'py, PyAny>>, TorchError> {
    // SAFETY: the lock is held, and the reference is new.
    #[expect(unsafe_code, reason = "libtorch's tensors and Python's are one; this is where they meet")]
    unsafe {
        let found = python::object_of(tensor)?;
        let pointer = found.map_or(std::ptr::null_mut(), NonNull::as_ptr).cast::<ffi::PyObject>();
        Ok(Bound::from_owned_ptr_or_err(py, pointer))
    }
}

fn unusable(message: String) -> TorchError {
    TorchError { kind: TorchErrorKind::UsersCode, message }
}

/// What Python raised. A lack of memory is one, whoever met it; all else is the code's own: one line that says what and where,
/// then Python's traceback.
fn of_python(py: Python<'_>, error: &PyErr) -> TorchError {
    let short = TorchError::from_text(&error.to_string());
    if short.kind != TorchErrorKind::Other {
        return short;
    }
    unusable(in_full(py, error).unwrap_or_else(|_| error.to_string()))
}

fn in_full(py: Python<'_>, error: &PyErr) -> PyResult<String> {
    let traceback = py.import("traceback")?;
    let raised = (error.get_type(py), error.value(py), error.traceback(py));
    let lines: Vec<String> = traceback.call_method1("format_exception", raised)?.extract()?;
    let said = error.to_string().replace('\n', " ");
    let mut place = String::new();
    if let Some(from) = error.traceback(py) {
        // The last line of the user's own: what is below it is torch's.
        for frame in traceback.call_method1("extract_tb", (from,))?.try_iter()? {
            let frame = frame?;
            let file: String = frame.getattr("filename")?.extract()?;
            if !file.contains("site-packages") && !file.starts_with('<') {
                let (line, function) = (frame.getattr("lineno")?, frame.getattr("name")?);
                place = format!(" ({file}, line {line}, in {function})");
            }
        }
    }
    Ok(format!("{said}{place}\n{}", lines.concat().trim_end()))
}
