"""Writes reductions.json and shapes.json: results and gradients of PyTorch for ReductionTests and ShapeOpTests.

A case is a name, inputs and a function; the Swift tests have a function of the same name. The gradient is that of the sum
of all floating-point results, each weighted with `weights`.
"""

import json
import math
import pathlib

import torch

nan, inf = math.nan, math.inf


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
    leaves = [x for x in inputs if x.dtype.is_floating_point]
    if grad:
        for x in leaves:
            x.requires_grad_()
    entry = {"name": name, "inputs": [tensor(x) for x in inputs]}
    results = function(*inputs)
    results = list(results) if isinstance(results, (tuple, list)) else [results]
    entry["results"] = [tensor(x) for x in results]
    flows = [x for x in results if x.requires_grad]
    entry["gradients"] = []
    if grad and leaves and flows:
        total = sum((x * weights(x)).sum() for x in flows)
        gradients = torch.autograd.grad(total, leaves, allow_unused=True)
        entry["gradients"] = [tensor(torch.zeros_like(x) if g is None else g) for x, g in zip(leaves, gradients)]
    cases.append(entry)


def write(file):
    names = [c["name"] for c in cases]
    assert len(set(names)) == len(names), [n for n in names if names.count(n) > 1]
    path = pathlib.Path(__file__).with_name(file)
    path.write_text(json.dumps({"cases": cases}, separators=(",", ":")) + "\n")
    cases.clear()


