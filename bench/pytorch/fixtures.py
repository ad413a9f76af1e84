#!/usr/bin/env python3
"""What PyTorch itself gets, for the worker's tests to be held against.

Trains small models on a few images with plain PyTorch, the way a user would write it, and writes what came out to
worker/tests/fixtures/. To be run again only when a case is added or PyTorch changes; the tests need no Python:

    $(bench/pytorch/setup) bench/pytorch/fixtures.py

Every case starts from torch.manual_seed(seed) and PyTorch's default initialisation, takes the examples in file order
and keeps a ragged last batch, unless it says otherwise. Models are built in float32 and then converted, so that
float64 starts from the same numbers.
"""

import json
import struct
from pathlib import Path

import torch
from torch import nn
from torch.optim.lr_scheduler import CosineAnnealingLR, LinearLR, SequentialLR
from torch.utils.data import DataLoader, TensorDataset

from modules import MODULES, OTHERS, UNUSABLE

FIXTURES = Path(__file__).resolve().parents[2] / "worker" / "tests" / "fixtures"

# Not square, and odd, so that a swapped height and width or a wrongly rounded pooling shows.
HEIGHT, WIDTH, CLASSES = 9, 7, 4
TRAIN, VALIDATION = 50, 14
SEED = 7

MODELS = [
    {"kind": "linear"},
    {"kind": "mlp", "hidden": [16, 8]},
    {"kind": "cnn", "channels": [4, 8], "hidden": [16]},
]

# With normalisation, strides and shortcuts; kernels and poolings of other sizes.
DEEPER_MODELS = [
    {"kind": "cnn", "channels": [4, 8], "hidden": [16], "norm": "batch"},
    {"kind": "cnn", "channels": [6], "hidden": [], "norm": "group", "kernel": 5, "pooling": 1},
    {"kind": "cnn", "channels": [4], "hidden": [8], "kernel": 1, "pooling": 3},
    {"kind": "resnet", "depth": 8, "width": 4, "norm": "batch"},
    {"kind": "resnet", "depth": 8, "width": 4, "norm": "group"},
    {"kind": "resnet", "depth": 8, "width": 4, "norm": "none"},
]

# Examples that are accumulated at a time where that makes a difference.
MICRO_BATCH = 3

# Keys and values as in the sweep file; learning rates at which every loss moves and none diverges.
OPTIMIZERS = {
    "sgd": {"optimizer": "sgd", "learning_rate": 0.1},
    "momentum": {"optimizer": "sgd", "learning_rate": 0.02, "momentum": 0.9},
    "nesterov": {"optimizer": "sgd", "learning_rate": 0.02, "momentum": 0.9, "nesterov": True},
    "momentum-decay": {"optimizer": "sgd", "learning_rate": 0.02, "momentum": 0.8, "weight_decay": 0.05},
    "adam": {"optimizer": "adam", "learning_rate": 0.01},
    "adam-decay": {"optimizer": "adam", "learning_rate": 0.01, "weight_decay": 0.05},
    "adam-constants": {"optimizer": "adam", "learning_rate": 0.01, "beta1": 0.8, "beta2": 0.95, "epsilon": 0.01},
    "adamw": {"optimizer": "adamw", "learning_rate": 0.01},
    "adamw-decay": {"optimizer": "adamw", "learning_rate": 0.01, "weight_decay": 0.3},
    "rmsprop": {"optimizer": "rmsprop", "learning_rate": 0.003},
    "rmsprop-momentum": {"optimizer": "rmsprop", "learning_rate": 0.001, "momentum": 0.8},
    "rmsprop-constants": {
        "optimizer": "rmsprop", "learning_rate": 0.003, "beta2": 0.9, "epsilon": 0.01, "weight_decay": 0.05,
    },
}

# One example, a ragged last batch of 1, one of 18, and more than there are; each with the epochs that take some
# twenty steps or more.
EPOCHS = {1: 2, 7: 3, 32: 10, 64: 20}


