"""Makes the goldens beside this script with PyTorch: python make.py

layers.json      for each layer made with seed 0: state dict (keys, shapes, starting values), outputs for given inputs, and
                 gradients of sum(output * weight)
optim.json       parameters after each of 10 steps, and the final state dict
schedulers.json  learning rates (and momenta) over the steps, and the final state dict
init.json        torch.nn.init functions with seed 0
"""
import json
import math
import os
import warnings

import torch
from torch import nn

warnings.filterwarnings("ignore")
HERE = os.path.dirname(os.path.abspath(__file__))


def number(x):
    if isinstance(x, float) and not math.isfinite(x):
        return repr(x)
    return x


def leaf(t):
    flat = t.detach().reshape(-1).tolist()
    if t.dtype.is_floating_point:
        flat = [number(float(f"{v:.9g}")) for v in flat]
    return {"shape": list(t.shape), "dtype": str(t.dtype)[6:], "data": flat}


def write(name, value):
    with open(os.path.join(HERE, name), "w") as f:
        json.dump({"torch": torch.__version__, "cases": value}, f, separators=(",", ":"))
        f.write("\n")


def flat(outputs):
    if isinstance(outputs, torch.Tensor):
        return [outputs]
    if outputs is None:
        return []
    return [t for o in outputs for t in flat(o)]


def floats(*shape):
    return torch.randn(*shape)


