//! A model out of Python code of the user's.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use domain::problem::Task;
use domain::spec::PythonCode;
use domain::units::{ContentHash, ContentHasher};

use super::learner::Arithmetic;
use super::outputs;
use super::problem::Problem;
use crate::shim::TorchError;
use crate::trainer::digest;
use crate::trainer::error::{Doing, TrialError};
use crate::trainer::hosted::{self, BuildRequest};
use crate::trainer::model::Model;
use crate::trainer::regular_file;

const BUILDING: &str = "building the model";

/// The hash of a file, or of all Python files in a folder with their names.
///
/// # Errors
/// What the file system says.
pub fn sha256_of(path: &Path) -> io::Result<ContentHash> {
    if !fs::metadata(path)?.is_dir() {
        return regular_file::open(path).and_then(digest::sha256_of);
    }
    let mut files = Vec::new();
    collect(path, &mut files)?;
    files.sort();
    let mut hasher = ContentHasher::default();
    for file in files {
        let name = file.strip_prefix(path).unwrap_or(&file).to_string_lossy().into_owned();
        let hash = regular_file::open(&file).and_then(digest::sha256_of)?;
        hasher.update(format!("{name} {hash}\n").as_bytes());
    }
    Ok(hasher.finish())
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() && !path.is_symlink() {
            collect(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "py") {
            files.push(path);
        }
    }
    Ok(())
}

/// The module as a model, and the width of its outputs.
///
/// # Errors
/// [`TrialError`] with what the code raised, or what is wrong with what it returns.
pub fn build(
    python: &PythonCode,
    seed: u64,
    problem: &Problem<'_>,
    arithmetic: Arithmetic,
) -> Result<(Model, u64), TrialError> {
    let path = python.file.path().unwrap_or_default();
    let unusable = |reason: String, help: &str| {
        Err(TrialError::Code { path: path.to_owned(), reason, help: help.to_owned() })
    };
    let Some(interpreter) = hosted::interpreter() else {
        let problem = "a model of kind python was given to a trainer that no Python interpreter hosts";
        return Err(TrialError::Unsupported(problem.to_owned()));
    };
    let (inputs, has_loss) = (&problem.shape.inputs, *problem.task == Task::OwnLoss);
    let Arithmetic { kind, device, .. } = arithmetic;
    let request =
        BuildRequest { model: python, inputs, target: problem.target, has_loss, seed, kind, device };
    let module = interpreter.build(&request).doing(BUILDING)?;
    if module.trained().is_empty() {
        return unusable(
            format!("the module that {}() returns has no parameter that wants a gradient", python.function),
            "leave requires_grad on for what is to be trained",
        );
    }
    let mut model = TorchError::catch(|| Model::from_hosted(module)).doing(BUILDING)?;
    if has_loss {
        // Its outputs are for its own loss to understand.
        return Ok((model, 0));
    }
    let tried = outputs::try_out(&mut model, problem, (kind, device), "see its code");
    match tried.doing("trying the module on two examples")? {
        Ok(width) => Ok((model, width)),
        Err((reason, help)) => unusable(reason, help),
    }
}
