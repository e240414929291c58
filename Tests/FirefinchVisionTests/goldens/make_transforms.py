"""Makes transforms.json: every transform of torchvision.transforms.v2 with three seeds on a byte and a float picture, with boxes
and a mask where it takes them. Kept are shapes and of every result its length and its scalar product with the cosines of 0, 1, 2, ..."""
import json, pathlib

import tv  # noqa: F401
import torch
from torchvision import tv_tensors
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional as F
from make_models import marks

torch.manual_seed(0)
BYTES = torch.randint(0, 256, (3, 33, 41), dtype=torch.uint8)
# Smooth, so that resampling is tested rather than noise.
BYTES = F.gaussian_blur(BYTES, [5, 5], [1.5, 1.5])
BYTES = ((BYTES.float() - 90) * 2.5).clamp(0, 255).to(torch.uint8)
FLOATS = BYTES.float() / 255
BOXES = torch.tensor([[2.0, 3.0, 20.0, 30.0], [10.0, 1.0, 40.0, 12.0], [30.0, 20.0, 39.0, 31.0]])
MASK = (torch.arange(33)[:, None] * 7 + torch.arange(41)[None, :] * 3) // 50
nearest, bilinear, bicubic = (v2.InterpolationMode.NEAREST, v2.InterpolationMode.BILINEAR, v2.InterpolationMode.BICUBIC)

GEOMETRY = {
    "resize": v2.Resize(20), "resizeMax": v2.Resize(30, max_size=32), "resizeUp": v2.Resize((50, 47)),
    "resizeBicubic": v2.Resize((20, 25), interpolation=bicubic), "resizeNearest": v2.Resize((20, 25), interpolation=nearest),
    "resizePlain": v2.Resize((20, 25), antialias=False),
    "centerCrop": v2.CenterCrop((20, 30)), "centerCropPadded": v2.CenterCrop((40, 30)),
    "randomCrop": v2.RandomCrop((20, 20)), "randomCropPadded": v2.RandomCrop((40, 40), padding=[4, 2], pad_if_needed=True),
    "randomResizedCrop": v2.RandomResizedCrop(24), "horizontalFlip": v2.RandomHorizontalFlip(), "verticalFlip": v2.RandomVerticalFlip(),
    "pad": v2.Pad([1, 2, 3, 4], fill=7),
    "rotation": v2.RandomRotation((-40, 40)), "rotationExpand": v2.RandomRotation((-40, 40), interpolation=bilinear, expand=True),
    "affine": v2.RandomAffine((-30, 30), translate=(0.2, 0.1), scale=(0.7, 1.3), shear=(-10, 10, -5, 5), interpolation=bilinear),
    "perspective": v2.RandomPerspective(0.5, p=0.8), "elastic": v2.ElasticTransform(30.0, 3.0),
    "zoomOut": v2.RandomZoomOut(fill=3), "iouCrop": v2.RandomIoUCrop(), "shortestSize": v2.RandomShortestSize([20, 24, 28], max_size=30),
    "scaleJitter": v2.ScaleJitter((40, 50)), "randomResize": v2.RandomResize(20, 30),
}
PICTURES = {
    "padReflect": v2.Pad(3, padding_mode="reflect"), "padEdge": v2.Pad(3, padding_mode="edge"),
    "padSymmetric": v2.Pad(3, padding_mode="symmetric"),
    "colorJitter": v2.ColorJitter(0.4, 0.4, 0.4, 0.1), "photometric": v2.RandomPhotometricDistort(),
    "grayscale": v2.RandomGrayscale(0.5), "invert": v2.RandomInvert(), "sharpness": v2.RandomAdjustSharpness(2.0),
    "sharpnessLess": v2.RandomAdjustSharpness(0.3), "autocontrast": v2.RandomAutocontrast(), "equalize": v2.RandomEqualize(),
    "posterize": v2.RandomPosterize(3), "channels": v2.RandomChannelPermutation(), "gray": v2.Grayscale(),
    "blur": v2.GaussianBlur([5, 3], (0.5, 1.5)), "noise": v2.GaussianNoise(), "erasing": v2.RandomErasing(p=0.8),
    "gamma": v2.Lambda(lambda x: F.adjust_gamma(x, 0.7, 1.2)), "toFloat": v2.ToDtype(torch.float32, scale=True),
    "toBytes": v2.ToDtype(torch.uint8, scale=True), "solarize": v2.Lambda(lambda x: F.solarize(x, 128 if x.dtype == torch.uint8 else 0.5)),
    "autoAugment": v2.AutoAugment(), "autoAugmentCifar": v2.AutoAugment(v2.AutoAugmentPolicy.CIFAR10),
    "autoAugmentSvhn": v2.AutoAugment(v2.AutoAugmentPolicy.SVHN), "randAugment": v2.RandAugment(),
    "trivialAugment": v2.TrivialAugmentWide(), "augMix": v2.AugMix(),
    "compose": v2.Compose([v2.RandomResizedCrop(16), v2.RandomHorizontalFlip(), v2.RandomApply([v2.GaussianBlur(3)], 0.5)]),
    "randomOrder": v2.RandomOrder([v2.RandomInvert(), v2.RandomVerticalFlip()]),
}


def result(x):
    return {"shape": list(x.shape), "marks": marks(x)}


def main():
    cases = []
    for seed in range(1, 4):
        for name, transform in GEOMETRY.items():
            for kind, image in (("bytes", BYTES), ("floats", FLOATS)):
                boxes = tv_tensors.BoundingBoxes(BOXES.clone(), format="XYXY", canvas_size=(33, 41))
                torch.manual_seed(seed)
                image, boxes, mask = transform(tv_tensors.Image(image), boxes, tv_tensors.Mask(MASK.clone()))
                cases.append({"name": name, "seed": seed, "kind": kind, "image": result(image), "boxes": boxes.tolist(), "mask": result(mask)})
        for name, transform in PICTURES.items():
            for kind, image in (("bytes", BYTES), ("floats", FLOATS)):
                torch.manual_seed(seed)
                cases.append({"name": name, "seed": seed, "kind": kind, "image": result(transform(image.clone()))})
        batch, labels = torch.stack([FLOATS, FLOATS.flip(-1), FLOATS.flip(-2)]), torch.tensor([0, 2, 1])
        for name, transform in (("mixUp", v2.MixUp(alpha=0.4, num_classes=3)), ("cutMix", v2.CutMix(num_classes=3))):
            torch.manual_seed(seed)
            images, mixed = transform(batch, labels)
            cases.append({"name": name, "seed": seed, "kind": "batch", "image": result(images), "labels": mixed.flatten().tolist()})
    file = pathlib.Path(__file__).parent / "transforms.json"
    file.write_text(json.dumps({"picture": BYTES.flatten().tolist(), "cases": cases}, separators=(",", ":")))
    print(len(cases), file.stat().st_size)


main()
