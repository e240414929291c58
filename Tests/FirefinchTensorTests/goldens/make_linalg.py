"""Makes linalg.json: results and gradients of torch.linalg for LinalgTests (PyTorch 2.13)."""

import json
import pathlib

import torch

torch.manual_seed(5)
f64, c128 = torch.float64, torch.complex128


def flat(x):
    x = torch.view_as_real(x.detach().resolve_conj()) if x.is_complex() else x.detach()
    return x.to(f64).reshape(-1).tolist()


cases = []


def case(name, function, *inputs, complex_too=True):
    """The results that do not depend on signs, and the gradient of a weighted sum of them."""
    for dtype in (f64, c128) if complex_too else (f64,):
        args = [x.to(dtype) if not x.is_complex() or dtype == c128 else x.real for x in inputs]
        args = [x.clone().requires_grad_() for x in args]
        outputs = function(*args)
        outputs = [o for o in (outputs if isinstance(outputs, tuple) else (outputs,))]
        weights = [torch.linspace(0.5, 1.5, o.numel(), dtype=f64).reshape(o.shape) for o in outputs]
        loss = sum((w * (o.real if o.is_complex() else o)).sum() for w, o in zip(weights, outputs))
        grads = torch.autograd.grad(loss, args)
        cases.append({
            "name": name, "complex": dtype == c128, "shapes": [list(x.shape) for x in args], "inputs": [flat(x) for x in args],
            "outputs": [flat(o) for o in outputs], "grads": [flat(g) for g in grads],
        })


def draw(*shape):
    return torch.randn(*shape, dtype=c128)


L = torch.linalg
square, other, tall = draw(2, 3, 3), draw(2, 3, 2), draw(2, 4, 3)
spd = lambda a: a @ a.mH + 2 * torch.eye(3)
case("cholesky", lambda a: L.cholesky(spd(a)), square)
case("cholesky_upper", lambda a: L.cholesky(spd(a), upper=True), square)
case("inv", L.inv, square)
case("solve", L.solve, square, other)
case("solve_right", lambda a, b: L.solve(a, b, left=False), square, draw(2, 2, 3))
case("det", L.det, square)
case("slogdet", lambda a: L.slogdet(a)[1], square)
case("lu_solve", lambda a, b: L.lu_solve(*L.lu_factor(a), b), square, other)
case("lu_product", lambda a: (lambda p, l, u: l.sum(-1) + u.sum(-1))(*L.lu(a)), square)
case("qr_abs", lambda a: (lambda q, r: q.abs() + r.abs().sum((-2, -1), keepdim=True))(*L.qr(a)), tall)
case("eigvalsh", lambda a: L.eigvalsh(a + a.mH), square)
case("eigh_abs", lambda a: L.eigh(a + a.mH)[1].abs(), square)
case("svdvals", L.svdvals, tall)
case("svd_abs", lambda a: (lambda u, s, v: u.abs().sum(-2) + s + v.abs().sum(-1))(*L.svd(a, full_matrices=False)), tall)
case("pinv", L.pinv, tall)
case("lstsq", lambda a, b: L.lstsq(a, b, driver="gelsd").solution, tall, draw(2, 4, 2))
case("matrix_exp", L.matrix_exp, 3 * square)
case("matrix_power", lambda a: L.matrix_power(a, -2), square)
case("nuclear", lambda a: L.matrix_norm(a, "nuc"), tall)
case("tensorsolve", L.tensorsolve, draw(2, 3, 6), draw(2, 3))
here = pathlib.Path(__file__).resolve().parent
(here / "linalg.json").write_text(json.dumps({"cases": cases}))