LAYERS = {
    "Linear": (lambda: nn.Linear(4, 3), lambda: [floats(2, 4)]),
    "Linear.noBias": (lambda: nn.Linear(4, 3, bias=False), lambda: [floats(2, 2, 4)]),
    "Bilinear": (lambda: nn.Bilinear(3, 2, 4), lambda: [floats(5, 3), floats(5, 2)]),
    "Conv1d": (lambda: nn.Conv1d(2, 4, 3, stride=2, padding=1), lambda: [floats(2, 2, 7)]),
    "Conv2d": (lambda: nn.Conv2d(2, 4, 3, padding=1), lambda: [floats(2, 2, 5, 5)]),
    "Conv2d.same": (lambda: nn.Conv2d(2, 2, (2, 3), padding="same", bias=False), lambda: [floats(1, 2, 4, 5)]),
    "Conv2d.groups": (
        lambda: nn.Conv2d(4, 4, 3, stride=2, dilation=2, padding=2, groups=2),
        lambda: [floats(1, 4, 7, 7)],
    ),
    "Conv2d.reflect": (
        lambda: nn.Conv2d(1, 2, 3, padding=1, padding_mode="reflect"),
        lambda: [floats(1, 1, 4, 4)],
    ),
    "Conv3d": (lambda: nn.Conv3d(1, 2, 2), lambda: [floats(1, 1, 3, 3, 3)]),
    "ConvTranspose1d": (lambda: nn.ConvTranspose1d(2, 3, 3, stride=2), lambda: [floats(1, 2, 4)]),
    "ConvTranspose2d": (
        lambda: nn.ConvTranspose2d(4, 2, 3, stride=2, padding=1, output_padding=1, groups=2),
        lambda: [floats(1, 4, 3, 3)],
    ),
    "ConvTranspose3d": (lambda: nn.ConvTranspose3d(1, 1, 2), lambda: [floats(1, 1, 2, 2, 2)]),
    "BatchNorm1d": (lambda: nn.BatchNorm1d(3), lambda: [floats(4, 3)]),
    "BatchNorm2d": (lambda: nn.BatchNorm2d(3), lambda: [floats(2, 3, 2, 2)]),
    "BatchNorm2d.cumulative": (lambda: nn.BatchNorm2d(2, momentum=None), lambda: [floats(2, 2, 2, 2)]),
    "BatchNorm2d.noStats": (
        lambda: nn.BatchNorm2d(2, affine=False, track_running_stats=False),
        lambda: [floats(2, 2, 2, 2)],
    ),
    "BatchNorm3d": (lambda: nn.BatchNorm3d(2), lambda: [floats(2, 2, 2, 2, 1)]),
    "LayerNorm": (lambda: nn.LayerNorm([3, 4]), lambda: [floats(2, 3, 4)]),
    "LayerNorm.noBias": (lambda: nn.LayerNorm(4, bias=False), lambda: [floats(2, 4)]),
    "RMSNorm": (lambda: nn.RMSNorm(4), lambda: [floats(2, 4)]),
    "GroupNorm": (lambda: nn.GroupNorm(2, 4), lambda: [floats(2, 4, 3)]),
    "InstanceNorm1d": (lambda: nn.InstanceNorm1d(2), lambda: [floats(2, 2, 4)]),
    "InstanceNorm2d": (
        lambda: nn.InstanceNorm2d(2, affine=True, track_running_stats=True),
        lambda: [floats(2, 2, 3, 2)],
    ),
    "InstanceNorm3d": (lambda: nn.InstanceNorm3d(2), lambda: [floats(1, 2, 2, 2, 2)]),
    "Embedding": (lambda: nn.Embedding(6, 3, padding_idx=1), lambda: [torch.tensor([[0, 1, 5], [2, 5, 3]])]),
    "PReLU": (lambda: nn.PReLU(2), lambda: [floats(2, 2, 3)]),
    "Dropout": (lambda: nn.Dropout(0.4), lambda: [floats(4, 8)]),
    "Dropout2d": (lambda: nn.Dropout2d(0.4), lambda: [floats(2, 4, 2, 2)]),
    "AlphaDropout": (lambda: nn.AlphaDropout(0.4), lambda: [floats(4, 8)]),
    "MaxPool1d": (lambda: nn.MaxPool1d(2), lambda: [floats(1, 2, 7)]),
    "MaxPool2d": (lambda: nn.MaxPool2d(3, stride=2, padding=1), lambda: [floats(1, 2, 6, 6)]),
    "MaxPool3d": (lambda: nn.MaxPool3d(2), lambda: [floats(1, 1, 4, 4, 2)]),
    "AvgPool1d": (lambda: nn.AvgPool1d(3, stride=2, padding=1), lambda: [floats(1, 2, 7)]),
    "AvgPool2d": (lambda: nn.AvgPool2d(2, ceil_mode=True, count_include_pad=False), lambda: [floats(1, 2, 5, 5)]),
    "AvgPool3d": (lambda: nn.AvgPool3d(2), lambda: [floats(1, 1, 4, 2, 2)]),
    "AdaptiveAvgPool1d": (lambda: nn.AdaptiveAvgPool1d(3), lambda: [floats(1, 2, 7)]),
    "AdaptiveAvgPool2d": (lambda: nn.AdaptiveAvgPool2d((2, None)), lambda: [floats(1, 2, 5, 3)]),
    "AdaptiveAvgPool3d": (lambda: nn.AdaptiveAvgPool3d(1), lambda: [floats(1, 2, 2, 3, 2)]),
    "AdaptiveMaxPool1d": (lambda: nn.AdaptiveMaxPool1d(3), lambda: [floats(1, 2, 7)]),
    "AdaptiveMaxPool2d": (lambda: nn.AdaptiveMaxPool2d(2), lambda: [floats(1, 2, 5, 3)]),
    "RNN": (lambda: nn.RNN(3, 2, num_layers=2, nonlinearity="relu"), lambda: [floats(4, 2, 3)]),
    "RNN.bidirectional": (
        lambda: nn.RNN(3, 2, bidirectional=True, batch_first=True, bias=False),
        lambda: [floats(2, 4, 3)],
    ),
    "LSTM": (lambda: nn.LSTM(3, 2, num_layers=2, bidirectional=True), lambda: [floats(4, 2, 3)]),
    "LSTM.proj": (lambda: nn.LSTM(3, 4, proj_size=2, batch_first=True), lambda: [floats(2, 3, 3)]),
    "LSTM.unbatched": (lambda: nn.LSTM(3, 2), lambda: [floats(4, 3)]),
    "GRU": (lambda: nn.GRU(3, 2, num_layers=2, bidirectional=True, batch_first=True), lambda: [floats(2, 4, 3)]),
    "RNNCell": (lambda: nn.RNNCell(3, 2), lambda: [floats(2, 3)]),
    "LSTMCell": (lambda: nn.LSTMCell(3, 2), lambda: [floats(2, 3)]),
    "GRUCell": (lambda: nn.GRUCell(3, 2), lambda: [floats(2, 3), floats(2, 2)]),
    "MultiheadAttention": (lambda: nn.MultiheadAttention(4, 2), lambda: [floats(3, 2, 4)] * 3),
    "MultiheadAttention.kv": (
        lambda: nn.MultiheadAttention(4, 2, kdim=3, vdim=2, add_bias_kv=True, add_zero_attn=True, batch_first=True),
        lambda: [floats(2, 3, 4), floats(2, 5, 3), floats(2, 5, 2)],
    ),
    "TransformerEncoderLayer": (
        lambda: nn.TransformerEncoderLayer(4, 2, dim_feedforward=6, dropout=0.0),
        lambda: [floats(3, 2, 4)],
    ),
    "TransformerEncoder": (
        lambda: nn.TransformerEncoder(
            nn.TransformerEncoderLayer(
                4, 2, dim_feedforward=6, dropout=0.0, activation="gelu", norm_first=True, batch_first=True
            ),
            2,
            norm=nn.LayerNorm(4),
        ),
        lambda: [floats(2, 3, 4)],
    ),
    "TransformerDecoderLayer": (
        lambda: nn.TransformerDecoderLayer(4, 2, dim_feedforward=6, dropout=0.0),
        lambda: [floats(3, 2, 4), floats(5, 2, 4)],
    ),
    "Transformer": (
        lambda: nn.Transformer(
            4, 2, num_encoder_layers=1, num_decoder_layers=1, dim_feedforward=6, dropout=0.0, batch_first=True
        ),
        lambda: [floats(2, 3, 4), floats(2, 2, 4)],
    ),
}

