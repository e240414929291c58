"""Writes the golden files of the file-format tests and expected.json, which says what each holds.

Run with PyTorch 2.13, NumPy and safetensors: python make.py
"""

import json
import os
import pickle
import struct
import zipfile
import zlib
from collections import OrderedDict

import numpy as np
import torch
from safetensors.torch import save_file

HERE = os.path.dirname(os.path.abspath(__file__))
EXPECTED = {}


def path(name):
    return os.path.join(HERE, name)


def flat(value, prefix=""):
    """Leaves under dotted paths: tensors as shape, dtype and elements, other values as they are."""
    join = lambda name: f"{prefix}.{name}" if prefix else str(name)
    if isinstance(value, dict):
        return [leaf for key, inner in value.items() for leaf in flat(inner, join(key))]
    if isinstance(value, (list, tuple)) and not isinstance(value, torch.Size):
        return [leaf for i, inner in enumerate(value) for leaf in flat(inner, join(i))]
    if isinstance(value, torch.Size):
        return [leaf for i, inner in enumerate(value) for leaf in flat(inner, join(i))]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, np.ndarray):
        kind = value.dtype.newbyteorder("=").name
        wide = {"uint16": "int32", "uint32": "int64", "uint64": "int64"}.get(kind, kind)
        dense = np.ascontiguousarray(value).astype(np.float64).reshape(-1).tolist()
        return [{"key": prefix, "dtype": wide, "shape": list(value.shape), "data": dense}]
    if isinstance(value, torch.Tensor):
        wide = {"uint16": "int32", "uint32": "int64"}.get(str(value.dtype)[6:], str(value.dtype)[6:])
        entry = {"key": prefix, "dtype": wide, "shape": list(value.shape), "requires_grad": value.requires_grad}
        if value.dtype.is_complex:
            data = torch.view_as_real(value.detach()).double().reshape(-1).tolist()
        else:
            data = value.detach().to(torch.float64).reshape(-1).tolist()
        return [entry | {"data": data}]
    return [{"key": prefix, "value": str(value) if isinstance(value, torch.dtype) else value}]


def expect(name, value):
    EXPECTED[name] = flat(value)


def torch_files():
    torch.manual_seed(0)
    every = OrderedDict()
    for dtype in [torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.int8, torch.int16, torch.int32,
                  torch.int64, torch.uint8, torch.bool]:
        every[str(dtype)[6:]] = torch.tensor([[0, 1, 2], [3, 100, 7]]).to(dtype)
    small = {"weight": torch.randn(2, 3), "bias": torch.nn.Parameter(torch.arange(4.0)), "epoch": 3, "lr": 0.1,
             "name": "small é", "none": None, "flags": [True, False], "size": torch.Size([2, 3]),
             "nested": {"tuple": (1, -2, 70000, 2**40, -(2**40), 5_000_000_000), "list": [1.5, "x"]}}
    base = torch.arange(24.0)
    shared = {"a": base, "b": base[4:16].view(3, 4), "again": base}
    strided = {"t": torch.arange(6.0).reshape(2, 3).t(), "step": torch.arange(20)[1::3], "expanded": torch.ones(1, 3).expand(4, 3),
               "scalar": torch.tensor(2.5), "empty": torch.empty(0, 3), "sliced": torch.arange(24).reshape(2, 3, 4)[:, 1:, ::2]}
    model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4), torch.nn.Linear(4, 2))
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)
    scheduler = torch.optim.lr_scheduler.MultiStepLR(optimizer, [2, 5])
    for _ in range(2):
        optimizer.zero_grad()
        model(torch.randn(5, 3)).square().mean().backward()
        optimizer.step()
        scheduler.step()
    plain = scheduler.state_dict()
    checkpoint = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "scheduler": plain, "step": 2}
    wide = {"u16": torch.tensor([1, 65535], dtype=torch.uint16), "u32": torch.tensor([1, 2**32 - 1], dtype=torch.uint32)}
    arrays = {"f": np.arange(6, dtype=np.float32).reshape(2, 3), "fortran": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
              "big": np.arange(3, dtype=">i4"), "u16": np.array([7, 65535], dtype=np.uint16), "scalar": np.float64(2.5), "count": np.int32(-3), "yes": np.bool_(True),
              "dtype": torch.bfloat16}
    for name, value in [("small", small), ("every", every), ("shared", shared), ("strided", strided),
                        ("checkpoint", checkpoint), ("wide", wide), ("arrays", arrays)]:
        torch.save(value, path(f"{name}.pt"))
        expect(f"{name}.pt", value)
        if name not in ("wide",):
            torch.save(value, path(f"{name}-legacy.pt"), _use_new_zipfile_serialization=False)
            expect(f"{name}-legacy.pt", value)
    for protocol in (3, 4, 5):
        value = {"weight": small["weight"], "array": arrays["f"], "big": 2**70, "set": {5}, "bytes": b"\x00\xff",
                 "long": "x" * 300}
        torch.save(value, path(f"protocol{protocol}.pt"), pickle_protocol=protocol)
        shown = dict(value, big=float(2**70), set=[5], bytes=torch.tensor([0, 255], dtype=torch.uint8))
        expect(f"protocol{protocol}.pt", shown)
    complexes = {"c": torch.tensor([1 + 2j, 3 - 4j])}
    torch.save(complexes, path("complex.pt"))
    expect("complex.pt", complexes)
    big_endian(every)
    # A whole module and a shell command: both need names that are refused.
    torch.save(model, path("module.pt"))

    class Evil:
        def __reduce__(self):
            return os.system, ("echo firefinch was here > /tmp/firefinch-evil",)

    torch.save({"weight": Evil()}, path("evil.pt"))
    torch.save({"weight": Evil()}, path("evil-legacy.pt"), _use_new_zipfile_serialization=False)