def main():
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    images, labels = make_examples()
    write_idx(FIXTURES / "images" / "train-images-idx3-ubyte", images)
    write_idx(FIXTURES / "images" / "train-labels-idx1-ubyte", labels)
    write_modules()
    lines = []
    for name, case in cases():
        expected = {"expected": train(case, images, labels)}
        if differs_when_split(case["model"]):
            expected["expected_in_micro_batches"] = train(case, images, labels, MICRO_BATCH)
        lines.append(json.dumps({"name": name, **case, **expected}))
    path = FIXTURES / "pytorch.json"
    path.write_text("[\n" + ",\n".join(lines) + "\n]\n")
    print(f"{path}: {len(lines)} cases by PyTorch {torch.__version__}")


def cases():
    """Each case with its name; `train` has the keys of the sweep file."""
    for precision in ["float32", "float64"]:
        for model in MODELS:
            for label, optimizer in OPTIMIZERS.items():
                for batch_size in EPOCHS:
                    yield case(f"{label} batch {batch_size}", model, precision, batch_size, optimizer)
            for batch_size in [7, 64]:
                mse = {**OPTIMIZERS["sgd"], "loss": "mse"}
                yield case(f"mse batch {batch_size}", model, precision, batch_size, mse)
        mlp, momentum = MODELS[1], OPTIMIZERS["momentum"]
        for schedule in ["constant", "linear", "cosine"]:
            for warmup_steps in [0, 5]:
                settings = {**momentum, "schedule": schedule, "warmup_steps": warmup_steps}
                yield case(f"{schedule} warmup {warmup_steps}", mlp, precision, 7, settings)
        yield case("drop_last", mlp, precision, 7, {**momentum, "drop_last": True})
        yield case("steps", mlp, precision, 7, {**momentum, "steps": 11})
        yield case("standard", MODELS[2], precision, 7, momentum, normalize="standard")
        for model in DEEPER_MODELS + [script(name) for name in MODULES]:
            # Adam divides a gradient that is all rounding by its own size; a larger epsilon keeps that out of deep ones.
            for label in ["momentum", "adam-constants"]:
                for batch_size in [7, 32, 64]:
                    name = f"{label} batch {batch_size}"
                    yield case(name, model, precision, batch_size, OPTIMIZERS[label])
    for model in MODELS + [DEEPER_MODELS[0], DEEPER_MODELS[3], script("seeded")]:
        yield case("momentum batch 32", model, "bfloat16", 32, OPTIMIZERS["momentum"])


def script(name):
    return {"kind": "torchscript", "path": f"{name}.pt"}


def differs_when_split(model):
    """Each micro-batch is normalised by its own statistics."""
    return model.get("norm") == "batch" or model.get("path") == "convolutional.pt"


def write_modules():
    folder = FIXTURES / "modules"
    folder.mkdir(exist_ok=True)
    for name, module in MODULES.items():
        torch.manual_seed(SEED + 1)
        torch.jit.script(module(HEIGHT, WIDTH, CLASSES)).save(str(folder / f"{name}.pt"))
    for name, module in (UNUSABLE | OTHERS).items():
        torch.jit.script(module()).save(str(folder / f"{name}.pt"))
    # What people save by mistake.
    torch.save(nn.Linear(4, 2).state_dict(), folder / "state-dict.pt")


def case(label, model, precision, batch_size, settings, normalize="unit"):
    train = {"precision": precision, "shuffle": False, **settings}
    learning_rate = train.pop("learning_rate")
    if "steps" not in train:
        train["epochs"] = EPOCHS[batch_size]
    details = " ".join(str(value) for key, value in model.items() if key in ("path", "norm", "kernel"))
    return " ".join([model["kind"], details, label, precision]).replace("  ", " "), {
        "model": model,
        "normalize": normalize,
        "batch_size": batch_size,
        "learning_rate": learning_rate,
        "seed": SEED,
        "validation": VALIDATION,
        "train": train,
    }