ACTIVATIONS = {
    "ReLU": nn.ReLU(), "ReLU6": nn.ReLU6(), "LeakyReLU": nn.LeakyReLU(0.2), "GELU": nn.GELU(),
    "GELU.tanh": nn.GELU(approximate="tanh"), "SiLU": nn.SiLU(), "Mish": nn.Mish(), "ELU": nn.ELU(0.5),
    "CELU": nn.CELU(0.5), "SELU": nn.SELU(), "Softplus": nn.Softplus(beta=2.0), "Tanh": nn.Tanh(),
    "Sigmoid": nn.Sigmoid(), "LogSigmoid": nn.LogSigmoid(), "Hardswish": nn.Hardswish(),
    "Hardsigmoid": nn.Hardsigmoid(), "Hardtanh": nn.Hardtanh(-0.5, 0.75), "Hardshrink": nn.Hardshrink(),
    "Softshrink": nn.Softshrink(), "Softsign": nn.Softsign(), "Tanhshrink": nn.Tanhshrink(),
    "Threshold": nn.Threshold(0.1, 20.0), "Softmax": nn.Softmax(dim=1), "Softmin": nn.Softmin(dim=1),
    "LogSoftmax": nn.LogSoftmax(dim=1), "GLU": nn.GLU(), "Flatten": nn.Flatten(),
    "Unflatten": nn.Unflatten(1, (2, 2)), "Identity": nn.Identity(),
}  # fmt: skip


def probabilities(*shape):
    return torch.rand(*shape) * 0.8 + 0.1


LOSSES = {
    "CrossEntropyLoss": (nn.CrossEntropyLoss(label_smoothing=0.1), lambda: [floats(4, 3), torch.tensor([0, 2, 1, -100])]),
    "CrossEntropyLoss.weight": (
        nn.CrossEntropyLoss(weight=torch.tensor([0.5, 1.0, 2.0]), reduction="sum"),
        lambda: [floats(2, 3, 2), torch.tensor([[0, 2], [1, 1]])],
    ),
    "NLLLoss": (nn.NLLLoss(), lambda: [floats(4, 3), torch.tensor([0, 2, 1, 1])]),
    "MSELoss": (nn.MSELoss(), lambda: [floats(3, 2), floats(3, 2)]),
    "L1Loss": (nn.L1Loss(reduction="none"), lambda: [floats(3, 2), floats(3, 2)]),
    "SmoothL1Loss": (nn.SmoothL1Loss(beta=0.5), lambda: [floats(3, 2), floats(3, 2)]),
    "HuberLoss": (nn.HuberLoss(delta=0.7), lambda: [floats(3, 2), floats(3, 2)]),
    "BCELoss": (nn.BCELoss(), lambda: [probabilities(3, 2), probabilities(3, 2)]),
    "BCEWithLogitsLoss": (
        nn.BCEWithLogitsLoss(pos_weight=torch.tensor([1.0, 3.0])),
        lambda: [floats(3, 2), probabilities(3, 2)],
    ),
    "KLDivLoss": (nn.KLDivLoss(reduction="batchmean"), lambda: [floats(3, 2), probabilities(3, 2)]),
}  # fmt: skip


def run(module, inputs):
    return module(*inputs)


