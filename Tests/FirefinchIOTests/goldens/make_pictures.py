"""Writes pictures/ of the picture tests and pictures/expected.json: size, channels and pixels (base64) of each as PIL decodes it.

Run with Pillow 11 or newer and NumPy: python make_pictures.py
"""

import base64
import io
import json
import os
import struct

import numpy as np
from PIL import Image, ImageOps

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "pictures")
EXPECTED = {}
WIDTH, HEIGHT = 20, 17


def scene(channels=3):
    """Gradients, an edge and some noise."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    random = np.random.default_rng(0)
    planes = [x * 12 + y * 2, y * 14, (x - 8) ** 2 + 3 * y, 255 - 13 * x]
    planes = [np.where((x > 12) & (y > 4), 230 - plane / 2, plane) for plane in planes]
    picture = np.stack(planes[:channels], -1) + random.integers(-9, 9, (HEIGHT, WIDTH, channels))
    return np.clip(picture, 0, 255).astype(np.uint8)


def put(name, data, mode=None, tolerance=0, pixels=None):
    """Writes a file; its expectation is PIL's picture, converted to `mode` where PIL keeps a palette, or `pixels`."""
    with open(os.path.join(FOLDER, name), "wb") as file:
        file.write(data)
    if pixels is None:
        image = ImageOps.exif_transpose(Image.open(io.BytesIO(data)))
        pixels = np.asarray(image.convert(mode) if mode else image)
    pixels = np.ascontiguousarray(pixels)
    EXPECTED[name] = {"width": pixels.shape[1], "height": pixels.shape[0], "channels": 1 if pixels.ndim == 2 else pixels.shape[2],
                      "tolerance": tolerance, "pixels": base64.b64encode(pixels.tobytes()).decode()}


def saved(image, format, **options):
    out = io.BytesIO()
    image.save(out, format, **options)
    return out.getvalue()


def exif(orientation, order):
    """A block with one other tag before the orientation."""
    entries = struct.pack(order + "HHIHH", 0x100, 3, 1, WIDTH, 0) + struct.pack(order + "HHIHH", 0x112, 3, 1, orientation, 0)
    start = (b"II" if order == "<" else b"MM") + struct.pack(order + "HI", 42, 8)
    return b"Exif\0\0" + start + struct.pack(order + "H", 2) + entries + bytes(4)


def jpegs():
    rgb, grey = Image.fromarray(scene()), Image.fromarray(scene(1)[..., 0])
    cmyk = Image.fromarray(scene(4), "CMYK")
    for name, sampling in [("444", 0), ("422", 1), ("420", 2)]:
        put(f"rgb-{name}.jpg", saved(rgb, "JPEG", quality=90, subsampling=sampling))
        put(f"rgb-{name}-progressive.jpg", saved(rgb, "JPEG", quality=80, subsampling=sampling, progressive=True))
    put("rgb-coarse.jpg", saved(rgb, "JPEG", quality=10, optimize=True))
    put("rgb-restarts.jpg", saved(rgb, "JPEG", quality=75, restart_marker_blocks=1))
    put("rgb-untransformed.jpg", saved(rgb, "JPEG", quality=90, keep_rgb=True))
    put("grey.jpg", saved(grey, "JPEG", quality=85))
    put("grey-progressive.jpg", saved(grey, "JPEG", quality=85, progressive=True))
    data = saved(cmyk, "JPEG", quality=95)
    put("cmyk.jpg", data, "RGB")
    at = data.index(b"Adobe") + 11
    put("ycck.jpg", data[:at] + b"\2" + data[at + 1:], "RGB")
    put("cmyk-progressive.jpg", saved(cmyk, "JPEG", quality=70, progressive=True), "RGB")
    for orientation in range(1, 9):
        order = "<" if orientation % 2 else ">"
        put(f"exif-{orientation}.jpg", saved(rgb, "JPEG", quality=75, exif=exif(orientation, order)))
    # What cameras leave between the last row and the end mark does no harm.
    data = saved(rgb, "JPEG", quality=75)
    put("rgb-extra-bytes.jpg", data[:-2] + bytes(7) + data[-2:])


