"""The work of bench (Sources/bench) in PyTorch. Prints one JSON object."""
import gzip
import json
import pathlib
import statistics
import sys
import time

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


MODELS = {
    "cnn": lambda: nn.Sequential(
        nn.Conv2d(1, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(32, 64, 3, padding=1),
        nn.BatchNorm2d(64), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(64 * 7 * 7, 128), nn.ReLU(), nn.Linear(128, 10)),
    "mlp": lambda: nn.Sequential(
        nn.Flatten(), nn.Linear(784, 256), nn.ReLU(), nn.Dropout(0.2), nn.Linear(256, 128), nn.ReLU(), nn.Dropout(0.2),
        nn.Linear(128, 10)),
    "resnet": lambda: nn.Sequential(
        nn.Conv2d(1, 32, 3, padding=1, bias=False), nn.BatchNorm2d(32), nn.ReLU(), Block(32, 32), Block(32, 64, 2),
        Block(64, 128, 2), Block(128, 128), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(128, 10)),
}


def epoch(name, steps):
    images = read("train-images-idx3-ubyte", 16).reshape(-1, 28, 28)
    labels = read("train-labels-idx1-ubyte", 8).to(torch.int64)
    torch.manual_seed(0)
    model = MODELS[name]()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    # The order of a DataLoader with shuffle=True, but batches cut by index_select: much faster than its collation.
    torch.empty((), dtype=torch.int64).random_()
    seed = int(torch.empty((), dtype=torch.int64).random_())
    order = torch.randperm(60000, generator=torch.Generator().manual_seed(seed))
    total, count = 0.0, 0
    start = time.perf_counter()
    for rows in order.split(128):
        if steps and count == steps:
            break
        x = (images.index_select(0, rows).float().unsqueeze(1) * (1 / (255 * STD))).sub_(MEAN / STD)
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x), labels.index_select(0, rows))
        loss.backward()
        optimizer.step()
        total += loss.item()
        count += 1
    return {"seconds": time.perf_counter() - start, "loss": total / count, "steps": count}


def ops():
    def measure(calls, body):
        def once():
            start = time.perf_counter()
            for _ in range(calls):
                body()
            return (time.perf_counter() - start) / calls * 1e9
        once()
        return statistics.median(once() for _ in range(15))

    torch.manual_seed(0)
    a, b, c, d = torch.randn(1), torch.randn(1), torch.randn(1000), torch.randn(1000)
    g = torch.randn(1, requires_grad=True)
    x, w, m = torch.randn(128, 784), torch.randn(128, 784, requires_grad=True), torch.randn(64, 64)

    def chain():
        y = g
        for _ in range(10):
            y = y * 1.01
        y.backward()

    def linear():
        w.grad = None
        nn.functional.linear(x, w).sum().backward()

    return {
        "add 1": measure(20000, lambda: a + b), "add 1000": measure(10000, lambda: c + d),
        "add 1, recorded": measure(20000, lambda: g + b), "mul number, recorded": measure(20000, lambda: g * 2),
        "select": measure(20000, lambda: m.select(0, 3)), "sum 1000": measure(10000, lambda: c.sum()),
        "matmul 64": measure(2000, lambda: m.matmul(m)), "chain of 10, there and back": measure(500, chain),
        "linear 128x784x128, there and back": measure(50, linear)}


def main():
    job = sys.argv[1]
    if job == "epoch":
        torch.set_num_threads(int(sys.argv[3]))
        print(json.dumps(epoch(sys.argv[2], int(sys.argv[4]))))
    elif job == "ops":
        torch.set_num_threads(int(sys.argv[2]))
        print(json.dumps(ops()))
    else:
        print(json.dumps({"sum": (torch.ones(2, 2) + 1).sum().item()}))


main()
