"""Writes attention.json: results and gradients of PyTorch's attention for AttentionTests.

A case is a name, inputs and a function; the Swift test has a function of the same name. The gradient is that of the sum of
the first result's elements, each weighted with `weights`.
"""

import json
import math
import pathlib

import torch
import torch.nn.functional as F


def number(x):
    if isinstance(x, bool):
        return int(x)
    if isinstance(x, float) and not math.isfinite(x):
        return "nan" if math.isnan(x) else "inf" if x > 0 else "-inf"
    return x


def tensor(x):
    x = x.detach()
    data = x.to(torch.float64) if x.dtype.is_floating_point else x
    return {
        "dtype": str(x.dtype)[6:],
        "shape": list(x.shape),
        "data": [number(v) for v in data.reshape(-1).tolist()],
    }


def weights(x):
    return (0.5 + (torch.arange(x.numel(), dtype=torch.float64) % 7) * 0.25).to(x.dtype).reshape(x.shape)


cases = []


def case(name, function, *inputs, grad=True):
    inputs = [x.detach().clone() for x in inputs]
    leaves = [x for x in inputs if x.dtype.is_floating_point] if grad else []
    for x in leaves:
        x.requires_grad_()
    results = function(*inputs)
    results = list(results) if isinstance(results, (tuple, list)) else [results]
    gradients = torch.autograd.grad([results[0]], leaves, [weights(results[0])]) if grad else []
    cases.append({
        "name": name,
        "inputs": [tensor(x) for x in inputs],
        "results": [tensor(x) for x in results],
        "gradients": [tensor(x) for x in gradients],
    })


generator = torch.Generator().manual_seed(0)


def r(*shape):
    return (torch.randn(*shape, dtype=torch.float64, generator=generator) * 100).round() / 100


attend = F.scaled_dot_product_attention
q, k, v = r(2, 2, 6, 4), r(2, 2, 7, 4), r(2, 2, 7, 3)
mask = r(6, 7)
allowed = r(2, 1, 6, 7) > 0
allowed[0, 0, 1] = False
case("plain", attend, q, k, v)
case("plain_float", attend, *(x.float() for x in (q, k, v)))
case("plain_bfloat16", attend, *(x.bfloat16() for x in (q, k, v)), grad=False)
case("causal", lambda q, k, v: attend(q, k, v, is_causal=True), q, k, v)
case("causal_more_queries", lambda q, k, v: attend(q, k, v, is_causal=True), r(1, 1, 9, 4), r(1, 1, 5, 4), r(1, 1, 5, 4))
case("one_query", lambda q, k, v: attend(q, k, v, scale=0.7), r(2, 2, 1, 4), k, v)
case("mask", lambda q, k, v, m: attend(q, k, v, attn_mask=m), q, k, v, mask)
case("mask_bool_empty_row", lambda q, k, v, m: attend(q, k, v, attn_mask=m), q, k, v, allowed)
case("grouped", lambda q, k, v: attend(q, k, v, enable_gqa=True), r(1, 4, 3, 4), r(1, 2, 5, 4), r(1, 2, 5, 4))
case("rank_3", attend, r(2, 6, 4), r(2, 7, 4), r(2, 7, 4))
empty_row = mask.clone()
empty_row[2] = -math.inf
flash = torch._scaled_dot_product_flash_attention_for_cpu
case("flash", lambda q, k, v, m: flash(q, k, v, attn_mask=m), q, k, r(2, 2, 7, 4), empty_row, grad=False)

path = pathlib.Path(__file__).with_name("attention.json")
path.write_text(json.dumps({"cases": cases}, separators=(",", ":")) + "\n")
