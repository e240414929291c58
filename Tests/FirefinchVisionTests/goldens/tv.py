"""Imports torchvision also where its compiled operators do not load (PyPI's wheel is built for CUDA): models, transforms and data sets
need none of them, but registering their shapes fails without the operators' names. Import this first."""
import torch

try:
    import torchvision  # noqa: F401
except RuntimeError:
    library = torch.library.Library("torchvision", "DEF")
    for name in ("nms", "qnms"):
        library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    import torchvision  # noqa: F401
