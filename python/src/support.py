"""What the trainer does in Python: loads the user's code and seeds what it draws from."""

import importlib
import importlib.util
import os
import random
import sys

# A file that is changed within a second, to the same length, is taken for unchanged where its bytecode is kept.
sys.dont_write_bytecode = True

folders = []


def seed(number):
    random.seed(number)
    numpy = sys.modules.get("numpy")
    if numpy is not None:
        numpy.random.seed(number % 2**32)


def load(path):
    """Runs a file, or the package in a folder, as it is now, and all that it imports from beside it."""
    path = os.path.abspath(path)
    forget()
    folder = os.path.dirname(path)
    folders.append(folder)
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


def forget():
    """Another model comes: modules from beside the earlier ones may have changed, or be called as some of its own."""
    for folder in folders:
        sys.path.remove(folder)
        for name, module in list(sys.modules.items()):
            file = getattr(module, "__file__", None) or ""
            installed = "site-packages" in file or file.startswith(sys.base_prefix + os.sep)
            if file.startswith(folder + os.sep) and not installed:
                del sys.modules[name]
    folders.clear()
