"""Data sets in Python: map-style, read by example, with random numbers that are the example's own."""

import os
import random
import sys

import torch

LISTED = 100_000


def open_data(code, function, arguments):
    """What the user's function returns: a training set and, if there is one, a validation set."""
    given = getattr(code, function)(**arguments)
    if isinstance(given, (tuple, list)) and len(given) == 2:
        train, validation = given
    else:
        train, validation = given, None
    sets = [check(train, function, "the training set")]
    if validation is not None:
        sets.append(check(validation, function, "the validation set"))
    return Data(sets)


def check(data, function, what):
    if isinstance(data, torch.utils.data.IterableDataset):
        raise TypeError(
            f"{function}() returns an iterable data set for {what}: its examples have no numbers, so no order that a trial could "
            "be repeated in, and no batch that could be split; return a map-style one, with len() and [index]"
        )
    if not hasattr(data, "__len__") or not hasattr(data, "__getitem__"):
        raise TypeError(
            f"{function}() must return (train, validation or None), map-style data sets with len() and [index]; {what} is of "
            f"{type(data)}"
        )
    if len(data) == 0:
        raise TypeError(f"{what} that {function}() returns is empty")
    return data


class Data:
    def __init__(self, sets):
        self.sets = sets
        self.names, self.is_dict = [], False
        self.read_form()

    def lengths(self):
        return [len(data) for data in self.sets]

    def read_form(self):
        item = self.sets[0][0]
        self.is_dict = isinstance(item, dict)
        if self.is_dict:
            names = list(item)
            if not all(isinstance(name, str) for name in names):
                raise TypeError(f"the keys of an example must be texts, and they are {names}")
            if len(names) < 2:
                raise TypeError(f"an example must hold an input and a target, and it holds {names}")
            self.names = names
        elif isinstance(item, (tuple, list)):
            if len(item) < 2:
                raise TypeError("an example must hold an input and a target: return (input, target)")
            self.names = [str(place) for place in range(len(item))]
        else:
            raise TypeError(
                f"an example must be a tuple (inputs first, the target last) or a dict of tensors, not {type(item).__name__}"
            )

    def columns(self, which, rows, seeds, watch):
        """Each column of some examples, inputs first, the target last; and whether reading them drew random numbers."""
        data = self.sets[which]
        columns = [[] for _ in self.names]
        drew = False
        for row, seed in zip(rows, seeds):
            seed_generators(seed)
            before = generators() if watch and not drew else None
            item = data[row]
            drew = drew or (before is not None and generators() != before)
            for column, value in zip(columns, self.values(item, which, row)):
                column.append(value)
        stacked = [self.stack(column, name, which, rows) for column, name in zip(columns, self.names)]
        return stacked, drew

    def values(self, item, which, row):
        place = f"example {row} of {('the training set', 'the validation set')[which]}"
        if self.is_dict:
            if not isinstance(item, dict) or sorted(map(str, item)) != sorted(self.names):
                raise TypeError(f"{place} must be a dict with {self.names}, as the first one")
            items = [item[name] for name in self.names]
        else:
            if not isinstance(item, (tuple, list)) or len(item) != len(self.names):
                raise TypeError(f"{place} must hold {len(self.names)} values, as the first one")
            items = item
        return [as_tensor(value, name, place) for value, name in zip(items, self.names)]

    def stack(self, column, name, which, rows):
        first = column[0]
        for row, value in zip(rows, column):
            if value.shape != first.shape or value.dtype != first.dtype:
                raise TypeError(
                    f"{self.say(name)} of example {row} of {('the training set', 'the validation set')[which]} has shape "
                    f"{tuple(value.shape)} ({value.dtype}), and that of another {tuple(first.shape)} ({first.dtype}): examples "
                    "of a batch are stacked, so bring them to one shape"
                )
        return torch.stack(column).contiguous()

    def say(self, name):
        if self.is_dict:
            return repr(name)
        return "the target" if int(name) == len(self.names) - 1 else f"input {name}"


def as_tensor(value, name, place):
    if isinstance(value, torch.Tensor):
        value = value.detach()
    else:
        try:
            value = torch.as_tensor(value)
        except Exception:
            kind = type(value)
            raise TypeError(
                f"{place} holds a {kind.__module__}.{kind.__name__}; return tensors, arrays or numbers "
                "(of an image, torchvision's ToTensor or numpy.asarray)"
            ) from None
    if value.is_meta or value.layout is not torch.strided:
        kind = "meta" if value.is_meta else str(value.layout).removeprefix("torch.")
        raise TypeError(f"{place} holds a {kind} tensor; return a dense one, with its numbers")
    if value.dtype in (torch.int8, torch.int16, torch.int32):
        value = value.to(torch.int64)
    if value.dtype not in KINDS:
        raise TypeError(f"{place} holds {value.dtype} numbers; return float32, or int64 where it holds integers")
    return value.cpu()


KINDS = {torch.bool, torch.uint8, torch.int64, torch.float16, torch.bfloat16, torch.float32, torch.float64}


def seed_generators(number):
    torch.manual_seed(number)
    random.seed(number)
    numpy = sys.modules.get("numpy")
    if numpy is not None:
        numpy.random.seed(number % 2**32)


def generators():
    """The states of the generators that user's code draws from, as far as they can be compared at little cost."""
    numpy = sys.modules.get("numpy")
    state = numpy.random.get_state() if numpy is not None else None
    drawn = () if state is None else (state[2], state[3], state[1][:1].tobytes())
    python = random.getstate()
    return torch.get_rng_state().tolist(), python, drawn


# Files that are read, and folders whose files are listed: another one in them is another data set.
EVENTS = {"open", "os.listdir", "os.scandir"}
opened = set()
listening = False


def listen(event, arguments):
    if event not in EVENTS or len(opened) >= LISTED or not isinstance(arguments[0], str):
        return
    if event != "open" or arguments[1] is None or "r" in str(arguments[1]):
        opened.add(os.path.abspath(arguments[0]))


def begin():
    """Seeds the generators, so that a set that is split at random is split alike in every trial and on every worker. From now
    on it is noted which files are read: they are what a data set is of."""
    global listening
    seed_generators(0)
    opened.clear()
    if not listening:
        sys.addaudithook(listen)
        listening = True


def files(code):
    """Those that were read since the data set was opened, the code among them."""
    ours = {os.path.abspath(code.__file__)}
    if len(opened) >= LISTED:
        return sorted(ours)
    for path in list(opened):
        installed = "site-packages" in path or path.startswith(os.path.join(sys.base_prefix, "lib") + os.sep)
        if os.path.exists(path) and not installed and not path.startswith(("/proc/", "/sys/", "/dev/")):
            ours.add(path)
    return sorted(ours)
