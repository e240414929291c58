"""Makes models/NAME.json for the models named on the command line (default: every one in SIZES), from torchvision.

For each: torch.manual_seed(0), the model with 10 classes, a well-conditioned normal input from a seed, evaluation mode, the output and the
gradients of sum(output * output). Kept are CRC-32s of the keys with their shapes and of all weights' and buffers' bytes, and of every
gradient, in the parameters' order, two numbers: its Euclidean length and its scalar product with the cosines of 0, 1, 2, ... (which
tells permuted elements apart); null where there is none.

GoogLeNet and Inception: the main output, auxiliary heads built. Segmentation: `out`.
"""
import copy, json, math, pathlib, sys, zlib

import tv  # noqa: F401
import torch, torchvision

# The models that have goldens, and their input's side. Other models of over 60 million parameters are left to scripts/check-models.
SIZES = {
    "alexnet": 64, "convnext_tiny": 64, "deeplabv3_mobilenet_v3_large": 64, "densenet121": 64, "efficientnet_b0": 64,
    "efficientnet_v2_s": 64, "fcn_resnet50": 64, "googlenet": 64, "inception_v3": 96, "lraspp_mobilenet_v3_large": 64,
    "maxvit_t": 224, "mnasnet0_5": 64, "mobilenet_v2": 64, "mobilenet_v3_large": 64, "mobilenet_v3_small": 64,
    "regnet_x_400mf": 64, "regnet_y_400mf": 64, "resnet18": 64, "resnet50": 64, "resnext50_32x4d": 64,
    "shufflenet_v2_x1_0": 64, "squeezenet1_0": 64, "squeezenet1_1": 64, "swin_t": 64, "swin_v2_t": 64, "vgg11": 64,
    "vit_b_32": 224,
}


def size(name):
    """The side of the square input: ViT and MaxViT take one size only, Inception's stem needs more than 64."""
    if name in SIZES:
        return SIZES[name]
    if name.startswith(("vit", "maxvit")):
        return 224
    return 96 if name.startswith("inception") else 64


def make(name, **arguments):
    if "num_classes" not in arguments:
        arguments["num_classes"] = 10
    if name in ("googlenet", "inception_v3"):
        arguments.update(init_weights=True, aux_logits=True)
    if name.startswith(("fcn", "deeplab", "lraspp")):
        arguments.update(weights_backbone=None)
        if not name.startswith("lraspp"):
            arguments.update(aux_loss=True)
    return torchvision.models.get_model(name, weights=None, **arguments)


def fill_zeros(model):
    """ViT's head and class token begin with zeros, which would prove nothing."""
    for parameter in model.parameters():
        if parameter.dim() > 1 and not parameter.any():
            torch.nn.init.normal_(parameter, std=0.02)


def keys_crc(state):
    return zlib.crc32("".join(f"{k} {list(v.shape)}\n" for k, v in state.items()).encode())


def state_crc(state):
    checksum = 0
    for value in state.values():
        checksum = zlib.crc32(value.contiguous().numpy().tobytes(), checksum)
    return checksum


def marks(tensor):
    x = tensor.detach().double().flatten()
    wave = torch.cos(torch.arange(len(x), dtype=torch.float64))
    return [float(f"{v:.6g}") for v in (x.norm().item(), (x * wave).sum().item())]


def gradients(model, x):
    """Output and gradients of sum(output * output)."""
    model.zero_grad()
    y = model(x)
    y = y["out"] if isinstance(y, dict) else y
    (y * y).sum().backward()
    return y.detach(), [None if p.grad is None else p.grad.clone() for p in model.parameters()]


def conditioned(model, name):
    """Variances for the normalisations, and the input seed, with which gradients reach most weights and single precision decides
    every ReLU and maximum as double precision does; and the numbers in double precision.

    Fresh networks without trained statistics fade from layer to layer; smaller variances prevent it, too small ones give chaos.
    """
    for variance in (1, 0.7, 0.5, 0.35, 0.25, 0.18, 0.13, 0.09, 0.06, 0.04, 0.02, 0.01):
        for key, buffer in model.named_buffers():
            if key.endswith("running_var"):
                buffer.fill_(variance)
        double_model = copy.deepcopy(model).double()
        for seed in range(1, 25):
            torch.manual_seed(seed)
            x = torch.randn(1, 3, size(name), size(name))
            output, double = gradients(double_model, x.double())
            norms = [b.norm().item() for b in double if b is not None]
            if sum(n > 1e-9 * max(norms) for n in norms) < 0.9 * len(norms) or max(norms) < 1e-12:
                break
            errors = []
            # Also when kernels round otherwise than PyTorch's: as pictures that differ in the last digits do.
            for noise in (0, 1e-6, 1e-6):
                single = gradients(model, x * (1 + noise * torch.randn(x.shape)))[1]
                errors += [((a - b).norm() / b.norm()).item() for a, b in zip(single, double)
                           if b is not None and b.norm() > 1e-9 * max(norms)]
            if max(errors) < 3e-5:
                return variance, seed, output, double
    raise SystemExit(f"{name}: no well-conditioned input")


def record(name):
    torch.manual_seed(0)
    model = make(name).eval()
    state = model.state_dict()
    made = {"keys": keys_crc(state), "key_count": len(state), "state": state_crc(state)}
    torch.manual_seed(7)
    fill_zeros(model)
    variance, seed, y, grads = conditioned(model, name)
    return {
        "size": size(name), "seed": seed, "variance": variance,
        **made,
        "output_shape": list(y.shape), "output": y.flatten()[:10].tolist(), "output_marks": marks(y),
        "gradients": [None if g is None else marks(g) for g in grads],
    }


def main():
    torch.set_num_threads(1)
    folder = pathlib.Path(__file__).parent / "models"
    folder.mkdir(exist_ok=True)
    for name in sys.argv[1:] or SIZES:
        text = json.dumps(record(name), separators=(",", ":"))
        (folder / f"{name}.json").write_text(text)
        print(name, len(text))


if __name__ == "__main__":
    main()
