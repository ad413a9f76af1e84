#!/usr/bin/env python3
"""Models, data and losses as people write them, and what plain PyTorch makes of them.

    architectures.py FOLDER

writes FOLDER/NAME.npz, the data of each architecture, and FOLDER/expected.json, the step losses of a plain loop over it.
The trainer then runs the same functions out of this file, as models of kind python.
"""

import json
import random
import sys
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

SEED, EXAMPLES, VALIDATION, BATCH, STEPS = 7, 64, 16, 16, 30
VOCABULARY, LENGTH, IGNORED = 11, 6, -100


# --- Regressions ------------------------------------------------------------------------------------------------


def one_number():
    """Gives (N, 1) for targets of shape (N): compared each with each, they would be wrong."""
    return nn.Sequential(nn.Linear(8, 16), nn.Tanh(), nn.Linear(16, 1))


def three_numbers():
    return nn.Sequential(nn.LayerNorm(8), nn.Linear(8, 16), nn.GELU(), nn.Linear(16, 3))


class Convolution1d(nn.Module):
    def __init__(self):
        super().__init__()
        self.convolution = nn.Conv1d(2, 4, 3, padding=1)
        self.head = nn.Linear(4, 1)

    def forward(self, x):
        return self.head(F.relu(self.convolution(x)).mean(2)).squeeze(1)


def series():
    return Convolution1d()


# --- Classes and labels -----------------------------------------------------------------------------------------


def labels():
    return nn.Sequential(nn.Linear(8, 12), nn.ReLU(), nn.Linear(12, 5))


class Attention(nn.Module):
    """Takes another way where the first token says so: nothing that could be exported."""

    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(VOCABULARY, 8)
        self.layer = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=True)
        self.head = nn.Linear(8, 3)

    def forward(self, tokens):
        x = self.layer(self.embedding(tokens))
        if tokens.float().mean() > 3:
            x = x * 1.5
        return self.head(x.mean(1))


def attention():
    return Attention()


class Recurrent(nn.Module):
    def __init__(self):
        super().__init__()
        self.gru = nn.GRU(3, 8, batch_first=True)
        self.head = nn.Linear(8, 3)

    def forward(self, x):
        outputs, _ = self.gru(x)
        return self.head(outputs[:, -1])


def recurrent():
    return Recurrent()


class Padded(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(VOCABULARY, 8, padding_idx=0)
        self.head = nn.Linear(8, 3)

    def forward(self, tokens):
        return self.head(self.embedding(tokens).sum(1))


def padded():
    return Padded()


def group_norm():
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1), nn.GroupNorm(2, 8), nn.SiLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 3)
    )


def batch_norm():
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 3)
    )


def channels_last():
    model = nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 8, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
        nn.Linear(8, 3),
    )
    return model.to(memory_format=torch.channels_last)


def dropout():
    return nn.Sequential(nn.Linear(8, 16), nn.Dropout(0.1), nn.ReLU(), nn.Linear(16, 3))


