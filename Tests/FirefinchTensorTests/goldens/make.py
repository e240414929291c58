"""Makes indexing.json and printing.json with PyTorch 2.13: python make.py"""
import json
import pathlib

import torch

HERE = pathlib.Path(__file__).parent


def value(t):
    return {"shape": list(t.shape), "dtype": str(t.dtype).removeprefix("torch."), "data": t.reshape(-1).tolist()}


def x():
    return torch.arange(24, dtype=torch.float64).reshape(2, 3, 4)


READ = {
    "first": lambda x: x[0], "last": lambda x: x[-1], "element": lambda x: x[1, 2, 3], "range": lambda x: x[0:1, 1:3],
    "from": lambda x: x[:, 1:], "upto": lambda x: x[:, :2], "through": lambda x: x[:, :-1], "negative": lambda x: x[..., -3:],
    "all": lambda x: x[:, 0], "ellipsis": lambda x: x[..., 1], "ellipsisMiddle": lambda x: x[0, ..., 1], "newAxis": lambda x: x[None],
    "newAxisLast": lambda x: x[..., None], "newAxisMiddle": lambda x: x[:, None, 1], "step": lambda x: x[:, ::2],
    "stepFrom": lambda x: x[:, :, 1::2], "beyond": lambda x: x[:, 1:100], "empty": lambda x: x[:, 2:1],
    "indices": lambda x: x[torch.tensor([1, 0, 1])], "indicesNegative": lambda x: x[:, torch.tensor([-1, 0])],
    "list": lambda x: x[:, :, [0, 3]], "matrix": lambda x: x[:, torch.tensor([[0, 1], [2, 0]])],
    "adjacent": lambda x: x[:, torch.tensor([0, 2]), torch.tensor([1, 3])],
    "separated": lambda x: x[torch.tensor([0, 1]), :, torch.tensor([1, 3])],
    "separatedByNumber": lambda x: x[torch.tensor([0, 1]), 1, torch.tensor([1, 3])],
    "broadcast": lambda x: x[torch.tensor([[0], [1]]), torch.tensor([0, 2, 1])],
    "withSlice": lambda x: x[1:, torch.tensor([2, 0]), 1:3], "withNewAxis": lambda x: x[None, :, torch.tensor([2, 0])],
    "mask": lambda x: x[x > 10], "maskRows": lambda x: x[torch.tensor([False, True])],
    "maskTwoDims": lambda x: x[torch.tensor([[True, False, True], [False, True, False]])],
    "maskLast": lambda x: x[..., torch.tensor([True, False, False, True])],
    "maskAndIndices": lambda x: x[torch.tensor([True, True]), torch.tensor([0, 2])],
    "maskEmpty": lambda x: x[x > 100], "zeroDimIndex": lambda x: x[torch.tensor(1)], "emptyIndices": lambda x: x[torch.tensor([], dtype=torch.int64)],
    "maskedSelect": lambda x: x.masked_select(torch.tensor([True, False, True, False])),
    "take": lambda x: x.take(torch.tensor([[0, 5], [23, -1]])), "transposed": lambda x: x.transpose(0, 2)[torch.tensor([3, 1]), 1],
    "maskedFill": lambda x: x.masked_fill(x > 12, -1.0),
    "indexCopy": lambda x: x.index_copy(1, torch.tensor([2, 0]), torch.ones(2, 2, 4, dtype=torch.float64)),
    "indexFill": lambda x: x.index_fill(2, torch.tensor([1, 3]), 7.0),
    "maskedScatter": lambda x: x.masked_scatter(x > 12, torch.arange(30, 60, dtype=torch.float64)),
}


def assign(key, source):
    def run(x):
        x[key(x)] = source(x) if callable(source) else source
        return x
    return run


