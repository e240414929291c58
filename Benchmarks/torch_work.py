#!/usr/bin/env python3
"""The PyTorch side of `firefinch bench NAME`: the same work, one JSON line. Needs torch; torchvision and
pillow for pictures and their models.

usage: torch_work.py NAME [--threads N] [--iterations K] [--batch B] [--pictures FOLDER] [--compile]

Weights are drawn first, then inputs, after manual_seed(0); `check` is the loss (training) or the mean absolute output
(inference) of the first step, and equals Firefinch's. MODEL-infer and MODEL-train take torchvision's
models, pictures-... PIL's decoder (torchvision's own is not in every build) and its transforms on tensors.
"""
import argparse, json, pathlib, resource, statistics, sys, time
import torch, torch.nn as nn, torch.nn.functional as F
import torch.utils.data

sys.path.append(str(pathlib.Path(__file__).resolve().parent.parent / "Tests/FirefinchVisionTests/goldens"))  # for tv and make_models


class Block(nn.Module):
    def __init__(s, d, h):
        super().__init__()
        s.h = h
        s.ln1, s.ln2 = nn.LayerNorm(d), nn.LayerNorm(d)
        s.qkv, s.proj = nn.Linear(d, 3 * d), nn.Linear(d, d)
        s.fc1, s.fc2 = nn.Linear(d, 4 * d), nn.Linear(4 * d, d)

    def forward(s, x, cache=None):
        b, t, d = x.shape
        q, k, v = s.qkv(s.ln1(x)).view(b, t, 3, s.h, d // s.h).permute(2, 0, 3, 1, 4)
        if cache is not None:
            if cache:
                k, v = torch.cat([cache[0], k], 2), torch.cat([cache[1], v], 2)
            cache[:] = [k, v]
            a = F.scaled_dot_product_attention(q, k, v, is_causal=t > 1)
        else:
            a = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + s.proj(a.transpose(1, 2).reshape(b, t, d))
        return x + s.fc2(F.gelu(s.fc1(s.ln2(x))))


class GPT(nn.Module):
    def __init__(s, vocab=8192, d=384, layers=6, heads=6, ctx=256):
        super().__init__()
        s.tok, s.pos = nn.Embedding(vocab, d), nn.Embedding(ctx, d)
        s.blocks = nn.ModuleList(Block(d, heads) for _ in range(layers))
        s.ln, s.head = nn.LayerNorm(d), nn.Linear(d, vocab, bias=False)

    def forward(s, i, start=0, caches=None):
        x = s.tok(i) + s.pos(torch.arange(start, start + i.shape[1]))
        for n, b in enumerate(s.blocks):
            x = b(x, None if caches is None else caches[n])
        return s.head(s.ln(x))


def fashion_cnn():
    return nn.Sequential(
        nn.Conv2d(1, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3, padding=1), nn.BatchNorm2d(64), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(64 * 49, 128), nn.ReLU(), nn.Linear(128, 10))


class Pictures(torch.utils.data.Dataset):
    def __init__(s, paths, prepare): s.paths, s.prepare = paths, prepare
    def __len__(s): return len(s.paths)
    def __getitem__(s, i): return s.prepare(read(s.paths[i]))


def read(path):
    import numpy as np
    from PIL import Image
    return torch.from_numpy(np.array(Image.open(path).convert("RGB"))).permute(2, 0, 1)


def picture_work(name, folder, batch):
    import tv  # noqa: F401
    from torchvision.transforms import v2
    prepare = v2.Compose([v2.Resize(256), v2.CenterCrop(224), v2.ToDtype(torch.float32, scale=True),
                          v2.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])])
    paths = sorted(str(p) for p in pathlib.Path(folder).glob("*.jpg"))
    if name == "pictures-decode":
        return lambda: [read(p) for p in paths][-1]
    if name == "pictures-prepare":
        return lambda: [prepare(read(p)) for p in paths][-1]
    loader = torch.utils.data.DataLoader(Pictures(paths, prepare), batch_size=batch, num_workers=2, persistent_workers=True)
    return lambda: [b for b in loader][-1]


