#!/usr/bin/env python3
"""Writes rng.json: what PyTorch's CPU generator gives, for GeneratorTests.swift. Run: python3 make_rng.py

A case: [op, dtype, seed, n, args, bits, state]. Two fills run one after the other from the seed; `bits` are the bytes of
both results in base64, or, above 64 bytes, "#" and their FNV-1a 64 checksum; `state` is the checksum of the state after.
"""
import base64
import json
import pathlib
import warnings

import torch

warnings.simplefilter("ignore")
SEEDS = [0, 1, 42, 2**40 + 17]
SIZES = [1, 2, 15, 16, 17, 31, 100, 1000, 5003]
FLOATS = ["float32", "float64", "float16", "bfloat16"]
REALS = FLOATS + ["int8", "int16", "int32", "int64", "uint8", "bool"]
WEIGHTS = [0.1, 0.0, 2.0, 0.7, 1.3]


def fnv(data):
    h = 0xCBF29CE484222325
    for byte in data:
        h = (h ^ byte) * 0x100000001B3 % 2**64
    return "%016x" % h


def raw(t):
    return t.contiguous().view(torch.uint8).numpy().tobytes()


def fresh(fill):
    return lambda dtype, n, *args: fill(torch.empty(n, dtype=dtype), *args)


def ramp(n, dtype):
    return (torch.arange(n) % 11 / 10).to(dtype)


OPS = {
    "uniform": fresh(lambda t, a, b: t.uniform_(a, b)),
    "normal": fresh(lambda t, m, s: t.normal_(m, s)),
    "log_normal": fresh(lambda t, m, s: t.log_normal_(m, s)),
    "exponential": fresh(lambda t, l: t.exponential_(l)),
    "cauchy": fresh(lambda t, m, s: t.cauchy_(m, s)),
    "geometric": fresh(lambda t, p: t.geometric_(p)),
    "bernoulli": fresh(lambda t, p: t.bernoulli_(p)),
    "bernoulli_tensor": fresh(lambda t: t.bernoulli_(ramp(len(t), t.dtype if t.is_floating_point() else torch.float32))),
    "dropout": fresh(lambda t, p: torch.nn.functional.dropout(torch.ones_like(t), p)),
    "random": fresh(lambda t: t.random_()),
    "random_from": fresh(lambda t, a: t.random_(a, None)),
    "randint": fresh(lambda t, a, b: t.random_(a, b)),
    "randperm": lambda dtype, n: torch.randperm(n, dtype=dtype),
    "multinomial": lambda dtype, n, replace: torch.multinomial(torch.tensor(WEIGHTS, dtype=dtype), n, bool(replace)),
    "poisson": lambda dtype, n, scale: torch.poisson((torch.arange(n) % 7 * scale).to(dtype)),
    "trunc_normal": fresh(lambda t, m, s, a, b: torch.nn.init.trunc_normal_(t, m, s, a, b)),
}
cases = []


def add(op, dtype, n, *args, seeds=SEEDS):
    for seed in seeds:
        torch.manual_seed(seed)
        run = lambda: raw(OPS[op](getattr(torch, dtype), n, *args))
        data = run() + run()
        bits = base64.b64encode(data).decode() if len(data) <= 64 else "#" + fnv(data)
        cases.append([op, dtype, seed, n, list(args), bits, fnv(torch.get_rng_state().numpy().tobytes())])


for n in SIZES:
    for dtype in FLOATS:
        add("uniform", dtype, n, 0, 1)
        add("normal", dtype, n, 0, 1)
few = dict(seeds=[0, 42])
for n in (1, 2, 15, 17, 1000):
    for dtype in FLOATS:
        add("uniform", dtype, n, -0.3, 0.7, **few)
        add("normal", dtype, n, 0.3, 0.02, **few)
        add("exponential", dtype, n, 2.5, **few)
        add("cauchy", dtype, n, 0.5, 2, **few)
        add("log_normal", dtype, n, 1, 2, **few)
        add("dropout", dtype, n, 0.3, **few)
        add("poisson", dtype, n, 5, **few)
        add("trunc_normal", dtype, n, 0, 0.02, -0.03, 0.03, **few)
        add("trunc_normal", dtype, n, 0, 1, 2, 3, **few)
    for dtype in REALS:
        add("bernoulli", dtype, n, 0.3, **few)
        add("bernoulli_tensor", dtype, n, **few)
        add("random", dtype, n, **few)
        if dtype != "bool":
            add("geometric", dtype, n, 0.3, **few)
            add("randint", dtype, n, 0, 100, **few)
            add("random_from", dtype, n, 3, **few)
    for low, high in ((0, 2**28 - 1), (0, 2**28), (-(2**31), 2**31 - 1), (-5, 2**40), (-(2**63), 2**63 - 1)):
        add("randint", "int64", n, low, high, **few)
    add("randint", "float16", n, 0, 65504, **few)
    add("randint", "bfloat16", n, -1000, 1003, **few)
for n in (1, 2, 15, 100, 120):
    for dtype in ("int64", "int32", "int16", "int8", "uint8", "float32", "float16"):
        add("randperm", dtype, n, **few)
add("randperm", "int64", 10000)
for dtype in FLOATS:
    add("multinomial", dtype, 1, 0, **few)
    add("multinomial", dtype, 100, 1, **few)
    if dtype in ("float32", "float64"):
        add("multinomial", dtype, 4, 0, **few)

# The same through public calls, readable: the numbers people compare first.
torch.manual_seed(0)
plain = {"randn_0": torch.randn(5).tolist(), "rand_0": None, "randperm_0": None, "randint_0": None}
torch.manual_seed(0)
plain["rand_0"] = torch.rand(3).tolist()
torch.manual_seed(0)
plain["randperm_0"] = torch.randperm(10).tolist()
torch.manual_seed(0)
plain["randint_0"] = torch.randint(0, 10, (8,)).tolist()

# A whole state, with a normal number in the cache.
torch.manual_seed(7)
torch.rand(1000)
torch.randn(3)
state = torch.get_rng_state()
after = raw(torch.randn(5)) + raw(torch.rand(5))
vendor = next((l.split(":")[1].strip() for l in open("/proc/cpuinfo") if l.startswith("vendor_id")), "unknown")
document = {
    "torch": torch.__version__.split("+")[0],
    "cpu": vendor,
    "note": "On Intel processors PyTorch may draw bernoulli_ and exponential_ from MKL's streams instead.",
    "weights": WEIGHTS,
    "plain": plain,
    "state": base64.b64encode(state.numpy().tobytes()).decode(),
    "after": base64.b64encode(after).decode(),
}
lines = ",\n".join(json.dumps(c, separators=(",", ":")) for c in cases)
text = json.dumps(document, indent=0)[:-2] + ',\n"cases": [\n' + lines + "\n]\n}\n"
pathlib.Path(__file__).with_name("rng.json").write_text(text)
print(len(cases), "cases,", len(text), "bytes")
