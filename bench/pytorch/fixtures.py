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
    lines = []
    for name, case in cases():
        lines.append(json.dumps({"name": name, **case, "expected": train(case, images, labels)}))
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


def case(label, model, precision, batch_size, settings, normalize="unit"):
    train = {"precision": precision, "shuffle": False, **settings}
    learning_rate = train.pop("learning_rate")
    if "steps" not in train:
        train["epochs"] = EPOCHS[batch_size]
    return f"{model['kind']} {label} {precision}", {
        "model": model,
        "normalize": normalize,
        "batch_size": batch_size,
        "learning_rate": learning_rate,
        "seed": SEED,
        "validation": VALIDATION,
        "train": train,
    }


def train(case, images, labels):
    """Trains one case; every step's loss, and the losses and accuracy at the end."""
    settings = case["train"]
    dtype = getattr(torch, settings["precision"])
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

    losses = []
    while len(losses) < total_steps:
        for batch, targets in loader:
            optimizer.zero_grad()
            loss = loss_of(settings, model(batch), targets)
            loss.backward()
            optimizer.step()
            scheduler.step()
            losses.append(loss.item())
            if len(losses) == total_steps:
                break

    train_set_loss, _ = evaluate(model, settings, *train_set.tensors)
    validation_loss, validation_accuracy = evaluate(model, settings, *validation_set.tensors)
    exact = as_written(settings["precision"])
    return {
        "step_losses": [exact(loss) for loss in losses],
        "train_set_loss": exact(train_set_loss),
        "validation_loss": exact(validation_loss),
        "validation_accuracy": validation_accuracy,
    }


def build(model):
    layers, width = [], HEIGHT * WIDTH
    if model["kind"] == "cnn":
        inputs, rows, columns = 1, HEIGHT, WIDTH
        for outputs in model["channels"]:
            layers += [nn.Conv2d(inputs, outputs, kernel_size=3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
            inputs, rows, columns = outputs, rows // 2, columns // 2
        width = inputs * rows * columns
    layers.append(nn.Flatten())
    for outputs in model.get("hidden", []):
        layers += [nn.Linear(width, outputs), nn.ReLU()]
        width = outputs
    return nn.Sequential(*layers, nn.Linear(width, CLASSES))


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
    return (lambda number: float(f"{number:.9g}")) if precision == "float32" else (lambda number: number)


if __name__ == "__main__":
    main()
