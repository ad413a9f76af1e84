"""PyTorch's two training loops that batchsweep's trainer is timed against.

Reads one case a line, as JSON, and answers each with the seconds that its training steps took. Neither building the
model nor reading the data is counted, nor is the evaluation at the end, which is there to show that all trained alike.
"""

import gc
import gzip
import json
import struct
import sys
import time
from functools import cache
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional
from torch.utils.data import DataLoader, TensorDataset


def main():
    torch.set_num_threads(int(sys.argv[1]))
    print(json.dumps({"torch": torch.__version__}), flush=True)
    for line in sys.stdin:
        print(json.dumps(run(json.loads(line))), flush=True)


def run(case):
    inputs, targets, classes = examples(json.dumps(case["data"]))
    torch.manual_seed(case["seed"])
    model = build(case["model"], tuple(inputs.shape[1:]), classes)
    train = {"plain": train_plain, "tuned": train_tuned}[case["loop"]]
    gc.collect()
    seconds, steps = train(model, case, inputs, targets)
    return {"seconds": seconds, "steps": steps, "train_set_loss": mean_loss(model, inputs, targets)}


def train_plain(model, case, inputs, targets):
    """As most scripts are written: a DataLoader, PyTorch's default optimizer, the loss summed up to be printed."""
    loader = DataLoader(TensorDataset(inputs, targets), batch_size=case["batch_size"], shuffle=True)
    criterion = nn.CrossEntropyLoss()
    optimizer = OPTIMIZERS[case["optimizer"]](model.parameters(), lr=case["learning_rate"])
    steps = 0
    start = time.perf_counter()
    for _ in range(case["epochs"]):
        running_loss = 0.0
        for batch, labels in loader:
            optimizer.zero_grad()
            loss = criterion(model(batch), labels)
            loss.backward()
            optimizer.step()
            running_loss += loss.item() * len(batch)
            steps += 1
    return time.perf_counter() - start, steps


def train_tuned(model, case, inputs, targets):
    """As fast as eager PyTorch goes: data in memory as the model sees it, one gather an epoch and views of it a batch,
    the fused optimizer, gradients dropped by hand, and no loss ever read."""
    parameters = list(model.parameters())
    optimizer = OPTIMIZERS[case["optimizer"]](parameters, lr=case["learning_rate"], fused=True)
    batch_size = case["batch_size"]
    if isinstance(model[0], nn.Flatten):
        model, inputs = model[1:], inputs.flatten(1)
    if len(model) == 1:
        model = model[0]
    steps = 0
    start = time.perf_counter()
    for _ in range(case["epochs"]):
        order = torch.randperm(len(inputs))
        batches = inputs.index_select(0, order).split(batch_size)
        for batch, labels in zip(batches, targets.index_select(0, order).split(batch_size)):
            for parameter in parameters:
                parameter.grad = None
            functional.cross_entropy(model(batch), labels).backward()
            optimizer.step()
            steps += 1
    return time.perf_counter() - start, steps


OPTIMIZERS = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam}


def build(model, features, classes):
    """The same layers as batchsweep's, with PyTorch's default initialisation."""
    layers, width = [], 1
    for size in features:
        width *= size
    if model["kind"] == "cnn":
        channels, height, columns = features
        for outputs in model["channels"]:
            layers += [nn.Conv2d(channels, outputs, kernel_size=3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
            channels, height, columns = outputs, height // 2, columns // 2
        width = channels * height * columns
    if len(features) > 1:
        layers.append(nn.Flatten())
    for outputs in model.get("hidden", []):
        layers += [nn.Linear(width, outputs), nn.ReLU()]
        width = outputs
    return nn.Sequential(*layers, nn.Linear(width, classes))


@cache
def examples(data):
    """Inputs as the model sees them, targets, and how many classes there are."""
    data = json.loads(data)
    if data["format"] == "idx":
        folder, limit = Path(data["path"]), data["limit"]
        images = read_idx(folder / "train-images-idx3-ubyte.gz")[:limit]
        labels = read_idx(folder / "train-labels-idx1-ubyte.gz")[:limit]
        return images.unsqueeze(1).float() / 255, labels.long(), 10
    torch.manual_seed(0)
    inputs = torch.randn(data["examples"], *data["features"])
    return inputs, torch.randint(data["classes"], (data["examples"],)), data["classes"]


def read_idx(path):
    with gzip.open(path) as file:
        rank = file.read(4)[3]
        shape = struct.unpack(f">{rank}I", file.read(4 * rank))
        return torch.frombuffer(bytearray(file.read()), dtype=torch.uint8).reshape(shape)


@torch.no_grad()
def mean_loss(model, inputs, targets):
    total = 0.0
    for batch, labels in zip(inputs.split(1024), targets.split(1024)):
        total += functional.cross_entropy(model(batch), labels, reduction="sum").item()
    return total / len(targets)


if __name__ == "__main__":
    main()
