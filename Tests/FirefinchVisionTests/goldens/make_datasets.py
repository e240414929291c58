"""Makes datasets/: a few pictures of every data set in its published format, and datasets.json with what torchvision reads from them.
COCO's is read by hand, because pycocotools is not needed otherwise. Needs torchvision, scipy and pillow."""
import gzip, json, pathlib, pickle, shutil, struct

import tv  # noqa: F401
import numpy as np
import scipy.io
import torchvision.datasets as D
import torchvision.datasets.celeba, torchvision.datasets.cifar, torchvision.datasets.svhn, torchvision.datasets.stl10
from PIL import Image

rng = np.random.default_rng(0)
root = pathlib.Path(__file__).parent / "datasets"


def smooth(h, w, c=3):
    y, x = np.mgrid[0:h, 0:w]
    a, b = rng.integers(1, 9, 2)
    channels = [(a * x * (k + 1) + b * y + 40 * k) % 256 for k in range(c)]
    return np.stack(channels, -1).astype(np.uint8)


def jpg(path, h=12, w=16):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(smooth(h, w)).save(path, quality=90)


def idx(path, array, zipped=False):
    path.parent.mkdir(parents=True, exist_ok=True)
    data = bytes([0, 0, 8, array.ndim]) + b"".join(struct.pack(">I", n) for n in array.shape) + array.tobytes()
    path.write_bytes(gzip.compress(data, mtime=0) if zipped else data)


def sums(dataset, target=lambda t: t):
    return [{"sum": int(np.asarray(image, dtype=np.int64).sum()), "target": target(t)} for image, t in dataset]


