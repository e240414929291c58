"""Opens files that Firefinch wrote into a folder with PyTorch, safetensors and NumPy, and compares what they hold.

Usage: python check.py FOLDER. Exit code 0 when all is right.
"""

import os
import sys
import zipfile

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import load_file

folder = sys.argv[1]
path = lambda name: os.path.join(folder, name)
base = torch.arange(24).reshape(4, 6)
dtypes = ["float32", "float64", "float16", "bfloat16", "int8", "int16", "int32", "int64", "uint8"]


def same(got, want):
    assert got.dtype == want.dtype and got.shape == want.shape and torch.equal(got, want), (got, want)


def check_state(state):
    for name in dtypes:
        same(state["tensors"][name], base.to(getattr(torch, name)))
    same(state["tensors"]["bool"], torch.tensor([True, False]))
    same(state["view"], base.float().t())
    assert state["view"].stride() == (1, 6)
    assert state["view"].untyped_storage().data_ptr() == state["base"].untyped_storage().data_ptr()
    same(state["empty"], torch.empty(0, 3))
    same(state["scalar"], torch.tensor(2.5))
    assert state["leaf"].requires_grad and not state["base"].requires_grad
    assert state["plain"] == [None, True, 3, -1, 2**40, -(2**63), 0.5, "naïve 🐦", "", [], (), {}, (1,), (1, 2, 3, 4), {7: "x"}], state["plain"]
    assert list(state) == ["tensors", "base", "view", "empty", "scalar", "leaf", "plain"]


for name in ["state.pt", "state64.pt"]:
    check_state(torch.load(path(name), weights_only=True))
    check_state(torch.load(path(name), weights_only=True, mmap=True))
    assert zipfile.ZipFile(path(name)).testzip() is None

model = torch.nn.Linear(3, 2)
model.load_state_dict(torch.load(path("linear.pt"), weights_only=True))

tensors = load_file(path("all.safetensors"))
for name in dtypes:
    same(tensors[name], base.to(getattr(torch, name)))
same(tensors["flag"], torch.tensor([True, False, True]))
same(tensors["view"], base.float().t())
with safe_open(path("all.safetensors"), "pt") as opened:
    assert opened.metadata() == {"note": "ä \"q\""}

for name in ["arrays.npz", "arrays-compressed.npz"]:
    with np.load(path(name), allow_pickle=False) as arrays:
        assert arrays.files == ["f", "i", "flag", "scalar", "t"]
        assert np.array_equal(arrays["f"], base.double().numpy()) and arrays["i"].dtype == np.int64
        assert arrays["flag"].tolist() == [True, False] and arrays["scalar"].shape == ()
        assert np.array_equal(arrays["t"], base.float().t().numpy())
assert np.array_equal(np.load(path("array.npy")), base.numpy())

# Goldens that were read and written again.
goldens = os.path.dirname(os.path.abspath(__file__))
for name in sorted(os.listdir(folder)):
    if name.startswith("again-"):
        got = torch.load(path(name), weights_only=True)
        want = torch.load(os.path.join(goldens, name[6:]), weights_only=True)
        for key, tensor in want.items():
            if isinstance(tensor, torch.Tensor):
                same(got[key], tensor)
                assert got[key].stride() == tensor.stride()
print("all files are right")
