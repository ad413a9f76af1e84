"""What the trainer does in Python: loads the user's code and seeds what it draws from."""

import gc
import importlib
import importlib.util
import os
import random
import sys
import weakref

import torch

# A file that is changed within a second, to the same length, is taken for unchanged where its bytecode is kept.
sys.dont_write_bytecode = True

folders = {}

LONGEST_NAME = 48
METRICS = {
    "train_loss",
    "train_set_loss",
    "learning_rate",
    "gradient_norm",
    "validation_loss",
    "validation_accuracy",
    "validation_error",
    "validation_perplexity",
}


def seed(number):
    random.seed(number)
    numpy = sys.modules.get("numpy")
    if numpy is not None:
        numpy.random.seed(number % 2**32)


def load(role, path):
    """Runs a file, or the package in a folder, as it is now, and all that it imports from beside it.

    There is one for each role: the model's, and the data's."""
    path = os.path.abspath(path)
    folder = os.path.dirname(path)
    earlier = folders.pop(role, None)
    for outdated in {earlier, folder} - {None}:
        forget(outdated)
    folders[role] = folder
    for place in {*folders.values()} - {folder} - {*sys.path}:
        sys.path.insert(0, place)
    sys.path.insert(0, folder)
    importlib.invalidate_caches()
    is_package = os.path.isdir(path)
    file = os.path.join(path, "__init__.py") if is_package else path
    name = os.path.basename(path) if is_package else os.path.splitext(os.path.basename(path))[0]
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None:
        raise TypeError(f"{file} is no Python file")
    module = importlib.util.module_from_spec(spec)
    # Classes of the module are looked up by its name when they are copied or saved.
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def forget(folder):
    """Modules from there may have changed, or be called as some of another model's."""
    while folder in sys.path:
        sys.path.remove(folder)
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None) or ""
        installed = "site-packages" in file or file.startswith(sys.base_prefix + os.sep)
        if file.startswith(folder + os.sep) and not installed:
            del sys.modules[name]


def watch(module):
    return weakref.ref(module)


def let_go(watched):
    """Frees a module that nothing refers to but itself."""
    if watched() is not None:
        gc.collect()


def loss_of(code):
    """The function `loss` of the user's code."""
    function = getattr(code, "loss", None)
    if not callable(function):
        raise TypeError(
            f'`loss = "model"` needs a function loss(model, batch) in {code.__file__}, and there is none; '
            "define it, or choose another loss in [train]"
        )
    return function


def own_loss(function, module, batch):
    """The loss of a batch: its sum, its terms, and each metric with both, all of them scalar tensors."""
    given = function(module, batch)
    metrics = []
    if isinstance(given, dict):
        if "sum" not in given or "terms" not in given:
            raise TypeError(f"loss() must return a dict with \"sum\" and \"terms\", and it has {sorted(map(str, given))}")
        total, terms = given["sum"], given["terms"]
        for name, value in given.items():
            if name not in ("sum", "terms"):
                metrics.append((metric_name(name), *metric(name, value, total)))
    elif isinstance(given, (tuple, list)) and len(given) == 2:
        total, terms = given
    else:
        raise TypeError(f"loss() must return (sum, terms), or a dict with both, and it returns {type(given).__name__}")
    if not isinstance(total, torch.Tensor):
        raise TypeError(f"the sum that loss() returns must be a tensor, not {type(total).__name__}")
    return scalar("the sum", total, total), scalar("the terms", terms, total), metrics


def metric(name, value, like):
    if not isinstance(value, (tuple, list)) or len(value) != 2:
        raise TypeError(f"the metric {name!r} that loss() returns must be (sum, terms), not {type(value).__name__}")
    return scalar(f"the sum of {name!r}", value[0], like), scalar(f"the terms of {name!r}", value[1], like)


def metric_name(name):
    if not isinstance(name, str) or not name.isidentifier() or not name.isascii() or len(name) > LONGEST_NAME:
        raise TypeError(f"loss() names a metric {name!r}; use letters, digits and _, {LONGEST_NAME} at most")
    if name in METRICS:
        raise TypeError(f"loss() names a metric {name!r}, which the trainer measures itself; choose another name")
    return name


def scalar(what, value, like):
    if isinstance(value, torch.Tensor):
        if value.numel() != 1:
            raise TypeError(f"{what} that loss() returns must be one number, and it has shape {tuple(value.shape)}")
        return value.reshape(())
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"{what} that loss() returns must be a number, not {type(value).__name__}")
    return torch.full((), float(value), dtype=torch.float64, device=like.device)