def main():
    shutil.rmtree(root, ignore_errors=True)
    out = {}
    folder = root / "folder"
    for name in ("cat/b.jpg", "cat/a/z.jpg", "cat/a-c/y.jpg", "dog/1.jpg", "dog/10.jpg", "dog/2.jpg"):
        jpg(folder / name)
    (folder / "cat/readme.txt").write_text("no picture")
    data = D.ImageFolder(folder)
    out["folder"] = {"classes": data.classes, "files": [str(pathlib.Path(p).relative_to(folder)) for p, _ in data.samples], "items": sums(data)}

    raw = root / "KMNIST/raw"
    for part, n in (("train", 4), ("t10k", 2)):
        idx(raw / f"{part}-images-idx3-ubyte", np.stack([smooth(28, 28, 1)[..., 0] for _ in range(n)]))
        idx(raw / f"{part}-labels-idx1-ubyte", np.arange(n, dtype=np.uint8))
    out["kmnist"] = sums(D.KMNIST(root, train=True))
    raw = root / "EMNIST/raw"
    for part, n in (("train", 3), ("test", 2)):
        idx(raw / f"emnist-letters-{part}-images-idx3-ubyte", np.stack([smooth(28, 28, 1)[..., 0] for _ in range(n)]))
        idx(raw / f"emnist-letters-{part}-labels-idx1-ubyte", np.arange(1, n + 1, dtype=np.uint8))
    out["emnist"] = sums(D.EMNIST(root, split="letters", train=False))

    D.CIFAR10._check_integrity = lambda self: True
    torchvision.datasets.cifar.check_integrity = lambda *a: True
    base = root / "cifar-10-batches-py"
    base.mkdir(parents=True)
    for i, name in enumerate([f"data_batch_{k}" for k in range(1, 6)] + ["test_batch"]):
        rows = np.stack([smooth(32, 32).transpose(2, 0, 1).reshape(-1) for _ in range(2)])
        (base / name).write_bytes(pickle.dumps({"data": rows, "labels": [i, (i + 3) % 10]}, protocol=2))
    (base / "batches.meta").write_bytes(pickle.dumps({"label_names": list("abcdefghij")}, protocol=2))
    out["cifar10"] = sums(D.CIFAR10(root, train=True))
    base = root / "cifar-100-python"
    base.mkdir()
    for name in ("train", "test"):
        rows = np.stack([smooth(32, 32).transpose(2, 0, 1).reshape(-1) for _ in range(3)])
        (base / name).write_bytes(pickle.dumps({"data": rows, "fine_labels": [5, 99, 0], "coarse_labels": [1, 19, 0]}, protocol=2))
    (base / "meta").write_bytes(pickle.dumps(
        {"fine_label_names": [f"f{i}" for i in range(100)], "coarse_label_names": [f"c{i}" for i in range(20)]}, protocol=2))
    out["cifar100"] = sums(D.CIFAR100(root, train=False))

    torchvision.datasets.svhn.check_integrity = lambda *a: True
    scipy.io.savemat(root / "train_32x32.mat", {"X": np.stack([smooth(32, 32) for _ in range(3)], -1), "y": np.array([[10], [3], [9]], np.uint8)},
                     do_compression=True)
    out["svhn"] = sums(D.SVHN(root, split="train"), int)

    D.STL10._check_integrity = lambda self: True
    torchvision.datasets.stl10.check_integrity = lambda *a: True
    base = root / "stl10_binary"
    base.mkdir()
    (base / "train_X.bin").write_bytes(np.stack([smooth(96, 96).transpose(2, 1, 0) for _ in range(2)]).tobytes())
    (base / "train_y.bin").write_bytes(bytes([7, 1]))
    (base / "class_names.txt").write_text("\n".join(["airplane", "bird", "car", "cat", "deer", "dog", "horse", "monkey", "ship", "truck"]) + "\n")
    (base / "fold_indices.txt").write_text("0 1\n")
    out["stl10"] = sums(D.STL10(root, split="train"), int)

    base = root / "oxford-iiit-pet"
    (base / "annotations/trimaps").mkdir(parents=True)
    names = [("Abyssinian_1", 1, 1), ("american_bulldog_2", 2, 2), ("Abyssinian_12", 1, 1)]
    for name, _, _ in names:
        jpg(base / f"images/{name}.jpg")
        Image.fromarray(rng.integers(1, 4, (12, 16)).astype(np.uint8)).save(base / f"annotations/trimaps/{name}.png")
    (base / "annotations/trainval.txt").write_text("".join(f"{n} {c} {s} 1\n" for n, c, s in names))
    data = D.OxfordIIITPet(root)
    out["pets"] = {"classes": data.classes, "items": sums(data)}

    base = root / "flowers-102"
    base.mkdir()
    for i in range(1, 5):
        jpg(base / f"jpg/image_{i:05d}.jpg")
    scipy.io.savemat(base / "imagelabels.mat", {"labels": np.array([[4, 102, 1, 77]], np.uint8)}, do_compression=True)
    scipy.io.savemat(base / "setid.mat", {"trnid": np.array([[3, 1]], np.uint16), "valid": np.array([[2]], np.uint16), "tstid": np.array([[4]], np.uint16)})
    D.Flowers102._check_integrity = lambda self: True
    out["flowers"] = sums(D.Flowers102(root, split="train"))

    base = root / "food-101"
    (base / "meta").mkdir(parents=True)
    meta = {"waffles": ["waffles/1", "waffles/2"], "apple_pie": ["apple_pie/7"]}
    for entries in meta.values():
        for entry in entries:
            jpg(base / f"images/{entry}.jpg")
    (base / "meta/train.json").write_text(json.dumps(meta))
    (base / "meta/test.json").write_text(json.dumps({"apple_pie": [], "waffles": []}))
    data = D.Food101(root, split="train")
    out["food"] = {"classes": data.classes, "items": sums(data)}

    base = root / "celeba"
    faces = [f"{i:06d}.jpg" for i in range(1, 4)]
    for face in faces:
        jpg(base / "img_align_celeba" / face)
    (base / "list_eval_partition.txt").write_text("".join(f"{f} {p}\n" for f, p in zip(faces, (0, 1, 0))))
    (base / "identity_CelebA.txt").write_text("".join(f"{f} {p}\n" for f, p in zip(faces, (2880, 2937, 8692))))
    def table(name, columns):
        rows = "".join(f"{f} {'  '.join(str(int(v)) for v in rng.choice([-1, 1], len(columns)) * (1 if 'attr' in name else 9))}\n" for f in faces)
        (base / name).write_text(f"3\n{' '.join(columns)}\n{rows}")
    table("list_attr_celeba.txt", ["Bald", "Smiling", "Young"])
    table("list_bbox_celeba.txt", ["x_1", "y_1", "width", "height"])
    table("list_landmarks_align_celeba.txt", [f"{a}_{b}" for a in "abcde" for b in "xy"])
    D.CelebA._check_integrity = lambda self: True
    data = D.CelebA(root, split="train", target_type=["attr", "identity", "bbox", "landmarks"])
    out["celeba"] = {"names": [n for n in data.attr_names if n], "items": sums(data, lambda t: [v.flatten().tolist() for v in t])}

    base = root / "VOCdevkit/VOC2012"
    (base / "ImageSets/Main").mkdir(parents=True)
    (base / "ImageSets/Segmentation").mkdir()
    (base / "SegmentationClass").mkdir()
    (base / "Annotations").mkdir()
    jpg(base / "JPEGImages/2007_000027.jpg")
    palette = []
    for i in range(256):
        c = [0, 0, 0]
        r = i
        for bit in range(8):
            for k in range(3):
                c[k] |= ((r >> k) & 1) << (7 - bit)
            r >>= 3
        palette += c
    mask = Image.fromarray(rng.choice([0, 1, 15, 255], (12, 16)).astype(np.uint8), mode="P")
    mask.putpalette(palette)
    mask.save(base / "SegmentationClass/2007_000027.png")
    for kind in ("Main", "Segmentation"):
        (base / f"ImageSets/{kind}/train.txt").write_text("2007_000027\n")
    (base / "Annotations/2007_000027.xml").write_text("""<annotation>
  <folder>VOC2012</folder> <!-- a comment -->
  <filename>2007_000027.jpg</filename>
  <size><width>16</width><height>12</height><depth>3</depth></size>
  <object><name>person &amp; dog</name><pose>Left</pose><truncated>1</truncated><difficult>0</difficult>
    <bndbox><xmin>2</xmin><ymin>1</ymin><xmax>9.5</xmax><ymax>11</ymax></bndbox></object>
  <object><name>horse</name><bndbox><xmax>4</xmax><xmin>1</xmin><ymin>2</ymin><ymax>3</ymax></bndbox></object>
</annotation>
""")
    image, target = D.VOCDetection(root, image_set="train")[0]
    image2, mask2 = D.VOCSegmentation(root, image_set="train")[0]
    out["voc"] = {"sum": int(np.asarray(image, np.int64).sum()), "objects": target["annotation"]["object"],
                  "mask": np.asarray(mask2).flatten().tolist()}

    base = root / "coco"
    for i in (9, 4):
        jpg(base / f"{i:012d}.jpg")
    runs = np.zeros(12 * 16, bool)
    runs[20:31] = runs[50:77] = runs[100:101] = True
    counts = [20, 11, 19, 27, 23, 1, 91]
    def compress(counts):  # COCO's text form of runs
        text = ""
        for i, x in enumerate(counts):
            if i > 2:
                x -= counts[i - 2]
            while True:
                c = x & 0x1F
                x >>= 5
                more = x != -1 if c & 0x10 else x != 0
                text += chr((c | 0x20 if more else c) + 48)
                if not more:
                    break
        return text
    (base / "instances.json").write_text(json.dumps({
        "images": [{"id": 9, "file_name": "000000000009.jpg"}, {"id": 4, "file_name": "000000000004.jpg"}],
        "categories": [{"id": 1, "name": "person"}, {"id": 18, "name": "dog"}],
        "annotations": [
            {"id": 1, "image_id": 9, "category_id": 18, "bbox": [1, 2, 5, 6.5], "area": 20.5, "iscrowd": 0, "segmentation": [[2, 2, 10, 2, 10, 8, 2, 8]]},
            {"id": 2, "image_id": 4, "category_id": 1, "bbox": [0, 0, 3, 3], "area": 39, "iscrowd": 1, "segmentation": {"size": [12, 16], "counts": counts}},
            {"id": 3, "image_id": 4, "category_id": 1, "bbox": [0, 0, 3, 3], "area": 39, "iscrowd": 1, "segmentation": {"size": [12, 16], "counts": compress(counts)}}]}))
    out["coco"] = {"runs": runs.reshape(16, 12).T.flatten().astype(int).tolist(),
                   "sums": [int(np.asarray(Image.open(base / f"{i:012d}.jpg"), np.int64).sum()) for i in (4, 9)]}
    (pathlib.Path(__file__).parent / "datasets.json").write_text(json.dumps(out, separators=(",", ":")))
    print(sum(f.stat().st_size for f in root.rglob("*") if f.is_file()), "bytes")


main()
