"""Writes dtypes.json for DTypeTests: PyTorch's result_type for all pairs of dtypes, as tensors with dims, 0-dim tensors and
numbers, and what conversions make of numbers inside and outside the ranges of dtypes.

Conversions of floating-point numbers that do not fit are those of x86-64, on which the script must run. Numbers are
written as strings, because JSON readers round them.
"""

import json
import math
import pathlib
import warnings

import torch

warnings.filterwarnings("ignore")
dtypes = [
    torch.bool, torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64, torch.float16, torch.bfloat16,
    torch.float32, torch.float64, torch.complex32, torch.complex64, torch.complex128,
]
numbers = {"bool": True, "int": 1, "float": 1.0, "complex": 1j}


def name(dtype):
    return str(dtype)[6:]


def rows():
    for a in dtypes:
        for rank_a in (0, 1):
            x = torch.zeros([2] * rank_a, dtype=a)
            for b in dtypes:
                for rank_b in (0, 1):
                    y = torch.zeros([2] * rank_b, dtype=b)
                    yield [name(a), rank_a, name(b), rank_b, name(torch.result_type(x, y))]
            for kind, number in numbers.items():
                yield [name(a), rank_a, kind, -1, name(torch.result_type(x, number))]


def pairs():
    for a in numbers:
        for b in numbers:
            yield [a, b, name(torch.result_type(numbers[a], numbers[b]))]


values = [
    0.0, -0.0, 0.5, -0.5, 1.9, -1.9, 127.0, 127.5, 128.0, 200.0, 255.0, 256.0, 300.0, -1.0, -128.0, -129.0, 32767.0, 32768.0,
    -32769.0, 65504.0, 65519.0, 65520.0, 65536.0, 2.0**31 - 1, 2.0**31, -(2.0**31), -(2.0**31) - 1, 2.0**32 + 5, -(2.0**32) - 1,
    2.0**62, 2.0**63, -(2.0**63), 1e20, -1e20, 3.4e38, 1e39, 6e-8, 2.98e-8, 1e-40, math.inf, -math.inf, math.nan,
]
integers = [0, 1, -1, 127, 128, 255, 256, -129, 32768, 65535, 2**24 + 1, 2**31, -(2**31) - 1, 2**53 + 1, 2**63 - 1, -(2**63)]


def conversions():
    real = [d for d in dtypes if not d.is_complex]
    for source, given in ((torch.float64, values), (torch.int64, integers)):
        whole = torch.tensor(given, dtype=source)
        for start in real:
            for end in real:
                # First into `start`, whose own conversion is a row of its own, then into `end`.
                result = whole.to(start).to(end)
                if result.dtype.is_floating_point:
                    result = result.to(torch.float64)
                yield {
                    "source": name(source), "start": name(start), "end": name(end),
                    "results": [repr(int(v)) if isinstance(v, bool) else repr(v) for v in result.tolist()],
                }


here = pathlib.Path(__file__).parent
content = {
    "result_type": list(rows()),
    "numbers": list(pairs()),
    "values": [repr(v) for v in values],
    "integers": [str(v) for v in integers],
    "conversions": list(conversions()),
}
(here / "dtypes.json").write_text(json.dumps(content, separators=(",", ":")).replace('],"', '],\n"').replace("},", "},\n") + "\n")