def big_endian(value):
    """Every storage with its bytes in the other order, and the entry byteorder changed."""
    torch.save(value, path("big-endian.pt"))
    with zipfile.ZipFile(path("big-endian.pt")) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path("big-endian.pt"), "w") as archive:
        sizes = [v.element_size() for v in value.values()]
        for name, data in entries.items():
            if name.endswith("byteorder"):
                data = b"big"
            if "/data/" in name:
                size = sizes[int(name.split("/")[-1])]
                data = b"".join(data[i : i + size][::-1] for i in range(0, len(data), size))
            archive.writestr(name, data)
    expect("big-endian.pt", value)


def other_files():
    tensors = {"w": torch.arange(6.0).reshape(2, 3), "h": torch.tensor([1.5, -2.0]).half(),
               "b": torch.tensor([1.5, -3.0]).bfloat16(), "i": torch.tensor([[-1], [2**40]]), "flag": torch.tensor([True, False, True]),
               "u": torch.tensor([200], dtype=torch.uint8), "scalar": torch.tensor(2.5, dtype=torch.float64), "none": torch.empty(0, 3)}
    save_file(tensors, path("every.safetensors"), metadata={"format": "pt", "note": "ä \"quoted\""})
    expect("every.safetensors", tensors)
    arrays = {"f": np.arange(6, dtype=np.float32).reshape(2, 3), "i": np.array([-1, 2**40]), "flag": np.array([True, False]),
              "h": np.array([0.5], dtype=np.float16), "fortran": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
              "big": np.arange(4, dtype=">i2"), "scalar": np.array(3.5), "u16": np.array([1, 65535], dtype=np.uint16),
              "none": np.zeros((0, 5), dtype=np.int8)}
    np.savez(path("arrays.npz"), **arrays)
    np.savez_compressed(path("arrays-compressed.npz"), **arrays)
    expect("arrays.npz", arrays)
    expect("arrays-compressed.npz", arrays)
    np.save(path("array.npy"), arrays["f"])
    expect("array.npy", {"array": arrays["f"]})
    np.save(path("objects.npy"), np.array([{}], dtype=object))
    idx = struct.pack(">BBBBII", 0, 0, 8, 2, 2, 3) + bytes(range(6))
    open(path("array.idx"), "wb").write(idx)
    compressor = zlib.compressobj(9, zlib.DEFLATED, 31)
    open(path("array.idx.gz"), "wb").write(compressor.compress(idx) + compressor.flush())
    expect("array.idx", {"array": np.arange(6, dtype=np.uint8).reshape(2, 3)})
    expect("array.idx.gz", {"array": np.arange(6, dtype=np.uint8).reshape(2, 3)})


