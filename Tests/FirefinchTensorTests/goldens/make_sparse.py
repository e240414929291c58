"""Writes sparse.json: results and gradients of PyTorch's sparse tensors for SparseTests.

A case is a name, dense inputs and a function; the Swift test has a function of the same name. A sparse result stands as its
dense tensor, its indices and its values. The gradient is that of the sum of the floating-point results that have one, each
weighted with `weights`.
"""

import json
import pathlib

import torch


def tensor(x):
    x = x.detach()
    data = x.to(torch.float64) if x.dtype.is_floating_point else x.to(torch.int64)
    return {"dtype": str(x.dtype)[6:], "shape": list(x.shape), "data": data.reshape(-1).tolist()}


def weights(x):
    return (0.5 + (torch.arange(x.numel(), dtype=torch.float64) % 7) * 0.25).to(x.dtype).reshape(x.shape)


def parts(x):
    if x.layout == torch.strided:
        return [x]
    y = x.detach()
    if x.layout == torch.sparse_coo:
        y = y.coalesce()
        return [x.to_dense(), y.indices(), y.values()]
    if x.layout in (torch.sparse_csr, torch.sparse_bsr):
        return [x.to_dense(), y.crow_indices(), y.col_indices(), y.values()]
    return [x.to_dense(), y.ccol_indices(), y.row_indices(), y.values()]


cases = []


def case(name, function, *inputs, grad=True):
    inputs = [x.detach().clone() for x in inputs]
    leaves = [x for x in inputs if x.dtype.is_floating_point]
    if grad:
        for x in leaves:
            x.requires_grad_()
    entry = {"name": name, "inputs": [tensor(x) for x in inputs]}
    results = parts(function(*inputs))
    entry["results"] = [tensor(x) for x in results]
    entry["gradients"] = []
    if grad:
        total = sum((x * weights(x)).sum() for x in results if x.requires_grad)
        gradients = torch.autograd.grad(total, leaves, allow_unused=True)
        entry["gradients"] = [tensor(torch.zeros_like(x) if g is None else g) for x, g in zip(leaves, gradients)]
    cases.append(entry)


