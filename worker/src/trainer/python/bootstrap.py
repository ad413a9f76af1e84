"""Makes this interpreter a trainer: checks its torch, then loads the trainer as an extension module.

Called with: the worker's program, the extension module, the version of torch that it was built for.
"""

import importlib.machinery
import importlib.util
import io
import os
import sys

worker, library, wanted = sys.argv[1:4]


def refuse(reason):
    """The worker's own program answers in place of this interpreter."""
    os.execv(worker, [worker, "trainer", "--refuse", reason])


def install():
    return f"install it with: {sys.executable} -m pip install torch=={wanted}"


if sys.version_info < (3, 10):
    refuse(f"{sys.executable} is Python {sys.version.split()[0]}; models of kind python need 3.10 or newer")
try:
    import torch
except Exception as error:
    if isinstance(error, ModuleNotFoundError) and error.name == "torch":
        refuse(f"{sys.executable} has no torch; {install()}")
    refuse(f"{sys.executable} cannot import torch ({type(error).__name__}: {error}); {install()}")
found = torch.__version__.split("+")[0]
if found != wanted:
    refuse(f"{sys.executable} has torch {found}, and this worker was built for {wanted}; {install()}")
# Code of the user finds its own arguments where it looks for them: none.
sys.argv = [""]
try:
    loader = importlib.machinery.ExtensionFileLoader("batchsweep_trainer", library)
    spec = importlib.util.spec_from_file_location("batchsweep_trainer", library, loader=loader)
    trainer = importlib.util.module_from_spec(spec)
    loader.exec_module(trainer)
except Exception as error:
    refuse(f"{sys.executable} cannot load {library}: {error}")


class Log(io.TextIOBase):
    """What the user's code prints goes to the log of its trial; standard output itself is the trainer's."""

    def writable(self):
        return True

    def write(self, text):
        trainer.printed(text)
        return len(text)


sys.stdout = Log()
sys.exit(trainer.serve())