def train(case, images, labels, micro_batch=None):
    """Trains one case, whole or accumulated; every step's loss, and the losses and accuracy at the end."""
    settings = case["train"]
    mixed = settings["precision"] == "bfloat16"
    dtype = torch.float32 if mixed else getattr(torch, settings["precision"])
    inputs = normalized(images, case["normalize"], dtype)
    train_set = TensorDataset(inputs[:TRAIN], labels[:TRAIN].long())
    validation_set = TensorDataset(inputs[TRAIN:], labels[TRAIN:].long())

    torch.manual_seed(case["seed"])
    model = build(case["model"]).to(dtype)
    optimizer = make_optimizer(model.parameters(), case["learning_rate"], settings)
    loader = DataLoader(
        train_set, batch_size=case["batch_size"], shuffle=False, drop_last=settings.get("drop_last", False)
    )
    total_steps = settings.get("steps") or settings["epochs"] * len(loader)
    scheduler = make_scheduler(optimizer, settings, total_steps)
    autocast = torch.autocast("cpu", dtype=torch.bfloat16, enabled=mixed)

    losses = []
    while len(losses) < total_steps:
        for batch, targets in loader:
            optimizer.zero_grad()
            step_loss = 0.0
            for part, part_targets in split(batch, targets, micro_batch):
                with autocast:
                    loss = loss_of(settings, model(part), part_targets)
                loss = loss * (len(part) / len(batch))
                loss.backward()
                step_loss += loss.item()
            optimizer.step()
            scheduler.step()
            losses.append(step_loss)
            if len(losses) == total_steps:
                break

    with autocast:
        train_set_loss, _ = evaluate(model, settings, *train_set.tensors)
        validation_loss, validation_accuracy = evaluate(model, settings, *validation_set.tensors)
    exact = as_written(settings["precision"])
    return {
        "step_losses": [exact(loss) for loss in losses],
        "train_set_loss": exact(train_set_loss),
        "validation_loss": exact(validation_loss),
        "validation_accuracy": validation_accuracy,
    }


