"""Scripted modules that the worker's tests train, as users would write them."""

import torch
from torch import nn
from torch.nn import functional as F


class Seeded(nn.Module):
    """An MLP whose initial weights the seed sets, since it exports `reset_parameters`."""

    def __init__(self, height, width, classes):
        super().__init__()
        self.first = nn.Parameter(torch.empty(12, height * width))
        self.second = nn.Parameter(torch.empty(classes, 12))
        self.bias = nn.Parameter(torch.empty(classes))
        self.reset_parameters()

    @torch.jit.export
    def reset_parameters(self):
        nn.init.uniform_(self.first, -0.1, 0.1)
        nn.init.uniform_(self.second, -0.2, 0.2)
        nn.init.zeros_(self.bias)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.linear(torch.tanh(F.linear(x.flatten(1), self.first)), self.second, self.bias)


class Convolutional(nn.Module):
    """Batch normalisation, whose buffers training moves, with the weights in the file."""

    def __init__(self, height, width, classes):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 6, 3, padding=1, bias=False), nn.BatchNorm2d(6), nn.ReLU(), nn.AdaptiveAvgPool2d((2, 2))
        )
        self.classifier = nn.Linear(24, classes)

    def forward(self, x):
        return self.classifier(self.features(x).flatten(1))


class Odd(nn.Module):
    """What else a module may hold: a parameter that stays, one that takes no part, one that is used twice, a buffer of
    whole numbers, an optional argument."""

    def __init__(self, height, width, classes):
        super().__init__()
        self.stays = nn.Parameter(torch.randn(height * width, 8), requires_grad=False)
        self.unused = nn.Parameter(torch.randn(5))
        self.twice = nn.Parameter(torch.randn(8, 8) / 4)
        self.last = nn.Linear(8, classes)
        self.register_buffer("calls", torch.zeros((), dtype=torch.int64))

    def forward(self, x, scale: float = 1.0):
        if self.training:
            self.calls += 1
        x = torch.relu(x.flatten(1) @ self.stays * scale)
        return self.last(torch.relu(torch.relu(x @ self.twice) @ self.twice))


class Pair(nn.Module):
    """Returns two things."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(4, 2)

    def forward(self, x):
        return self.linear(x), x


class TwoInputs(nn.Module):
    """Wants two things."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(4, 2)

    def forward(self, x, mask):
        return self.linear(x * mask)


class Nothing(nn.Module):
    """Has nothing to train."""

    def forward(self, x):
        return x.flatten(1)


class Endless(nn.Module):
    """Never returns."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(4, 2)

    def forward(self, x):
        y = self.linear(x)
        while True:
            y = -y
        return y


class Tokens(nn.Module):
    """Takes whole numbers: of a fraction it sees the whole part."""

    def __init__(self):
        super().__init__()
        self.table = nn.Parameter(torch.randn(256, 6))
        self.weight = nn.Parameter(torch.randn(2, 6) / 4)

    def look_up(self, x: torch.Tensor) -> torch.Tensor:
        return nn.functional.embedding(x, self.table).mean(1) @ self.weight.t()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.look_up(x.long())


class Indices(Tokens):
    """Takes integers alone."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.look_up(x)


class Normalised(nn.Module):
    """Raises an error for a batch of one: one value a channel has no variance."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(2, 8) / 3)
        self.norm = nn.BatchNorm1d(2, affine=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.norm(x.flatten(1) @ self.weight.t())


# For tests that are not held against PyTorch's numbers.
OTHERS = {"tokens": Tokens, "indices": Indices, "normalised": Normalised}

# Not usable, each for a reason of its own.
UNUSABLE = {"pair": Pair, "two-inputs": TwoInputs, "nothing": Nothing, "endless": Endless}

MODULES = {"seeded": Seeded, "convolutional": Convolutional, "odd": Odd}
