"""Data sets as people write them."""

import random

import numpy as np
import torch
from torch import nn
from torch.utils.data import Dataset, IterableDataset, Subset


class Arrays(Dataset):
    """Out of a file, an example at a time."""

    def __init__(self, path):
        arrays = np.load(path)
        self.x, self.y = arrays["train_x"], arrays["train_y"]

    def __len__(self):
        return len(self.x)

    def __getitem__(self, index):
        return torch.from_numpy(self.x[index]), int(self.y[index])


class Augmented(Arrays):
    """Noise by torch's, Python's and NumPy's generators, and a flip now and then."""

    def __getitem__(self, index):
        x, y = super().__getitem__(index)
        x = x + 0.1 * torch.randn_like(x) + random.gauss(0, 0.1) + float(np.random.normal(0, 0.1))
        return (x.flip(0) if random.random() < 0.5 else x), y


class Named(Arrays):
    def __getitem__(self, index):
        x, y = super().__getitem__(index)
        return {"x": x, "label": np.int32(y)}


class Unrepeatable(Arrays):
    generator = np.random.default_rng()

    def __getitem__(self, index):
        x, y = super().__getitem__(index)
        return x + float(self.generator.normal()), y


class Ignoring(Dataset):
    """Sequences that are cut anew in each epoch, so that how many positions count differs."""

    def __len__(self):
        return 48

    def __getitem__(self, index):
        tokens = torch.arange(7) * (index + 3) % 11
        x, y = tokens[:-1], tokens[1:].clone()
        y[int(torch.randint(1, 6, ())) :] = -100
        return x, y


class Stream(IterableDataset):
    def __iter__(self):
        return iter([])


class Ragged(Arrays):
    def __getitem__(self, index):
        x, y = super().__getitem__(index)
        return x[: 4 + index % 3], y


def plain(path):
    return Arrays(path), None


def halves(path):
    data = Arrays(path)
    return Subset(data, range(48)), Subset(data, range(48, 64))


def split(path):
    return torch.utils.data.random_split(Arrays(path), [48, 16])


def augmented(path):
    data, held_out = Augmented(path), Arrays(path)
    return Subset(data, range(48)), Subset(held_out, range(48, 64))


def named(path):
    return Named(path)


def unrepeatable(path):
    return Unrepeatable(path)


def ignoring(path):
    return Ignoring()


def stream(path):
    return Stream(), None


def ragged(path):
    return Ragged(path), None


class Flags(Arrays):
    """Targets that only a loss of one's own can take: a flag, in brackets of its own."""

    def __getitem__(self, index):
        x, _ = super().__getitem__(index)
        return x, x[:1] > 0


def flags(path):
    return Flags(path)


class Flagged(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(8, 1)

    def forward(self, x):
        return self.layer(x)

    def loss(self, batch):
        x, y = batch
        assert y.dtype == torch.bool and y.shape == (len(x), 1), (y.dtype, y.shape)
        outputs = self(x)
        return outputs[~y].square().sum() + (outputs[y] - 1).square().sum(), len(y)


class Mean(Flagged):
    def loss(self, batch):
        x, y = batch
        return (self(x) - y.float()).square().mean(), 1


class Detached(Flagged):
    def loss(self, batch):
        total, terms = super().loss(batch)
        return total.detach(), terms


class Likelihood(Flagged):
    """A loss that is below 0, and falls."""

    def loss(self, batch):
        x, _ = batch
        return -self(x).sigmoid().sum(), len(x)


def flagged():
    return Flagged()


def mean():
    return Mean()


def detached():
    return Detached()


def likelihood():
    return Likelihood()


def loss(model, batch):
    return model.loss(batch)


def sparse(path):
    return [(torch.eye(8)[row].to_sparse(), 0) for row in range(8)]


def meta(path):
    return [(torch.empty(8, device="meta"), 0) for row in range(8)]


def nothing(path):
    return 7


def build():
    return nn.Sequential(nn.Linear(8, 12), nn.ReLU(), nn.Linear(12, 3))


class Tokens(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding, self.head = nn.Embedding(11, 8), nn.Linear(8, 11)

    def forward(self, x):
        return self.head(self.embedding(x)).transpose(1, 2)


def tokens():
    return Tokens()