def pngs():
    put("exif-6.png", saved(Image.fromarray(scene(4)), "PNG", exif=exif(6, ">")))
    put("grey-alpha.png", saved(Image.fromarray(scene(2), "LA"), "PNG"))


def webps():
    rgb, rgba = Image.fromarray(scene()), Image.fromarray(scene(4))
    put("lossy.webp", saved(rgb, "WEBP", quality=80))
    put("lossy-alpha.webp", saved(rgba, "WEBP", quality=60))
    put("lossless.webp", saved(rgb, "WEBP", lossless=True))
    put("lossless-alpha.webp", saved(rgba, "WEBP", lossless=True, exact=True))
    put("exif-8.webp", saved(rgb, "WEBP", lossless=True, exif=exif(8, "<")))
    second = Image.fromarray(255 - scene(4))
    put("animated.webp", saved(rgba, "WEBP", lossless=True, exact=True, save_all=True, append_images=[second]), "RGBA")


def gifs():
    rgb = Image.fromarray(scene())
    palette = rgb.quantize(37)
    put("plain.gif", saved(palette, "GIF", interlace=0), "RGB")
    put("interlaced.gif", saved(palette, "GIF", interlace=1), "RGB")
    put("two-colours.gif", saved(rgb.quantize(2), "GIF"), "RGB")
    clear = saved(palette, "GIF", transparency=5)
    put("transparent.gif", clear, "RGBA")
    put("animated.gif", saved(palette, "GIF", save_all=True, append_images=[rgb.rotate(90).quantize(20)]), "RGB")
    # A larger screen with the frame at (3, 2).
    for name, data, mode in [("offset.gif", saved(palette, "GIF"), "RGB"), ("offset-transparent.gif", clear, "RGBA")]:
        at = data.rindex(b"," + struct.pack("<HHHH", 0, 0, WIDTH, HEIGHT)) + 1
        data = data[:at] + struct.pack("<HH", 3, 2) + data[at + 4:]
        put(name, data[:6] + struct.pack("<HH", WIDTH + 5, HEIGHT + 4) + data[10:], mode)


def rows(values, bits):
    """Rows from the bottom, packed and padded."""
    out = b""
    for row in values[::-1]:
        line = "".join(f"{value:0{bits}b}" for value in row)
        line += "0" * (-len(line) % 32)
        out += bytes(int(line[i:i + 8], 2) for i in range(0, len(line), 8))
    return out


def bmp(bits, pixels, palette=b"", compression=0, masks=(), size=40, height=HEIGHT, width=WIDTH, entries=0):
    if size == 12:
        header = struct.pack("<IHHHH", 12, width, height, 1, bits)
        table = b"".join(palette[i:i + 3][::-1] for i in range(0, len(palette), 3))
    else:
        header = struct.pack("<IiiHHIIiiII", size, width, height, 1, bits, compression, len(pixels), 2835, 2835, entries, 0)
        fields = b"".join(struct.pack("<I", mask) for mask in masks)
        header += fields if size == 40 else (fields + bytes(200))[:size - 40]
        table = b"".join(palette[i:i + 3][::-1] + b"\0" for i in range(0, len(palette), 3))
    start = 14 + len(header) + len(table)
    return b"BM" + struct.pack("<IHHI", start + len(pixels), 0, 0, start) + header + table + pixels


def runs(values, nibbles):
    """Run lengths where neighbours are equal, literals elsewhere, one delta and the end."""
    out = b""
    for number, row in enumerate(values[::-1]):
        x = 2 if number == 4 else 0
        while x < len(row):
            length = 1
            while x + length < len(row) and row[x + length] == row[x]:
                length += 1
            if length >= 3 or len(row) - x < 5:
                out += bytes([length, row[x] << 4 | row[x] if nibbles else row[x]])
                x += length
                continue
            piece = list(row[x:x + 5])
            body = bytes(piece) if not nibbles else bytes((piece + [0])[i] << 4 | (piece + [0])[i + 1] for i in range(0, 5, 2))
            out += bytes([0, 5]) + body + bytes(len(body) % 2)
            x += 5
        # The fifth row begins at its third pixel.
        out += bytes([0, 0, 0, 2, 2, 0] if number == 3 else [0, 0])
    return out + bytes([0, 1])


