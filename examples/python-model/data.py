"""A data set as people write it: `datasets` returns one for training and one for validation.

The training set draws random numbers: each epoch sees its images shifted and mirrored in other ways, and each repeat of a
trial in the same ways.
"""

import gzip
import random
from pathlib import Path

import numpy as np
import torch
from torch.utils.data import Dataset


def read(path, header):
    with gzip.open(path) as file:
        return np.frombuffer(file.read(), np.uint8, offset=header)


class FashionMnist(Dataset):
    def __init__(self, folder, examples, augment):
        folder = Path(folder)
        images = read(folder / "train-images-idx3-ubyte.gz", 16).reshape(-1, 1, 28, 28)
        self.images = torch.from_numpy(images[examples].copy())
        self.labels = read(folder / "train-labels-idx1-ubyte.gz", 8)[examples]
        self.augment = augment

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, index):
        image = self.images[index].float() / 255
        if self.augment:
            image = torch.roll(image, (random.randint(-2, 2), random.randint(-2, 2)), (1, 2))
            if random.random() < 0.5:
                image = image.flip(2)
        return image, int(self.labels[index])


def datasets(folder="/usr/share/datasets/fashion-mnist", train=5000, validation=1000):
    return (
        FashionMnist(folder, slice(0, train), augment=True),
        FashionMnist(folder, slice(train, train + validation), augment=False),
    )