# PNG: every colour type, depth and interlacing, with the filters in turn.
ADAM7 = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def paeth(a, b, c):
    p = a + b - c
    pa, pb, pc = abs(p - a), abs(p - b), abs(p - c)
    return a if pa <= pb and pa <= pc else b if pb <= pc else c


def filtered(rows, step):
    out = b""
    previous = bytes(len(rows[0])) if rows else b""
    for y, row in enumerate(rows):
        kind = y % 5
        line = bytearray()
        for i, x in enumerate(row):
            a = row[i - step] if i >= step else 0
            c = previous[i - step] if i >= step else 0
            b = previous[i]
            line.append((x - [0, a, b, (a + b) // 2, paeth(a, b, c)][kind]) % 256)
        out += bytes([kind]) + bytes(line)
        previous = row
    return out


def packed(pixels, depth):
    """A row of pixels (tuples of samples) as bytes."""
    samples = [s for pixel in pixels for s in pixel]
    if depth == 16:
        return b"".join(struct.pack(">H", s) for s in samples)
    bits = "".join(format(s, f"0{depth}b") for s in samples)
    bits += "0" * (-len(bits) % 8)
    return bytes(int(bits[i : i + 8], 2) for i in range(0, len(bits), 8))


def png(name, color, depth, interlaced, transparency=None, width=13, height=9):
    samples = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[color]
    top = (1 << depth) - 1
    palette = [((i * 37) % 256, (i * 91) % 256, (i * 53) % 256) for i in range(1 << depth)] if color == 3 else []
    image = [[tuple((x * 31 + y * 57 + s * 101 + x * y * 7) * 257 % (top + 1) for s in range(samples)) for x in range(width)]
             for y in range(height)]
    step = max(1, samples * depth // 8)
    passes = ADAM7 if interlaced else [(0, 0, 1, 1)]
    raw = b""
    for x0, y0, dx, dy in passes:
        rows = [packed(image[y][x0::dx], depth) for y in range(y0, height, dy)]
        if rows and rows[0]:
            raw += filtered(rows, step)
    data = zlib.compress(raw, 9)
    out = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, int(interlaced)))
    if color == 3:
        out += chunk(b"PLTE", bytes(v for entry in palette for v in entry))
    key = None
    if transparency:
        key = image[2][3]
        out += chunk(b"tRNS", bytes((i * 60) % 256 for i in range(min(3, len(palette)))) if color == 3 else b"".join(struct.pack(">H", s) for s in key))
    half = len(data) // 2
    out += chunk(b"tEXt", b"Comment\x00two pieces") + chunk(b"IDAT", data[:half]) + chunk(b"IDAT", data[half:]) + chunk(b"IEND", b"")
    open(path(name), "wb").write(out)
    shown = []
    for row in image:
        for pixel in row:
            if color == 3:
                i = pixel[0]
                value = list(palette[i]) + ([(i * 60) % 256 if i < 3 else 255] if transparency else [])
            else:
                value = list(pixel) if depth in (8, 16) else [s * 255 // top for s in pixel]
                if key:
                    value.append(0 if pixel == key else 65535 if depth == 16 else 255)
            shown += value
    EXPECTED[name] = {"width": width, "height": height, "channels": len(shown) // (width * height),
                      "bits": 16 if depth == 16 else 8, "pixels": shown}


def pictures():
    for color, depths in {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}.items():
        for depth in depths:
            for interlaced in (False, True):
                png(f"color{color}-{depth}{'-interlaced' if interlaced else ''}.png", color, depth, interlaced)
            if color in (0, 2, 3):
                png(f"color{color}-{depth}-key.png", color, depth, False, transparency=True)


torch_files()
other_files()
pictures()
with open(path("expected.json"), "w") as out:
    json.dump(EXPECTED, out, indent=0, sort_keys=True)
    out.write("\n")