WRITE = {
    "first": assign(lambda x: 0, 5.0), "range": assign(lambda x: (slice(None), slice(1, 3)), -1.0),
    "column": assign(lambda x: (..., 1), lambda x: torch.tensor([[1., 2, 3], [4, 5, 6]], dtype=torch.float64)),
    "broadcastRow": assign(lambda x: 1, lambda x: torch.tensor([9., 8, 7, 6], dtype=torch.float64)),
    "leadingOnes": assign(lambda x: (0, 0), lambda x: torch.ones(1, 1, 4, dtype=torch.float64)),
    "mask": assign(lambda x: x > 10, 0.0), "indices": assign(lambda x: torch.tensor([1]), 3.0),
    "indicesTensor": assign(lambda x: (slice(None), torch.tensor([2, 0])), lambda x: torch.arange(4, dtype=torch.float64)),
    "separated": assign(lambda x: (torch.tensor([0, 1]), slice(None), torch.tensor([1, 3])), lambda x: torch.arange(6, dtype=torch.float64).reshape(2, 3)),
    "step": assign(lambda x: (..., slice(None, None, 2)), 0.5), "element": assign(lambda x: (1, 2, 3), 100.0),
    "accumulate": lambda x: x.index_put_((torch.tensor([0, 0, 1]),), torch.ones(3, 3, 4, dtype=torch.float64), accumulate=True),
    "put": lambda x: x.put_(torch.tensor([1, 5]), torch.tensor([-3., -4], dtype=torch.float64)),
}


def indexing():
    cases = {"read": {}, "write": {}}
    for name, get in READ.items():
        leaf = x().requires_grad_()
        y = get(leaf)
        weights = torch.arange(1, y.numel() + 1, dtype=torch.float64).reshape(y.shape)
        (y * weights).sum().backward()
        cases["read"][name] = {"result": value(y.detach()), "grad": value(leaf.grad)}
    for name, put in WRITE.items():
        leaf = x().requires_grad_()
        y = put(leaf * 2)
        (y * torch.arange(1, 25, dtype=torch.float64).reshape(2, 3, 4)).sum().backward()
        cases["write"][name] = {"result": value(y.detach()), "grad": value(leaf.grad)}
    return cases


def printing():
    torch.manual_seed(0)
    nan, inf = float("nan"), float("inf")
    lists = [
        [1.5], [1.0, 2.0], [0.5, 100.25], [1e-8, 1.0], [1e5, 2.5], [1e9, 2.0], [nan, inf, 1.0], [nan, -inf, 0.25], [0.0, 0.0],
        [0.0, 1e-5], [1e-4, 1.0], [-1.0, 2.0], [123456.0, 1.0], [1e8, 1.0], [2e8], [1e-45], [3.4e38, 1.0], [0.1, 0.2, 0.3],
        [inf], [nan], [-0.0, 1.0], [999.5, 1.0], [1000.5, 1.0], [0.00012, 0.5], [1.0, 1001.0], [-12.25, 3.0, nan]]
    cases = []

    def add(t, values=None):
        cases.append({"tensor": value(t) if t.device.type == "cpu" else {"shape": list(t.shape), "dtype": "float32", "data": []},
                      "text": str(t), "meta": t.is_meta})

    for entry in lists:
        add(torch.tensor(entry))
    for dtype in (torch.float64, torch.float16, torch.bfloat16):
        add(torch.tensor([1.5, -2.25, 0.1], dtype=dtype))
    for dtype in (torch.int8, torch.uint8, torch.int16, torch.int32, torch.int64, torch.bool):
        add(torch.tensor([0, 1, 100], dtype=dtype))
    add(torch.tensor([-5, 10, 12345678901234567]))
    add(torch.tensor(3.25)); add(torch.tensor(7)); add(torch.tensor(True)); add(torch.tensor(2.0, dtype=torch.float64))
    for shape in ((2, 2), (2, 3, 4), (2, 1, 2, 3), (30,), (3, 30), (1, 1, 1, 1), (5, 5), (1001,), (1000,), (40, 40), (7, 12, 13), (2, 600)):
        add((torch.randint(-400, 400, shape).float() / 8))
        add(torch.randint(-1000, 1000, shape))
    for shape in ((0,), (0, 3), (2, 0, 4)):
        add(torch.zeros(shape)); add(torch.zeros(shape, dtype=torch.int64)); add(torch.zeros(shape, dtype=torch.float64))
    for shape in ((3,), (2, 3), ()):
        add(torch.empty(shape, device="meta"))
    add(torch.arange(20) > 9)
    add(torch.zeros(9, 9, dtype=torch.float16))
    return {"cases": cases}


def numbers(tree):
    if isinstance(tree, dict):
        return {k: numbers(v) for k, v in tree.items()}
    if isinstance(tree, list):
        return [numbers(v) for v in tree]
    if isinstance(tree, float) and tree != tree:
        return "nan"
    if isinstance(tree, float) and tree in (float("inf"), float("-inf")):
        return "inf" if tree > 0 else "-inf"
    return tree


for name, make in (("indexing", indexing), ("printing", printing)):
    (HERE / f"{name}.json").write_text(json.dumps(numbers(make()), indent=None, separators=(",", ":")) + "\n")