def work(name, batch, pictures):
    torch.manual_seed(0)
    def trainer(model, x, loss, opt):
        model.train()
        def step():
            opt.zero_grad(set_to_none=True)
            l = loss(model(*x))
            l.backward()
            opt.step()
            return l
        return model, step
    if name == "mlp-train":
        m = nn.Sequential(nn.Linear(4, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, 2))
        x, y = torch.randn(64, 4), torch.randn(64, 2)
        return trainer(m, (x,), lambda o: F.mse_loss(o, y), torch.optim.Adam(m.parameters(), 1e-3))
    if name == "fashion-cnn-train":
        b = batch or 128
        m, x, y = fashion_cnn(), torch.randn(b, 1, 28, 28), torch.randint(10, (b,))
        return trainer(m, (x,), lambda o: F.cross_entropy(o, y), torch.optim.Adam(m.parameters(), 1e-3))
    if name == "lstm-train":
        class L(nn.Module):
            def __init__(s):
                super().__init__(); s.l = nn.LSTM(256, 256, 2, batch_first=True); s.o = nn.Linear(256, 10)
            def forward(s, x): return s.o(s.l(x)[0][:, -1])
        m, x, y = L(), torch.randn(16, 64, 256), torch.randint(10, (16,))
        return trainer(m, (x,), lambda o: F.cross_entropy(o, y), torch.optim.Adam(m.parameters(), 1e-3))
    if name == "gpt2-small-train":
        m, i = GPT(), torch.randint(8192, (batch or 4, 129))
        return trainer(m, (i[:, :-1],), lambda o: F.cross_entropy(o.flatten(0, 1), i[:, 1:].flatten()),
                       torch.optim.AdamW(m.parameters(), 3e-4))
    if name == "bert-base-infer":
        layer = nn.TransformerEncoderLayer(768, 12, 3072, 0.0, "gelu", batch_first=True)
        m = nn.TransformerEncoder(layer, 12, enable_nested_tensor=False).eval()
        x = torch.randn(batch or 1, 128, 768)
        return m, lambda: m(x)
    if name == "decode":
        m = GPT().eval()
        def gen():
            caches = [[] for _ in m.blocks]
            i = torch.randint(8192, (1, 16))
            prefill = m(i, 0, caches)
            t = prefill[:, -1:].argmax(-1)
            for n in range(127):
                t = m(t, 16 + n, caches)[:, -1:].argmax(-1)
            return prefill
        return m, gen
    if name.startswith("pictures-"):
        return None, picture_work(name, pictures, batch or 16)
    if name.endswith(("-infer", "-train")):
        from make_models import fill_zeros, torchvision
        kind = name[-5:]
        m = torchvision.models.get_model(name[:-6], weights=None)
        fill_zeros(m)
        x = torch.randn(batch or (1 if kind == "infer" else 8), 3, 224, 224)
        if kind == "infer":
            m.eval()
            return m, lambda: m(x)
        y = torch.randint(1000, (len(x),))
        return trainer(m, (x,), lambda o: F.cross_entropy(o, y), torch.optim.SGD(m.parameters(), 0.01, momentum=0.9))
    x = torch.randn(1024, 1024)
    if name == "pointwise-chain":
        y = torch.randn(1024, 1024)
        def chain(x, y): return torch.sigmoid(torch.tanh(x * y + x).exp() * 0.1 - y).mul(x).add(1.0).abs().sqrt()
        class C(nn.Module):
            def forward(s, x, y): return chain(x, y)
        m = C(); return m, lambda: m(x, y)
    fs = {"softmax": lambda x: x.softmax(-1), "layernorm": lambda x: F.layer_norm(x, (1024,)),
          "transpose": lambda x: x.t().contiguous(), "sum": lambda x: x.sum(-1)}
    class One(nn.Module):
        def forward(s, x): return fs[name](x)
    m = One(); return m, lambda: m(x)


def main():
    p = argparse.ArgumentParser()
    p.add_argument("name"); p.add_argument("--threads", type=int, default=1)
    p.add_argument("--iterations", type=int, default=20); p.add_argument("--batch", type=int)
    p.add_argument("--pictures"); p.add_argument("--compile", action="store_true")
    a = p.parse_args()
    torch.set_num_threads(a.threads)
    out = {"name": a.name}
    if a.name == "overhead":
        x = torch.ones(1); y = torch.ones(1); g = torch.ones(1, requires_grad=True); n = 100_000
        for key, u in (("ns_no_grad", x), ("ns_grad", g)):
            best = 1e9
            for _ in range(7):
                t = time.perf_counter_ns()
                for _ in range(n): u + y
                best = min(best, (time.perf_counter_ns() - t) / n)
            out[key] = round(best, 1)
    else:
        m, step = work(a.name, a.batch, a.pictures)
        train = a.name.endswith("train")
        if a.compile and m is not None: m.compile()
        ctx = torch.enable_grad() if train else torch.no_grad()
        with ctx:
            t0 = time.perf_counter(); r = step(); out["first_ms"] = round((time.perf_counter() - t0) * 1e3, 3)
            out["check"] = float(r.detach().double().abs().mean())
            for _ in range(3): step()
            ts = []
            for _ in range(a.iterations):
                t = time.perf_counter(); step(); ts.append((time.perf_counter() - t) * 1e3)
        out["median_ms"], out["min_ms"] = round(statistics.median(ts), 4), round(min(ts), 4)
    out["peak_rss_mb"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1)
    print(json.dumps(out))


main()
