"""A model that returns a dict, and a loss of its own: the class of a point, and how far it is from the middle.

Every third distance is missing, so micro-batches differ in how many they have: `loss` says how many terms its sum is of.
"""

import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import TensorDataset


class TwoHeads(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(2, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU())
        self.quadrant, self.distance = nn.Linear(width, 4), nn.Linear(width, 1)

    def forward(self, x):
        hidden = self.body(x)
        return {"quadrant": self.quadrant(hidden), "distance": self.distance(hidden).squeeze(1)}


def build(width=32):
    return TwoHeads(width)


def loss(model, batch):
    x, y = batch
    quadrant, distance, is_known = y[:, 0].long(), y[:, 1], y[:, 2]
    outputs = model(x)
    wrong = (outputs["distance"] - distance) ** 2 * is_known
    right = (outputs["quadrant"].argmax(1) == quadrant).sum()
    return {
        "sum": F.cross_entropy(outputs["quadrant"], quadrant, reduction="sum") + wrong.sum(),
        "terms": len(x) + is_known.sum(),
        "quadrant_accuracy": (right, len(x)),
        "distance_mse": (wrong.sum(), is_known.sum()),
    }


def datasets(train=2000, validation=500):
    generator = torch.Generator().manual_seed(0)
    x = 2 * torch.rand(train + validation, 2, generator=generator) - 1
    quadrant = 2 * (x[:, 0] > 0) + (x[:, 1] > 0)
    is_known = torch.arange(len(x)) % 3 > 0
    y = torch.stack([quadrant.float(), x.norm(dim=1), is_known.float()], 1)
    return TensorDataset(x[:train], y[:train]), TensorDataset(x[train:], y[train:])