class Frozen(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Linear(8, 16)
        self.body.requires_grad_(False)
        self.unused = nn.Linear(4, 4)
        self.head = nn.Linear(16, 3)

    def forward(self, x):
        return self.head(torch.relu(self.body(x)))


def frozen():
    return Frozen()


class Noisy(nn.Module):
    """Draws from Python's and NumPy's generators, and keeps a buffer of its own."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(8, 3)
        self.register_buffer("seen", torch.zeros(()))

    def forward(self, x):
        if self.training:
            self.seen += 1
            x = x + random.gauss(0, 0.01) + float(np.random.normal(0, 0.01))
        return self.layer(x) / (1 + 0.01 * self.seen)


def noisy():
    return Noisy()


class Cubed(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x**3

    @staticmethod
    def backward(ctx, gradient):
        (x,) = ctx.saved_tensors
        return 3 * x**2 * gradient


class OwnFunction(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(8, 8), nn.Linear(8, 3)

    def forward(self, x):
        return self.second(Cubed.apply(torch.tanh(self.first(x))))


def own_function():
    return OwnFunction()


def weight_norm():
    return nn.Sequential(nn.utils.parametrizations.weight_norm(nn.Linear(8, 12)), nn.ReLU(), nn.Linear(12, 3))


class TwoInputs(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(VOCABULARY, 8)
        self.head = nn.Linear(8, 3)

    def forward(self, tokens, mask):
        x = self.embedding(tokens) * mask.unsqueeze(2)
        return self.head(x.sum(1) / mask.sum(1, keepdim=True).clamp(min=1))


def two_inputs():
    return TwoInputs()


# --- Sequences --------------------------------------------------------------------------------------------------


class TiedLanguageModel(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(VOCABULARY, 8)
        self.gru = nn.GRU(8, 8, batch_first=True)
        self.head = nn.Linear(8, VOCABULARY, bias=False)
        self.head.weight = self.embedding.weight

    def forward(self, tokens):
        outputs, _ = self.gru(self.embedding(tokens))
        return self.head(outputs).transpose(1, 2)


def language_model():
    return TiedLanguageModel()


def segmentation():
    return nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 4, 1))


# --- Losses of one's own ----------------------------------------------------------------------------------------


class Dictionary(nn.Module):
    """Gives more than one output."""

    def __init__(self):
        super().__init__()
        self.body, self.numbers, self.classes = nn.Linear(8, 16), nn.Linear(16, 1), nn.Linear(16, 3)

    def forward(self, x):
        hidden = torch.relu(self.body(x))
        return {"numbers": self.numbers(hidden).squeeze(1), "classes": self.classes(hidden)}

    def loss(self, batch):
        x, y = batch
        outputs = self(x)
        classes = F.cross_entropy(outputs["classes"], y, reduction="sum")
        numbers = F.mse_loss(outputs["numbers"], y.float(), reduction="sum")
        right = (outputs["classes"].argmax(1) == y).sum()
        return {"sum": classes + 0.1 * numbers, "terms": len(y), "top_1": (right, len(y))}


def dictionary():
    return Dictionary()


class Masked(nn.Module):
    """Its loss counts the positions that a mask leaves: other micro-batches, other numbers of terms."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(2, 2)

    def forward(self, x, mask):
        return self.layer(x)

    def loss(self, batch):
        errors = (self(batch["x"], batch["mask"]) - batch["y"]) ** 2
        return (errors.mean(2) * batch["mask"]).sum(), batch["mask"].sum()


def masked():
    return Masked()


def loss(model, batch):
    return model.loss(batch)


# --- Data -------------------------------------------------------------------------------------------------------


def flat(rng):
    return {"x": rng.standard_normal((EXAMPLES, 8), dtype=np.float32)}


def tokens(rng):
    return {"x": rng.integers(0, VOCABULARY, (EXAMPLES, LENGTH))}


def images(rng):
    return {"x": rng.standard_normal((EXAMPLES, 3, 5, 7), dtype=np.float32)}


def classes(rng, inputs):
    return rng.integers(0, 3, EXAMPLES)


def numbers(*shape):
    return lambda rng, inputs: rng.standard_normal((EXAMPLES, *shape), dtype=np.float32)


def next_tokens(rng, inputs):
    """Whole sequences of padding, and others with none."""
    targets = np.roll(inputs["x"], -1, axis=1)
    targets[:, -1] = IGNORED
    targets[rng.random((EXAMPLES, LENGTH)) < 0.3] = IGNORED
    targets[::5] = IGNORED
    return targets


def pixels(rng, inputs):
    return rng.integers(0, 4, (EXAMPLES, 5, 7)).astype(np.uint8)


def masks(rng):
    mask = rng.random((EXAMPLES, LENGTH)) < 0.6
    mask[:, 0] = True
    return mask


# Each: inputs, targets, the loss in [train], and what else the plain loop and the trainer differ from their defaults in.
CASES = {
    "one_number": (flat, numbers(), "mse", {}),
    "three_numbers": (flat, numbers(3), "huber", {"optimizer": "adamw"}),
    "series": (lambda rng: {"x": rng.standard_normal((EXAMPLES, 2, 9), dtype=np.float32)}, numbers(), "mae", {}),
    "labels": (flat, lambda rng, _: rng.integers(0, 2, (EXAMPLES, 5)), "binary_cross_entropy", {"optimizer": "adamw"}),
    "attention": (tokens, classes, "cross_entropy", {"optimizer": "adamw"}),
    "recurrent": (
        lambda rng: {"x": rng.standard_normal((EXAMPLES, 5, 3), dtype=np.float32)}, classes, "cross_entropy", {}
    ),
    "padded": (tokens, classes, "cross_entropy", {}),
    "group_norm": (images, classes, "cross_entropy", {"optimizer": "adamw"}),
    "batch_norm": (images, classes, "cross_entropy", {"splits": False}),
    "channels_last": (images, classes, "cross_entropy", {}),
    "dropout": (flat, classes, "cross_entropy", {"splits": False}),
    "frozen": (flat, classes, "cross_entropy", {"optimizer": "adamw"}),
    "noisy": (flat, classes, "cross_entropy", {"splits": False}),
    "own_function": (flat, classes, "cross_entropy", {}),
    "weight_norm": (flat, classes, "cross_entropy", {"optimizer": "adamw"}),
    "two_inputs": (lambda rng: {"tokens": tokens(rng)["x"], "mask": masks(rng)}, classes, "cross_entropy", {}),
    "language_model": (tokens, next_tokens, "cross_entropy", {"optimizer": "adamw"}),
    "segmentation": (images, pixels, "cross_entropy", {}),
    "dictionary": (flat, classes, "model", {"optimizer": "adamw"}),
    "masked": (
        lambda rng: {
            "x": rng.standard_normal((EXAMPLES, LENGTH, 2), dtype=np.float32), "mask": masks(rng).astype(np.float32)
        },
        numbers(LENGTH, 2),
        "model",
        {},
    ),
}

OPTIMIZERS = {
    "sgd": ({"learning_rate": 0.05, "momentum": 0.9}, lambda ps: torch.optim.SGD(ps, lr=0.05, momentum=0.9)),
    "adamw": ({"learning_rate": 0.01}, lambda ps: torch.optim.AdamW(ps, lr=0.01)),
}

LOSSES = {
    "cross_entropy": lambda outputs, y: F.cross_entropy(outputs, y),
    "mse": lambda outputs, y: F.mse_loss(outputs.reshape(y.shape), y),
    "mae": lambda outputs, y: F.l1_loss(outputs.reshape(y.shape), y),
    "huber": lambda outputs, y: F.huber_loss(outputs.reshape(y.shape), y),
    "binary_cross_entropy": lambda outputs, y: F.binary_cross_entropy_with_logits(outputs, y.float()),
}


# --- The trainer's seeds: src/trainer/seed.rs -------------------------------------------------------------------

MASK = (1 << 64) - 1


def mix(value):
    z = (value + 0x9E3779B97F4A7C15) & MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
    return z ^ (z >> 31)


def seed_everything(seed):
    torch.manual_seed(seed)
    random.seed(seed)
    np.random.seed(seed % 2**32)


def seed_forward(step, first):
    index = (mix(step) + first) & MASK
    seed_everything(mix((mix((mix(SEED) + 4) & MASK) + index) & MASK))


# --- Plain loops ------------------------------------------------------------------------------------------------


def train(name, inputs, targets, loss_name, optimizer):
    """The step losses."""
    seed_everything(SEED)
    model = globals()[name]()
    optimizer = OPTIMIZERS[optimizer][1](parameter for parameter in model.parameters() if parameter.requires_grad)
    inputs = {key: torch.from_numpy(value) for key, value in inputs.items()}
    targets = torch.from_numpy(targets)
    targets = targets if targets.is_floating_point() else targets.long()
    trained = EXAMPLES - VALIDATION
    losses = []
    for step in range(1, STEPS + 1):
        first = (step - 1) * BATCH % trained
        rows = slice(first, first + BATCH)
        batch = {key: value[rows] for key, value in inputs.items()}
        y = targets[rows]
        seed_forward(step, first)
        optimizer.zero_grad()
        if loss_name == "model":
            given = model.loss((batch["x"], y) if len(batch) == 1 else {**batch, "y": y})
            total, terms = (given["sum"], given["terms"]) if isinstance(given, dict) else given
            value = total / terms
        else:
            outputs = model(batch["x"]) if len(batch) == 1 else model(**batch)
            value = LOSSES[loss_name](outputs, y)
        value.backward()
        optimizer.step()
        losses.append(value.item())
    return losses


def main(folder):
    torch.set_num_threads(1)
    expected = []
    for place, (name, (inputs, targets, loss_name, others)) in enumerate(CASES.items()):
        rng = np.random.default_rng(place)
        inputs = inputs(rng)
        targets = targets(rng, inputs)
        arrays = {f"train_{key}": value for key, value in inputs.items()}
        np.savez(folder / f"{name}.npz", train_y=targets, **arrays)
        optimizer = others.get("optimizer", "sgd")
        case = {
            "name": name,
            "inputs": list(inputs) if len(inputs) > 1 else [],
            "loss": loss_name,
            "optimizer": optimizer,
            "settings": OPTIMIZERS[optimizer][0],
            "splits": others.get("splits", True),
            "losses": train(name, inputs, targets, loss_name, optimizer),
        }
        expected.append(case)
    (folder / "expected.json").write_text(json.dumps(expected))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