def layer_case(name, make, inputs):
    torch.manual_seed(0)
    module = make()
    state = [[k, leaf(v)] for k, v in module.state_dict().items()]
    torch.manual_seed(1)
    given = inputs()
    if name.startswith("MultiheadAttention") and name.endswith("Attention"):
        given = [given[0]] * 3
    args = [x.clone().requires_grad_() if x.dtype.is_floating_point else x for x in given]
    if name == "MultiheadAttention":
        args = [args[0]] * 3
    torch.manual_seed(2)
    if name == "GRUCell" or len(args) > 1 or not name.startswith(("RNN", "LSTM", "GRU")):
        outputs = flat(module(*args))
    else:
        outputs = flat(module(args[0]))
    torch.manual_seed(3)
    weights = [torch.randn(o.shape) for o in outputs]
    loss = sum((o * w).sum() for o, w in zip(outputs, weights))
    grads = {}
    if loss.requires_grad:
        loss.backward()
        grads = {k: leaf(p.grad) for k, p in module.named_parameters() if p.grad is not None}
    unique = []
    for a in args:
        if all(a is not u for u in unique):
            unique.append(a)
    return {
        "name": name,
        "state": state,
        "inputs": [leaf(a) for a in unique],
        "outputs": [leaf(o) for o in outputs],
        "weights": [leaf(w) for w in weights],
        "inputGrads": [leaf(a.grad) if a.grad is not None else None for a in unique],
        "grads": grads,
        "buffers": {k: leaf(b) for k, b in module.named_buffers()},
    }


def layers():
    cases = [layer_case(n, m, i) for n, (m, i) in LAYERS.items()]
    cases += [layer_case(n, lambda m=m: m, lambda: [floats(2, 4)]) for n, m in ACTIVATIONS.items()]
    cases += [layer_case(n, lambda m=m: m, i) for n, (m, i) in LOSSES.items()]
    half = len(cases) // 2
    write("layers-a.json", cases[:half])
    write("layers-b.json", cases[half:])


def tree(value):
    """A tree that keeps the difference of ints, floats, tuples and lists."""
    if isinstance(value, torch.Tensor):
        return {"tensor": leaf(value)}
    if isinstance(value, dict):
        return {"dict": [[k, tree(v)] for k, v in value.items()]}
    if isinstance(value, (list, tuple)):
        return {"list": [tree(v) for v in value]}
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return {"value": value}
    return {"number": number(float(value))}


OPTIMIZERS = [
    ("SGD", {"lr": 0.1}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.01, "nesterov": True}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "dampening": 0.5, "maximize": True}),
    ("Adam", {"lr": 0.01}),
    ("Adam", {"lr": 0.01, "weight_decay": 0.1, "amsgrad": True, "betas": (0.3, 0.9)}),
    ("AdamW", {"lr": 0.01}),
    ("AdamW", {"lr": 0.01, "amsgrad": True, "maximize": True}),
    ("RMSprop", {"lr": 0.01}),
    ("RMSprop", {"lr": 0.01, "centered": True, "momentum": 0.9, "weight_decay": 0.1}),
    ("RMSprop", {"lr": 0.01, "centered": True}),
    ("Adagrad", {"lr": 0.1, "lr_decay": 0.1, "weight_decay": 0.1, "initial_accumulator_value": 0.5}),
    ("Adadelta", {"lr": 0.5, "weight_decay": 0.1}),
    ("Adamax", {"lr": 0.01, "weight_decay": 0.1}),
    ("NAdam", {"lr": 0.01, "weight_decay": 0.1}),
    ("NAdam", {"lr": 0.01, "weight_decay": 0.1, "decoupled_weight_decay": True}),
    ("RAdam", {"lr": 0.01, "weight_decay": 0.1}),
    ("ASGD", {"lr": 0.1, "t0": 3.0, "weight_decay": 0.1}),
    ("Rprop", {"lr": 0.01}),
]


def optimizers():
    cases = []
    for name, options in OPTIMIZERS:
        torch.manual_seed(0)
        params = [torch.randn(3, 2), torch.randn(5)]
        start = [leaf(p) for p in params]
        params = [nn.Parameter(p) for p in params]
        optimizer = getattr(torch.optim, name)(params, foreach=False, **options)
        grads, steps = [], []
        for i in range(10):
            step = [torch.randn(p.shape) for p in params]
            # The second parameter has no gradient in the fourth step.
            for j, (p, g) in enumerate(zip(params, step)):
                p.grad = None if i == 3 and j == 1 else g
            optimizer.step()
            grads.append([leaf(g) for g in step])
            steps.append([leaf(p) for p in params])
        state = optimizer.state_dict()
        for group in state["param_groups"]:
            group["foreach"] = None
        cases.append(
            {"name": name, "options": {k: list(v) if isinstance(v, tuple) else v for k, v in options.items()},
             "start": start, "grads": grads, "steps": steps, "state": tree(state)}
        )  # fmt: skip
    write("optim.json", cases)