def f64(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.round(torch.randn(*shape, dtype=torch.float64, generator=generator) * 1000) / 1000


def f32(*shape, seed=0):
    return f64(*shape, seed=seed).to(torch.float32)


x = f64(2, 3, 4)
m = f64(3, 4, seed=1)
zeros = torch.tensor([[0.5, 0.0, 2.0], [1.5, 0.0, 0.0], [1.0, 2.0, 3.0]], dtype=torch.float64)
nans = torch.tensor([[0.5, nan, 2.0, -1.0], [1.5, 3.0, -2.0, 0.25], [nan, nan, 1.0, nan]], dtype=torch.float64)
infs = torch.tensor([[0.5, -inf, 2.0], [-inf, -inf, -inf], [inf, 1.0, 2.0]], dtype=torch.float64)
ints = torch.tensor([[3, 1, 2], [2, 2, 5]])
bools = torch.tensor([[True, False, True], [True, True, True]])
empty = torch.zeros(0, 3, dtype=torch.float64)
ties = torch.tensor([[1.0, 3.0, 3.0, 2.0], [2.0, 2.0, 2.0, 2.0]], dtype=torch.float64)

# Products.
case("prod", lambda a: a.prod(), x)
case("prod_dim", lambda a: a.prod(1), x)
case("prod_keep", lambda a: a.prod(-1, keepdim=True), x)
case("prod_zero_one", lambda a: a.prod(1), zeros)
case("prod_zero_all", lambda a: a.prod(), zeros)
case("prod_zero_single", lambda a: a.prod(), torch.tensor([2.0, 0.0, 3.0], dtype=torch.float64))
case("prod_int", lambda a: a.prod(), ints.to(torch.int32))
case("prod_bool", lambda a: a.prod(1), bools)
case("prod_dtype", lambda a: a.prod(0, dtype=torch.float64), f32(3, 2))
case("prod_empty", lambda a: a.prod(0), empty)
case("prod_empty_all", lambda a: a.prod(), empty)
case("prod_scalar", lambda a: a.prod(), torch.tensor(2.5, dtype=torch.float64))
case("prod_nan", lambda a: a.prod(1), nans, grad=False)

# Variances.
case("var", lambda a: a.var(), x)
case("var_dim", lambda a: a.var(1), x)
case("var_dims", lambda a: a.var((0, -1), correction=0, keepdim=True), x)
case("var_correction", lambda a: a.var(-1, correction=2), x)
case("var_one", lambda a: a.var(1), f64(3, 1), grad=False)
case("var_one_biased", lambda a: a.var(1, correction=0), f64(3, 1))
case("var_empty", lambda a: a.var(0), empty, grad=False)
case("var_large_mean", lambda a: a.var(), f32(100) + 10000.0)
case("std", lambda a: a.std(), x)
case("std_dim", lambda a: a.std(1, keepdim=True), x)
case("std_zero", lambda a: a.std(1), ties)
case("std_float", lambda a: a.std(0), f32(4, 3))
case("var_mean", lambda a: torch.var_mean(a, 1), x)
case("std_mean", lambda a: torch.std_mean(a, (0, 1), correction=0, keepdim=True), x)
case("cov", lambda a: a.cov(), m)
case("corrcoef", lambda a: a.corrcoef(), m)

# Norms.
for p in [0, 1, 2, 3, 2.5, 1.5, 0.5, -1, inf, -inf]:
    case(f"norm_{p}", lambda a: torch.linalg.vector_norm(a, p), x, grad=p != 0)
    case(f"norm_dim_{p}", lambda a: torch.linalg.vector_norm(a, p, dim=1, keepdim=True), x, grad=p != 0)
case("norm_zero", lambda a: torch.linalg.vector_norm(a, 2, dim=1), torch.zeros(2, 3, dtype=torch.float64))
case("norm_zero_3", lambda a: torch.linalg.vector_norm(a, 3, dim=1), torch.zeros(2, 3, dtype=torch.float64))
case("norm_zero_1", lambda a: torch.linalg.vector_norm(a, 1, dim=1), torch.zeros(2, 3, dtype=torch.float64))
case("norm_zero_15", lambda a: torch.linalg.vector_norm(a, 1.5, dim=1), zeros)
case("norm_inf_ties", lambda a: torch.linalg.vector_norm(a, inf, dim=1), ties)
case("norm_dims", lambda a: torch.norm(a, dim=(0, 2)), x)
case("norm_float", lambda a: a.norm(), f32(5, 7))
case("norm_dtype", lambda a: torch.linalg.vector_norm(a, dtype=torch.float64), f32(5, 7))
case("norm_empty", lambda a: a.norm(dim=0), empty)
case("norm_scalar", lambda a: a.norm(), torch.tensor(-2.5, dtype=torch.float64))
case("frobenius", lambda a: torch.norm(a, p="fro", dim=(1, 2)), x)
for p in [1, -1, inf, -inf]:
    case(f"matrix_norm_{p}", lambda a: torch.linalg.matrix_norm(a, p), x)
case("dist", lambda a, b: torch.dist(a, b, 3), m, f64(3, 4, seed=2))
case("renorm", lambda a: torch.renorm(a, 2, 0, 1.0), m)

# logsumexp.
case("logsumexp", lambda a: a.logsumexp(1), x)
case("logsumexp_dims", lambda a: a.logsumexp((0, 2), keepdim=True), x)
case("logsumexp_infinite", lambda a: a.logsumexp(1), infs, grad=False)
# PyTorch gives NaN as the gradient of a row of -inf; Firefinch gives 0.
case("logsumexp_minus", lambda a: a.logsumexp(1), infs[:2], grad=False)
case("logsumexp_large", lambda a: a.logsumexp(0), f64(4) * 1000)
case("logsumexp_empty", lambda a: a.logsumexp(0), empty)
case("logsumexp_int", lambda a: a.logsumexp(1), ints)
case("logsumexp_nan", lambda a: a.logsumexp(1), nans, grad=False)

# Scans.
for d in [0, 1, -1]:
    case(f"cumsum_{d}", lambda a: a.cumsum(d), x)
    case(f"cumprod_{d}", lambda a: a.cumprod(d), x)
    case(f"logcumsumexp_{d}", lambda a: a.logcumsumexp(d), x)
    case(f"cummax_{d}", lambda a: a.cummax(d), x)
    case(f"cummin_{d}", lambda a: a.cummin(d), x)
case("cumsum_int", lambda a: a.cumsum(1), ints.to(torch.int32))
case("cumsum_bool", lambda a: a.cumsum(1), bools)
case("cumsum_dtype", lambda a: a.cumsum(0, dtype=torch.float64), f32(4, 2))
case("cumsum_float", lambda a: a.cumsum(0), f32(1000))
case("cumsum_scalar", lambda a: a.cumsum(0), torch.tensor(2.5, dtype=torch.float64))
case("cumsum_empty", lambda a: a.cumsum(1), empty)
case("cumprod_zeros", lambda a: a.cumprod(1), zeros)
case("cumprod_zeros_0", lambda a: a.cumprod(0), zeros)
case("cumprod_int", lambda a: a.cumprod(0), ints)
case("cummax_ties", lambda a: a.cummax(1), ties)
case("cummin_ties", lambda a: a.cummin(1), ties)
case("cummax_nan", lambda a: a.cummax(1), nans)
case("cummin_int", lambda a: a.cummin(1), ints)
case("logcumsumexp_infinite", lambda a: a.logcumsumexp(1), infs, grad=False)
case("logcumsumexp_large", lambda a: a.logcumsumexp(0), f64(6) * 500)
case("logcumsumexp_minus", lambda a: a.logcumsumexp(0), torch.tensor([0.5, -inf, 1.0, 2.0], dtype=torch.float64))
case("diff", lambda a: a.diff(), x)
case("diff_2", lambda a: a.diff(2, dim=1), x)
case("diff_prepend", lambda a, b: a.diff(dim=0, prepend=b), m, f64(1, 4, seed=3))
case("trapezoid", lambda a: torch.trapezoid(a, dx=0.5), m)

# Order statistics.
case("median", lambda a: a.median(), m)
case("median_ties", lambda a: a.median(), ties)
case("median_dim", lambda a: a.median(1), m)
case("median_keep", lambda a: a.median(0, keepdim=True), x)
case("median_nan", lambda a: a.median(1), nans)
case("median_nan_all", lambda a: a.median(), nans, grad=False)
case("median_int", lambda a: a.median(1), ints)
case("median_empty", lambda a: a.median(), empty, grad=False)
case("nanmedian", lambda a: a.nanmedian(), nans)
case("nanmedian_dim", lambda a: a.nanmedian(1), nans)
case("nanmedian_all_nan", lambda a: a.nanmedian(0)[0], torch.tensor([[nan, 1.0], [nan, nan]], dtype=torch.float64), grad=False)
case("mode", lambda a: a.mode(1)[0], ties)
case("mode_int", lambda a: a.mode(-1), torch.tensor([[3, 1, 3, 1, 2], [5, 5, 4, 4, 4]]))
case("mode_keep", lambda a: a.mode(0, keepdim=True)[0], ties)
case("kthvalue", lambda a: a.kthvalue(2), m)
case("kthvalue_dim", lambda a: a.kthvalue(3, 0, keepdim=True), m)
case("kthvalue_nan", lambda a: a.kthvalue(3, 1), nans[:2])
case("kthvalue_scalar", lambda a: a.kthvalue(1), torch.tensor(2.5, dtype=torch.float64))
q = torch.tensor([0.0, 0.1, 0.25, 0.5, 0.77, 1.0], dtype=torch.float64)
case("quantile_all", lambda a: a.quantile(0.3), m)
case("quantile_list", lambda a: a.quantile(q), m)
case("quantile_dim", lambda a: a.quantile(q, dim=1), x)
case("quantile_last", lambda a: a.quantile(q, dim=-1, keepdim=True), x)
case("quantile_first", lambda a: a.quantile(0.6, dim=0, keepdim=True), x)
case("quantile_keep_all", lambda a: a.quantile(q, keepdim=True), m)
for how in ["lower", "higher", "nearest", "midpoint"]:
    case(f"quantile_{how}", lambda a: a.quantile(q, dim=1, interpolation=how), m)
case("quantile_nan", lambda a: a.quantile(0.5, dim=1), nans, grad=False)
case("nanquantile", lambda a: a.nanquantile(q, dim=1), nans, grad=False)
case("quantile_float", lambda a: a.quantile(0.35), f32(101))
case("nansum", lambda a: a.nansum(), nans)
case("nansum_dim", lambda a: a.nansum(1, keepdim=True), nans)
case("nansum_int", lambda a: a.nansum(), ints.to(torch.int8))
case("nanmean", lambda a: a.nanmean(1), nans)
case("aminmax", lambda a: torch.aminmax(a), ties)
case("aminmax_dim", lambda a: torch.aminmax(a, dim=1, keepdim=True), ties)
case("argmax_ties", lambda a: [a.argmax(1), a.argmin(1), a.argmax()], ties)
case("max_dim", lambda a: a.max(1), x)
case("sum_int", lambda a: a.sum(), ints.to(torch.uint8))
case("sum_bool", lambda a: a.sum(0), bools)
case("sum_empty", lambda a: [a.sum(0), a.sum(), a.sum(1, keepdim=True)], empty)
case("mean_empty", lambda a: a.mean(0), empty, grad=False)
case("var_half", lambda a: a.var(1), f32(3, 8).to(torch.bfloat16), grad=False)
case("cumsum_half", lambda a: a.cumsum(1), f32(3, 8).to(torch.float16), grad=False)
case("norm_half", lambda a: a.norm(dim=1), f32(3, 8).to(torch.float16), grad=False)
write("reductions.json")

# Rearranging.
case("flip", lambda a: a.flip(0, -1), x)
case("flip_int8", lambda a: a.flip(1), ints.to(torch.int8))
case("flip_empty", lambda a: a.flip(0), empty)
case("fliplr", lambda a: a.fliplr(), m)
case("flipud", lambda a: a.flipud(), m)
case("roll", lambda a: a.roll(1), m)
case("roll_dim", lambda a: a.roll(-2, 1), x)
case("roll_dims", lambda a: a.roll((3, -1), (0, 2)), x)
for k in range(-1, 4):
    case(f"rot90_{k}", lambda a: a.rot90(k, (0, 1)), m)
case("rot90_dims", lambda a: a.rot90(1, (2, 0)), x)
case("tile", lambda a: a.tile(2, 3), m)
case("tile_short", lambda a: a.tile(2), x)
case("repeat", lambda a: a.repeat(2, 1, 3), m)
case("repeat_zero", lambda a: a.repeat(0, 2), m)
case("repeat_interleave", lambda a: a.repeat_interleave(2), m)
case("repeat_interleave_dim", lambda a: a.repeat_interleave(3, 1), x)
case("repeat_interleave_counts", lambda a, c: a.repeat_interleave(c, 0), m, torch.tensor([2, 0, 3]))
case("movedim", lambda a: a.movedim(0, -1), x)
case("movedim_many", lambda a: a.movedim((0, 2), (1, 0)), x)
case("swapaxes", lambda a: [a.swapaxes(0, 2), a.swapdims(-1, 1)], x)

# Diagonals.
case("diagonal", lambda a: a.diagonal(), m)
case("diagonal_offset", lambda a: a.diagonal(1, 1, 2), x)
case("diagonal_below", lambda a: a.diagonal(-1, -2, -1), x)
case("diagonal_far", lambda a: a.diagonal(9), m)
case("diag_vector", lambda a: a.diag(1), f64(3))
case("diag_matrix", lambda a: a.diag(-1), m)
case("diag_embed", lambda a: a.diag_embed(), m)
case("diag_embed_dims", lambda a: a.diag_embed(-1, 0, 2), m)
case("diagflat", lambda a: a.diagflat(1), f64(2, 2))
case("diagonal_scatter", lambda a, b: a.diagonal_scatter(b, 1), m, f64(3, seed=5))
for k in [-1, 0, 2]:
    case(f"tril_{k}", lambda a: a.tril(k), x)
    case(f"triu_{k}", lambda a: a.triu(k), x)
case("tril_bool", lambda a: a.tril(), bools)
case("triu_nan", lambda a: a.triu(), nans, grad=False)
case("tril_int", lambda a: a.tril(), ints.to(torch.int32))
case("tril_indices", lambda: torch.tril_indices(3, 4, 1))
case("triu_indices", lambda: torch.triu_indices(4, 3, -1))
case("trace", lambda a: a.trace(), m)
case("trace_int", lambda a: a.trace(), ints.to(torch.int32))

# Windows.
case("unfold", lambda a: a.unfold(1, 2, 1), x)
case("unfold_step", lambda a: a.unfold(-1, 2, 2), x)
case("unfold_twice", lambda a: a.unfold(0, 2, 1).unfold(1, 3, 1), f64(4, 5))
case("as_strided", lambda a: a.as_strided((3, 3), (2, 1), 1), f64(12))
case("as_strided_of_view", lambda a: a.t().as_strided((2, 2), (1, 4)), m)
case("as_strided_default", lambda a: a[1:].as_strided((2, 2), (4, 1)), m)

# Axes.
case("unflatten", lambda a: a.unflatten(-1, (2, -1)), x)
case("ravel", lambda a: a.t().ravel(), m)
case("atleast", lambda a: [f(a) for f in (torch.atleast_1d, torch.atleast_2d, torch.atleast_3d)], torch.tensor(2.5))
case("atleast_vector", lambda a: [f(a) for f in (torch.atleast_1d, torch.atleast_2d, torch.atleast_3d)], f64(3))
case("atleast_matrix", lambda a: [f(a) for f in (torch.atleast_1d, torch.atleast_2d, torch.atleast_3d)], m)
case("broadcast", lambda a, b: torch.broadcast_tensors(a, b), f64(3, 1), f64(4, seed=1))
case("broadcast_to", lambda a: a.broadcast_to(2, 3, 4), f64(3, 1))
case("hstack", lambda a, b: torch.hstack([a, b]), m, m[:, :1])
case("hstack_vectors", lambda a, b: torch.hstack([a, b]), f64(2), f64(3))
case("vstack", lambda a, b: torch.vstack([a, b]), f64(3), f64(2, 3))
case("dstack", lambda a, b: torch.dstack([a, b]), m, m * 2)
case("dstack_vectors", lambda a, b: torch.dstack([a, b]), f64(3), f64(3, seed=1))
case("column_stack", lambda a, b: torch.column_stack([a, b]), f64(3), m)
case("tensor_split", lambda a: a.tensor_split(3, dim=-1), x)
case("tensor_split_at", lambda a: a.tensor_split([1, 3, 9], dim=2), x)
case("tensor_split_negative", lambda a: a.tensor_split([-1], dim=2), x)
case("hsplit", lambda a: a.hsplit(2), m)
case("hsplit_vector", lambda a: a.hsplit([1, 2]), f64(5))
case("vsplit", lambda a: a.vsplit(3), m)
case("dsplit", lambda a: a.dsplit(2), x)
case("meshgrid_ij", lambda a, b, c: torch.meshgrid(a, b, c, indexing="ij"), f64(2), f64(3), f64(2, seed=4))
case("meshgrid_xy", lambda a, b, c: torch.meshgrid(a, b, c, indexing="xy"), f64(2), f64(3), f64(2, seed=4))
case("cartesian_prod", lambda a, b, c: torch.cartesian_prod(a, b, c), f64(2), f64(3), f64(2, seed=4))
case("combinations", lambda a: torch.combinations(a, 3), f64(5))
case("combinations_again", lambda a: torch.combinations(a, 2, with_replacement=True), f64(4))
case("block_diag", lambda a, b, c: torch.block_diag(a, b, c), m, f64(2), f64(2, 1))
case("T", lambda a: [a.permute(2, 1, 0), a.mT], x)

# Einstein's summation.
y = f64(2, 4, 5, seed=7)
s = f64(4, 4, seed=8)
for e, inputs in {
    "ij,jk->ik": (m, s),
    "ij,jk": (m, s),
    "bij,bjk->bik": (x, y),
    "bij,bjk->ikb": (x, y),
    "ii->i": (s,),
    "ii": (s,),
    "ii->": (s,),
    "ij->ji": (m,),
    "ba": (m,),
    "ij->": (m,),
    "ij->j": (m,),
    "i,j->ij": (f64(3), f64(4)),
    "i,i": (f64(3), f64(3, seed=1)),
    "i,i->i": (f64(3), f64(3, seed=1)),
    "...ij,...jk->...ik": (x, y),
    "...ij,jk->...ik": (x, s),
    "...ij->...ji": (x,),
    "...ij->ij": (x,),
    "i...->...": (x,),
    "...,...": (x, m),
    "bii->bi": (f64(2, 3, 3),),
    "iji->j": (f64(3, 2, 3),),
    "iii->i": (f64(3, 3, 3),),
    "bij,j,bi->b": (x, f64(4), f64(2, 3, seed=2)),
    "ij,jk,kl->il": (m, s, f64(4, 2)),
    "ij,ij->": (m, m * 2),
    "abc,cd->": (x, s),
    "Ab,bC": (m, s),
    "i j , j k -> i k": (m, s),
    "ij,jk->ki": (m[:, :1], f64(4, 2)),
    "bhqd,bhkd->bhqk": (f64(2, 2, 3, 4), f64(2, 2, 5, 4, seed=1)),
    ",ij->ij": (torch.tensor(2.5, dtype=torch.float64), m),
    "ij->ij": (m,),
    "...i,...i->...": (x, f64(3, 4)),
    "ij,kj->ik": (ints, ints),
    "ij,jk->i": (empty, torch.zeros(3, 0, dtype=torch.float64)),
    "ijk,ijk->k": (x, x + 1),
    "ab,cd->abcd": (f64(2, 3), f64(3, 2)),
}.items():
    case("einsum " + e, lambda *a: torch.einsum(e, *a), *inputs)

# Products.
case("tensordot", lambda a, b: torch.tensordot(a, b, 1), x, s)
case("tensordot_2", lambda a, b: torch.tensordot(a, b), x, f64(3, 4, 2))
case("tensordot_0", lambda a, b: torch.tensordot(a, b, 0), f64(2), m)
case("tensordot_dims", lambda a, b: torch.tensordot(a, b, ([0, 2], [2, 0])), x, f64(4, 5, 2, seed=3))
case("outer", lambda a, b: torch.outer(a, b), f64(3), f64(4))
case("dot", lambda a, b: torch.dot(a, b), f64(3), f64(3, seed=1))
case("dot_int", lambda a, b: torch.dot(a, b), ints[0], ints[1])
case("vecdot", lambda a, b: torch.linalg.vecdot(a, b, dim=1), x, x * 2)
case("mv", lambda a, b: torch.mv(a, b), m, f64(4))
case("inner", lambda a, b: torch.inner(a, b), x, m)
case("inner_scalar", lambda a, b: torch.inner(a, b), m, torch.tensor(2.5, dtype=torch.float64))
case("kron", lambda a, b: torch.kron(a, b), f64(2, 3), f64(3, 2))
case("kron_ranks", lambda a, b: torch.kron(a, b), f64(3), f64(2, 2))
case("cross", lambda a, b: torch.linalg.cross(a, b), f64(4, 3), f64(4, 3, seed=1))
case("cross_dim", lambda a, b: torch.linalg.cross(a, b, dim=0), f64(3, 2), f64(3, 1, seed=1))
case("cdist", lambda a, b: torch.cdist(a, b), m, f64(5, 4, seed=1))
case("cdist_1", lambda a, b: torch.cdist(a, b, p=1), x, f64(2, 5, 4, seed=1))
case("cdist_15", lambda a, b: torch.cdist(a, b, p=1.5), m, f64(5, 4, seed=1))
case("cdist_inf", lambda a, b: torch.cdist(a, b, p=inf), m, f64(5, 4, seed=1))
case("cdist_0", lambda a, b: torch.cdist(a, b, p=0), m, f64(5, 4, seed=1))
case("cdist_same", lambda a, b: torch.cdist(a, b), m, m[:2])
case("cdist_many", lambda a, b: torch.cdist(a, b), f64(30, 3), f64(4, 3, seed=1))
case("cdist_broadcast", lambda a, b: torch.cdist(a, b), f64(2, 1, 3, 2), f64(4, 5, 2, seed=1))
case("pdist", lambda a: torch.pdist(a), f64(4, 3))
case("addmv", lambda a, b, c: torch.addmv(a, b, c, beta=0.5, alpha=2), f64(3), m, f64(4))
case("addr", lambda a, b, c: torch.addr(a, b, c, beta=2, alpha=0.5), m, f64(3), f64(4))
case("addr_int", lambda a, b, c: torch.addr(a, b, c, beta=2, alpha=3), ints, ints[:, 0], ints[0])
case("baddbmm", lambda a, b, c: torch.baddbmm(a, b, c, beta=0.5, alpha=2), f64(3, 5), x, y)
case("addbmm", lambda a, b, c: torch.addbmm(a, b, c), f64(3, 5), x, y)
case("baddbmm_nan", lambda a, b, c: torch.baddbmm(a, b, c, beta=0), torch.full((2, 3, 5), nan, dtype=torch.float64), x, y, grad=False)
case("multi_dot", lambda *a: torch.linalg.multi_dot(a), f64(2, 3), m, s, f64(4, 1))
case("multi_dot_vectors", lambda *a: torch.linalg.multi_dot(a), f64(3), m, s, f64(4))
for n in [0, 1, 2, 5]:
    case(f"matrix_power_{n}", lambda a: torch.linalg.matrix_power(a, n), s, grad=n > 0)
case("matrix_power_batch", lambda a: torch.linalg.matrix_power(a, 3), f64(2, 3, 3))

# Factories.
case("vander", lambda a: torch.vander(a), f64(4), grad=False)
case("vander_increasing", lambda a: torch.vander(a, 3, increasing=True), f64(4), grad=False)
for w in ["hann", "hamming", "blackman", "bartlett"]:
    case(f"{w}_window", lambda: [getattr(torch, w + "_window")(6), getattr(torch, w + "_window")(5, periodic=False), getattr(torch, w + "_window")(1)])
write("shapes.json")
