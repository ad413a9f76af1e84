"""A regression in one file: `build` returns the model, `datasets` its examples."""

import torch
from torch import nn
from torch.utils.data import TensorDataset


def build(width=32):
    return nn.Sequential(nn.Linear(2, width), nn.Tanh(), nn.Linear(width, width), nn.Tanh(), nn.Linear(width, 1))


def datasets(train=2000, validation=500, seed=0):
    generator = torch.Generator().manual_seed(seed)
    x = 4 * torch.rand(train + validation, 2, generator=generator) - 2
    y = torch.sin(2 * x[:, 0]) * x[:, 1] + 0.05 * torch.randn(len(x), generator=generator)
    return TensorDataset(x[:train], y[:train]), TensorDataset(x[train:], y[train:])
