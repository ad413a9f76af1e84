#!/usr/bin/env python3
"""Makes examples/scripted-module.pt: a model of one's own for batchsweep to train. Needs PyTorch; batchsweep does not.

    python3 examples/scripted-module.py examples/scripted-module.pt
    batchsweep model check examples/scripted-module.pt --input 1,28,28
    batchsweep run examples/scripted-module.toml

A module takes one tensor, (examples, ...), and returns one, (examples, classes), before any softmax. Export
`reset_parameters`, and each trial's seed sets the initial weights; without it all trials start from those in the file.
"""

import math
import sys

import torch
from torch import nn
from torch.nn import functional as F


class Mixer(nn.Module):
    """Patches of 7 x 7 pixels, mixed across places and across channels (after Tolstikhin et al. 2021), made small."""

    def __init__(self, classes: int = 10, channels: int = 32):
        super().__init__()
        self.embed = nn.Linear(49, channels)
        self.norm = nn.LayerNorm(channels)
        self.across_places = nn.Linear(16, 16)
        self.across_channels = nn.Linear(channels, channels)
        self.head = nn.Linear(channels, classes)

    @torch.jit.export
    def reset_parameters(self):
        for layer in (self.embed, self.across_places, self.across_channels, self.head):
            bound = 1.0 / math.sqrt(float(layer.weight.size(1)))
            nn.init.uniform_(layer.weight, -bound, bound)
            nn.init.uniform_(layer.bias, -bound, bound)
        nn.init.ones_(self.norm.weight)
        nn.init.zeros_(self.norm.bias)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        patches = images.unfold(2, 7, 7).unfold(3, 7, 7).flatten(4).flatten(1, 3)
        x = self.embed(patches)
        x = x + F.gelu(self.across_places(self.norm(x).transpose(1, 2))).transpose(1, 2)
        x = x + F.gelu(self.across_channels(x))
        return self.head(x.mean(dim=1))


if __name__ == "__main__":
    torch.manual_seed(0)
    torch.jit.script(Mixer()).save(sys.argv[1])