def split(batch, targets, micro_batch):
    """The fewest micro-batches of at most so many examples, as equal as can be, the larger ones first."""
    if micro_batch is None:
        return [(batch, targets)]
    parts = -(-len(batch) // micro_batch)
    return zip(batch.tensor_split(parts), targets.tensor_split(parts))


def build(model):
    match model["kind"]:
        case "torchscript":
            module = torch.jit.load(FIXTURES / "modules" / model["path"])
            if hasattr(module, "reset_parameters"):
                module.reset_parameters()
            return module
        case "resnet":
            return residual_network(model)
    layers, width = [], HEIGHT * WIDTH
    if model["kind"] == "cnn":
        inputs, rows, columns = 1, HEIGHT, WIDTH
        kernel, pooling = model.get("kernel", 3), model.get("pooling", 2)
        for outputs in model["channels"]:
            bias = model.get("norm", "none") == "none"
            layers.append(nn.Conv2d(inputs, outputs, kernel_size=kernel, padding=kernel // 2, bias=bias))
            layers += [*norm(model, outputs), nn.ReLU(), nn.MaxPool2d(pooling)]
            inputs, rows, columns = outputs, rows // pooling, columns // pooling
        width = inputs * rows * columns
    layers.append(nn.Flatten())
    for outputs in model.get("hidden", []):
        layers += [nn.Linear(width, outputs), nn.ReLU()]
        width = outputs
    return nn.Sequential(*layers, nn.Linear(width, CLASSES))


def norm(model, channels):
    match model.get("norm", "none"):
        case "batch":
            return [nn.BatchNorm2d(channels)]
        case "group":
            groups = max(g for g in range(1, max(1, min(32, channels // 2)) + 1) if channels % g == 0)
            return [nn.GroupNorm(groups, channels)]
    return []


def residual_network(model):
    """He et al. 2016 for CIFAR, shortcuts of option A."""
    width = model["width"]
    conv = lambda inputs, outputs, stride: [
        nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=model["norm"] == "none"), *norm(model, outputs)
    ]
    layers, inputs = [*conv(1, width, 1), nn.ReLU()], width
    for outputs in [width, 2 * width, 4 * width]:
        for _ in range((model["depth"] - 2) // 6):
            stride = 1 if outputs == inputs else 2
            body = nn.Sequential(*conv(inputs, outputs, stride), nn.ReLU(), *conv(outputs, outputs, 1))
            layers += [Residual(body, stride, (outputs - inputs) // 2), nn.ReLU()]
            inputs = outputs
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(inputs, CLASSES))


class Residual(nn.Module):
    def __init__(self, body, stride, padding):
        super().__init__()
        self.body, self.stride, self.padding = body, stride, padding

    def forward(self, x):
        shortcut = nn.functional.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, self.padding, self.padding))
        return self.body(x) + shortcut


def make_optimizer(parameters, learning_rate, settings):
    # Only what the case sets is passed on, so that PyTorch's defaults are compared too.
    given = {key: settings[key] for key in ["momentum", "nesterov", "weight_decay"] if key in settings}
    if "epsilon" in settings:
        given["eps"] = settings["epsilon"]
    match settings["optimizer"]:
        case "sgd":
            return torch.optim.SGD(parameters, lr=learning_rate, **given)
        case "rmsprop":
            if "beta2" in settings:
                given["alpha"] = settings["beta2"]
            return torch.optim.RMSprop(parameters, lr=learning_rate, **given)
        case "adam" | "adamw":
            kind = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[settings["optimizer"]]
            if "beta1" in settings:
                given["betas"] = (settings["beta1"], settings["beta2"])
            return kind(parameters, lr=learning_rate, **given)


def make_scheduler(optimizer, settings, total_steps):
    """PyTorch's own schedulers, stepped after each optimizer step."""
    warmup = settings.get("warmup_steps", 0)
    rest = total_steps - warmup
    match settings.get("schedule", "constant"):
        case "linear":
            after = LinearLR(optimizer, start_factor=1.0, end_factor=0.0, total_iters=rest)
        case "cosine":
            after = CosineAnnealingLR(optimizer, T_max=rest)
        case "constant":
            after = LinearLR(optimizer, start_factor=1.0, end_factor=1.0, total_iters=rest)
    if warmup == 0:
        return after
    rise = LinearLR(optimizer, start_factor=1 / warmup, end_factor=1.0, total_iters=warmup - 1)
    return SequentialLR(optimizer, [rise, after], milestones=[warmup])


def loss_of(settings, outputs, targets):
    if settings.get("loss") == "mse":
        return nn.functional.mse_loss(outputs, nn.functional.one_hot(targets, CLASSES).to(outputs.dtype))
    return nn.functional.cross_entropy(outputs, targets)


@torch.no_grad()
def evaluate(model, settings, inputs, targets):
    """Mean loss and accuracy."""
    model.eval()
    outputs = model(inputs)
    right = (outputs.argmax(dim=1) == targets).sum().item()
    return loss_of(settings, outputs, targets).item(), right / len(targets)


def normalized(images, how, dtype):
    inputs = images.to(dtype).unsqueeze(1)
    if how == "unit":
        return inputs / 255
    seen = inputs[:TRAIN]
    return (inputs - seen.mean()) / seen.std(unbiased=False)


def make_examples():
    """Images of bytes: a pattern for each class under as much noise, so that there is something to learn and to miss."""
    random = torch.Generator().manual_seed(SEED)
    labels = torch.randint(CLASSES, (TRAIN + VALIDATION,), generator=random, dtype=torch.uint8)
    patterns = torch.randint(256, (CLASSES, HEIGHT, WIDTH), generator=random)
    noise = torch.randint(256, (TRAIN + VALIDATION, HEIGHT, WIDTH), generator=random)
    return ((patterns[labels.long()] + noise) // 2).to(torch.uint8), labels


def write_idx(path, tensor):
    path.parent.mkdir(parents=True, exist_ok=True)
    header = struct.pack(f">BBBB{tensor.dim()}I", 0, 0, 8, tensor.dim(), *tensor.shape)
    path.write_bytes(header + tensor.numpy().tobytes())


def as_written(precision):
    """The shortest number that reads back as the same float32, or the float64 itself."""
    return (lambda number: number) if precision == "float64" else (lambda number: float(f"{number:.9g}"))


if __name__ == "__main__":
    main()