def schedulers():
    S = torch.optim.lr_scheduler
    makers = {
        "StepLR": lambda o: S.StepLR(o, 3),
        "MultiStepLR": lambda o: S.MultiStepLR(o, [2, 5, 5, 9]),
        "ConstantLR": lambda o: S.ConstantLR(o),
        "LinearLR": lambda o: S.LinearLR(o, 0.25, 0.9, 6),
        "ExponentialLR": lambda o: S.ExponentialLR(o, 0.9),
        "PolynomialLR": lambda o: S.PolynomialLR(o, 8, 2.0),
        "LambdaLR": lambda o: S.LambdaLR(o, lambda e: 0.95**e),
        "MultiplicativeLR": lambda o: S.MultiplicativeLR(o, lambda e: 0.95),
        "CosineAnnealingLR": lambda o: S.CosineAnnealingLR(o, 6, 0.01),
        "CosineAnnealingWarmRestarts": lambda o: S.CosineAnnealingWarmRestarts(o, 3, 2, 0.01),
        "OneCycleLR": lambda o: S.OneCycleLR(o, 0.5, total_steps=16),
        "OneCycleLR.threePhase": lambda o: S.OneCycleLR(
            o, 0.5, epochs=4, steps_per_epoch=4, three_phase=True, anneal_strategy="linear"
        ),
        "CyclicLR": lambda o: S.CyclicLR(o, 0.01, 0.1, 4),
        "CyclicLR.triangular2": lambda o: S.CyclicLR(o, 0.01, 0.1, 3, 2, mode="triangular2"),
        "SequentialLR": lambda o: S.SequentialLR(
            o, [S.LinearLR(o, 0.1, total_iters=4), S.CosineAnnealingLR(o, 8)], [4]
        ),
        "ChainedScheduler": lambda o: S.ChainedScheduler([S.LinearLR(o, 0.1, total_iters=4), S.ExponentialLR(o, 0.9)]),
        "ReduceLROnPlateau": lambda o: S.ReduceLROnPlateau(o, patience=1, cooldown=1),
    }
    metrics = [1.0, 0.9, 0.91, 0.92, 0.93, 0.94, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.4, 0.4, 0.4]
    cases = []
    for name, make in makers.items():
        a, b = nn.Parameter(torch.zeros(2)), nn.Parameter(torch.zeros(2))
        optimizer = torch.optim.SGD([{"params": [a]}, {"params": [b], "lr": 0.05}], lr=0.1, momentum=0.9)
        scheduler = make(optimizer)
        row = lambda: [[g["lr"], g["momentum"]] for g in optimizer.param_groups]
        rows = [row()]
        for i in range(15):
            optimizer.step()
            scheduler.step(metrics[i]) if name == "ReduceLROnPlateau" else scheduler.step()
            rows.append(row())
        cases.append({"name": name, "rows": rows, "state": tree(scheduler.state_dict())})
    write("schedulers.json", cases)


def inits():
    I = nn.init
    table = {
        "uniform_": ((3, 4), lambda t: I.uniform_(t, -1, 2)),
        "normal_": ((3, 7), lambda t: I.normal_(t, 0.5, 2.0)),
        "xavierUniform_": ((3, 4, 2), lambda t: I.xavier_uniform_(t, 1.5)),
        "xavierNormal_": ((4, 5), lambda t: I.xavier_normal_(t)),
        "kaimingUniform_": ((3, 4, 2, 2), lambda t: I.kaiming_uniform_(t, a=0.1, mode="fan_out")),
        "kaimingNormal_": ((4, 5), lambda t: I.kaiming_normal_(t, nonlinearity="relu")),
        "truncNormal_": ((5, 8), lambda t: I.trunc_normal_(t, std=0.5, a=-0.6, b=0.6)),
        "truncNormal_.tail": ((5, 8), lambda t: I.trunc_normal_(t, a=1.5, b=2.0)),
        "orthogonal_": ((4, 6), lambda t: I.orthogonal_(t, gain=2.0)),
        "orthogonal_.tall": ((6, 2, 2), lambda t: I.orthogonal_(t)),
        "sparse_": ((6, 3), lambda t: I.sparse_(t, 0.4)),
        "dirac_": ((4, 2, 3, 3), lambda t: I.dirac_(t, groups=2)),
        "eye_": ((3, 4), lambda t: I.eye_(t)),
    }
    cases = []
    for name, (shape, fill) in table.items():
        torch.manual_seed(0)
        cases.append({"name": name, "value": leaf(fill(torch.empty(*shape)))})
    write("init.json", cases)


if __name__ == "__main__":
    layers()
    optimizers()
    schedulers()
    inits()