def bmps():
    rgb = scene()
    for bits, colours in [(1, 2), (4, 16), (8, 256)]:
        image = Image.fromarray(rgb).quantize(colours)
        table = bytes(image.getpalette()[:3 * colours]).ljust(3 * colours, b"\7")
        values = np.asarray(image)
        put(f"palette-{bits}.bmp", bmp(bits, rows(values, bits), table), "RGB")
        put(f"palette-{bits}-os2.bmp", bmp(bits, rows(values, bits), table, size=12), "RGB")
    few = Image.fromarray(rgb).quantize(11)
    put("palette-8-few.bmp", bmp(8, rows(np.asarray(few), 8), bytes(few.getpalette()[:33]), entries=11), "RGB")
    bgr = rows((rgb[..., 0].astype(int) | rgb[..., 1].astype(int) << 8 | rgb[..., 2].astype(int) << 16), 24)
    put("rgb-24.bmp", bmp(24, bgr))
    put("rgb-24-os2.bmp", bmp(24, bgr, size=12))
    put("rgb-24-v5.bmp", bmp(24, bgr, size=124))
    stride = len(bgr) // HEIGHT
    down = b"".join(bgr[i * stride:(i + 1) * stride] for i in reversed(range(HEIGHT)))
    put("rgb-24-top-down.bmp", bmp(24, down, height=-HEIGHT))

    def words(masks, count):
        picture = scene(4).astype(np.uint64)
        result = np.zeros((HEIGHT, WIDTH), np.uint64)
        for channel, mask in enumerate(masks):
            shift = (mask & -mask).bit_length() - 1
            top = mask >> shift
            result |= (picture[..., channel] * top // 255) << np.uint64(shift)
        return result[::-1].astype(f"<u{count}").tobytes()

    def scaled(masks):
        tops = [mask >> ((mask & -mask).bit_length() - 1) for mask in masks]
        return np.stack([scene(4)[..., c].astype(int) * top // 255 * 255 // top for c, top in enumerate(tops)], -1).astype(np.uint8)

    five, six = (0x7C00, 0x3E0, 0x1F), (0xF800, 0x7E0, 0x1F)
    put("rgb-555.bmp", bmp(16, words(five, 2)))
    put("rgb-565-fields.bmp", bmp(16, words(six, 2), compression=3, masks=six))
    put("rgb-555-fields-v4.bmp", bmp(16, words(five, 2), compression=3, masks=five, size=108))
    put("rgba-4444-fields.bmp", bmp(16, words((0xF00, 0xF0, 0xF, 0xF000), 2), compression=3, size=56,
                                    masks=(0xF00, 0xF0, 0xF, 0xF000)), pixels=scaled((0xF00, 0xF0, 0xF, 0xF000)))
    plain, alpha = (0xFF0000, 0xFF00, 0xFF), (0xFF0000, 0xFF00, 0xFF, 0xFF000000)
    put("rgb-32.bmp", bmp(32, words(plain, 4)))
    put("rgb-32-fields.bmp", bmp(32, words(plain, 4), compression=3, masks=plain))
    put("rgba-32-fields.bmp", bmp(32, words(alpha, 4), compression=3, masks=alpha, size=124))
    tens = (0x3FF00000, 0xFFC00, 0x3FF)
    put("rgb-101010-fields.bmp", bmp(32, words(tens, 4), compression=3, masks=tens), pixels=scaled(tens))
    for bits, colours in [(4, 12), (8, 40)]:
        coarse = Image.fromarray(rgb // 64 * 64).quantize(colours)
        values = np.asarray(coarse)
        table = bytes(coarse.getpalette()[:3 * colours]).ljust(3 << bits, b"\0")
        put(f"runs-{bits}.bmp", bmp(bits, runs(values, bits == 4), table, compression=3 - bits // 4), "RGB")


os.makedirs(FOLDER, exist_ok=True)
for family in (jpegs, pngs, webps, gifs, bmps):
    family()
with open(os.path.join(FOLDER, "expected.json"), "w") as file:
    json.dump(EXPECTED, file, indent=0)
print(len(EXPECTED), "pictures")