def full(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.round(torch.randn(*shape, dtype=torch.float64, generator=generator) * 1000) / 1000


def holes(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed + 100)
    return full(*shape, seed=seed) * (torch.rand(*shape, generator=generator) < 0.5)


csr, csc = lambda x: x.to_sparse_csr(), lambda x: x.to_sparse_csc()
places = torch.tensor([[0, 2, 0, 1], [1, 0, 1, 2]])
a, b, d = holes(4, 6), holes(6, 3, seed=1), full(6, 3, seed=2)

case("to_sparse", lambda x: x.to_sparse(), a)
case("to_sparse_hybrid", lambda x: x.to_sparse(1), holes(4, 2, 2))
case("to_sparse_int32", lambda x: x.to_sparse(), torch.tensor([[0, 3], [0, 0], [-1, 2]], dtype=torch.int32), grad=False)
case("to_csr", lambda x: x.to_sparse_csr(), a)
case("to_csr_batch", lambda x: x.to_sparse_csr(), torch.stack([a, a * 2]), grad=False)
case("to_csr_dense", lambda x: x.to_sparse_csr(dense_dim=1), full(3, 2, 2), grad=False)
case("to_csc", lambda x: x.to_sparse_csc(), a)
case("to_bsr", lambda x: x.to_sparse_bsr((2, 3)), a)
case("to_bsc", lambda x: x.to_sparse_bsc((2, 2)), a)
case("csr_to_csc", lambda x: x.to_sparse_csr().to_sparse_csc(), a, grad=False)
case("empty_rows", lambda x: x.to_sparse_csr(), torch.zeros(0, 3, dtype=torch.float64), grad=False)
case("coalesce", lambda v: torch.sparse_coo_tensor(places, v, (3, 3)).coalesce(), full(4))
case("coalesce_hybrid", lambda v: torch.sparse_coo_tensor(places, v, (3, 3, 2)).coalesce(), full(4, 2))
case("coalesce_bool", lambda v: torch.sparse_coo_tensor(places, v, (3, 3)).coalesce(), torch.tensor([True, False, True, True]), grad=False)
# The gradients of these two reach elements that are not stored; in Firefinch they flow through the stored ones.
case("add", lambda x, y: x.to_sparse() + y.to_sparse(), a, holes(4, 6, seed=3), grad=False)
case("add_alpha_csr", lambda x, y: torch.add(csr(x), csr(y), alpha=2), a, holes(4, 6, seed=3), grad=False)
case("mul", lambda x, y: x.to_sparse() * y.to_sparse(), a, holes(4, 6, seed=3))
case("mul_dense", lambda x, y: x.to_sparse() * y, a, full(4, 6, seed=4), grad=False)
case("mul_number", lambda x: x.to_sparse() * 2.5, a)
case("mul_bsr_number", lambda x: x.to_sparse_bsr((2, 3)) * torch.tensor(2.5), a, grad=False)
case("div", lambda x: x.to_sparse() / 4, a)
case("neg", lambda x: -x.to_sparse(), a)
case("sqrt_abs", lambda x: x.to_sparse().abs().sqrt(), a, grad=False)
case("sum", lambda x: x.to_sparse().sum(), a, grad=False)
case("sum_0", lambda x: torch.sparse.sum(x.to_sparse(), 0), a)
case("sum_dense_dim", lambda x: torch.sparse.sum(x.to_sparse(2), 2), holes(3, 2, 2))
case("sum_all_keep", lambda x: x.to_sparse().sum((0, 1), keepdim=True), a, grad=False)
case("sum_keep_hybrid", lambda x: x.to_sparse(2).sum(2, keepdim=True), holes(3, 2, 2), grad=False)
case("sum_csr", lambda x: csr(x).sum(1, keepdim=True), a, grad=False)
case("sum_int", lambda x: x.to_sparse().sum(0), torch.tensor([[1, 0], [2, 3]], dtype=torch.int32), grad=False)
case("mm", lambda x, y: torch.sparse.mm(x.to_sparse(), y), a, d)
case("mm_csr", lambda x, y: torch.sparse.mm(csr(x), y), a, d)
case("mm_sparse", lambda x, y: torch.sparse.mm(x.to_sparse(), y.to_sparse()), a, b)
case("mm_sparse_csr", lambda x, y: torch.sparse.mm(csr(x), csr(y)), a, b, grad=False)
case("dense_mm", lambda x, y: torch.mm(x, y.to_sparse_csr()), full(2, 4), a, grad=False)
for reduce in ["sum", "mean", "amax", "amin"]:
    case(f"mm_{reduce}", lambda x, y: torch.sparse.mm(csr(x), y, reduce), a, d)
case("addmm", lambda c, x, y: torch.sparse.addmm(c, x.to_sparse(), y, beta=2, alpha=3), full(4, 3, seed=5), a, d)
case("sampled_addmm", lambda s, x, y: torch.sparse.sampled_addmm(csr(s), x, y, beta=0.5, alpha=2), a, full(4, 2), full(2, 6))
case("softmax", lambda x: torch.sparse.softmax(x.to_sparse(), 1), a)
case("softmax_0", lambda x: torch.sparse.softmax(x.to_sparse(), 0), a)
case("log_softmax_hybrid", lambda x: torch.sparse.log_softmax(x.to_sparse(1), 0), holes(4, 2, 2))
case("softmax_dense_dim", lambda x: torch.sparse.softmax(x.to_sparse(1), 1), holes(4, 2))
mask = lambda m: (m > 0).to_sparse()
for name in ["sum", "prod", "amax", "amin"]:
    f = getattr(torch.masked, name)
    case(f"masked_{name}", lambda x, m: f(x.to_sparse(), 0, mask=mask(m)), a, full(4, 6, seed=6), grad=False)
    case(f"masked_{name}_keep", lambda x, m: f(x.to_sparse(), (0, 1), keepdim=True, mask=mask(m)), a, full(4, 6, seed=6), grad=False)
    case(f"masked_{name}_csr", lambda x, m: f(csr(x), 0, keepdim=True, mask=csr(m > 0)), a, full(4, 6, seed=6), grad=False)
case("masked_broadcast", lambda x, m: torch.masked.sum(x.to_sparse(), 1, mask=mask(m)), a, full(6, seed=6), grad=False)
case("masked_nothing", lambda x: torch.masked.prod(x.to_sparse(), (0, 1), mask=torch.zeros(4, 6).bool().to_sparse()), a, grad=False)
case("masked_mean_csr", lambda x, m: torch.masked.mean(csr(x), 0, keepdim=True, mask=csr(m > 0)), a, full(4, 6, seed=6), grad=False)
case("sparse_mask", lambda x, y: x.sparse_mask(y.to_sparse().detach()), full(4, 6, seed=7), a)
case("zeros_like_csc", lambda x: torch.zeros_like(csr(x), layout=torch.sparse_csc), a, grad=False)
case("t", lambda x: csr(x).t(), a, grad=False)


def steps(optimizer, table, rows):
    """Five steps of a table with sparse gradients of the rows looked up."""
    table = table.detach().clone().requires_grad_()
    made = optimizer([table])
    for row in rows.reshape(5, -1):
        made.zero_grad()
        (torch.nn.functional.embedding(row, table, sparse=True) ** 2).sum().backward()
        made.step()
    return table.detach()


table, rows = full(6, 3, seed=8), torch.tensor([0, 2, 2, 5, 1, 0, 3, 3, 3, 2])
case("sparse_adam", lambda t, r: steps(lambda p: torch.optim.SparseAdam(p, lr=0.1), t, r), table, rows, grad=False)
case("sparse_adam_maximize", lambda t, r: steps(lambda p: torch.optim.SparseAdam(p, lr=0.1, betas=(0.8, 0.9), maximize=True), t, r), table, rows, grad=False)
case("sparse_sgd", lambda t, r: steps(lambda p: torch.optim.SGD(p, lr=0.1), t, r), table, rows, grad=False)
case("sparse_adagrad", lambda t, r: steps(lambda p: torch.optim.Adagrad(p, lr=0.1, lr_decay=0.1), t, r), table, rows, grad=False)

path = pathlib.Path(__file__).with_name("sparse.json")
path.write_text(json.dumps({"cases": cases}, separators=(",", ":")) + "\n")
