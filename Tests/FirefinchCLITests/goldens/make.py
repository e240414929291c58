"""Makes training.json: the first steps of `firefinch train fashion-mnist` as PyTorch takes them, from the same seed.

Run with torch 2.13 where Debian's dataset-fashion-mnist is installed: python make.py
"""
import gzip
import json
import pathlib

import torch
from torch import nn

FOLDER = pathlib.Path("/usr/share/datasets/fashion-mnist")
MEAN, STD = 0.2860, 0.3530


def read(name, header):
    return torch.frombuffer(bytearray(gzip.open(FOLDER / f"{name}.gz").read()[header:]), dtype=torch.uint8)


class Block(nn.Module):
    def __init__(self, channels, out, stride=1):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, out, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(out)
        self.conv2 = nn.Conv2d(out, out, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(out)
        same = stride == 1 and channels == out
        self.downsample = None if same else nn.Sequential(nn.Conv2d(channels, out, 1, stride, bias=False), nn.BatchNorm2d(out))

    def forward(self, x):
        y = self.bn2(self.conv2(self.bn1(self.conv1(x)).relu()))
        return (y + (x if self.downsample is None else self.downsample(x))).relu()


def make(name):
    if name == "cnn":
        return nn.Sequential(
            nn.Conv2d(1, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(32, 64, 3, padding=1), nn.BatchNorm2d(64), nn.ReLU(), nn.MaxPool2d(2),
            nn.Flatten(), nn.Linear(64 * 7 * 7, 128), nn.ReLU(), nn.Linear(128, 10))
    if name == "mlp":
        return nn.Sequential(
            nn.Flatten(), nn.Linear(784, 256), nn.ReLU(), nn.Dropout(0.2), nn.Linear(256, 128), nn.ReLU(), nn.Dropout(0.2),
            nn.Linear(128, 10))
    return nn.Sequential(
        nn.Conv2d(1, 32, 3, padding=1, bias=False), nn.BatchNorm2d(32), nn.ReLU(), Block(32, 32), Block(32, 64, 2),
        Block(64, 128, 2), Block(128, 128), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(128, 10))


def bits(tensor):
    """An exact fingerprint: the sum of the elements' bit patterns."""
    kind = torch.int32 if tensor.dtype == torch.float32 else torch.int64
    return int(tensor.detach().contiguous().view(kind).reshape(-1).to(torch.int64).bitwise_and(0xFFFFFFFF).sum())


def first_steps(name, optimizer_name, steps, images, labels):
    torch.manual_seed(0)
    model = make(name)
    optimizer = {
        "adam": lambda: torch.optim.Adam(model.parameters(), lr=0.001),
        "adamw": lambda: torch.optim.AdamW(model.parameters(), lr=0.001),
        "sgd": lambda: torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, weight_decay=5e-4, nesterov=True),
    }[optimizer_name]()
    loader = torch.utils.data.DataLoader(
        torch.utils.data.TensorDataset(images, labels), batch_size=128, shuffle=True)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 3 * len(loader))
    start = {key: bits(value) for key, value in model.state_dict().items()}
    shapes = {key: list(value.shape) for key, value in model.state_dict().items()}
    losses = []
    for x, y in loader:
        x = (x.float().unsqueeze(1) * (1 / (255 * STD))) - MEAN / STD
        loss = nn.functional.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        scheduler.step()
        losses.append(loss.item())
        if len(losses) == steps:
            break
    norms = {key: value.double().norm().item() for key, value in model.state_dict().items()}
    return {
        "model": name, "optimizer": optimizer_name, "bits": start, "shapes": shapes, "losses": losses, "norms": norms,
        "keys": list(start), "lr": scheduler.get_last_lr()[0]}


def main():
    images = read("train-images-idx3-ubyte", 16).reshape(-1, 28, 28)
    labels = read("train-labels-idx1-ubyte", 8).to(torch.int64)
    cases = [
        first_steps("cnn", "adam", 20, images, labels), first_steps("mlp", "sgd", 20, images, labels),
        first_steps("resnet", "adamw", 5, images, labels)]
    pathlib.Path(__file__).with_name("training.json").write_text(json.dumps({"cases": cases}, indent=0) + "\n")


main()
