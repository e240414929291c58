"""Makes drawing.json: what torchvision.utils draws on a small picture; boxes without labels, since letters differ by font."""
import json, pathlib

import tv  # noqa: F401
import torch
from torchvision import utils

torch.manual_seed(1)
PICTURE = torch.randint(0, 256, (3, 14, 16), dtype=torch.uint8)
BOXES = torch.tensor([[2, 3, 10, 12], [6, 1, 15, 7], [0, 9, 5, 13]])
MASKS = torch.zeros(2, 14, 16, dtype=torch.bool)
MASKS[0, 2:8, 3:11] = True
MASKS[1, 5:13, 7:14] = True


def main():
    floats = PICTURE.float() / 255
    batch = torch.stack([floats[:, :5, :6] * k for k in (0.2, 0.5, 0.9, 1.0, 0.7)])
    flow = torch.randn(2, 2, 4, 5)
    out = {
        "picture": PICTURE.flatten().tolist(), "flow": flow.flatten().tolist(),
        "boxes": utils.draw_bounding_boxes(PICTURE, BOXES, colors=[(255, 0, 0), (0, 200, 30), (9, 8, 7)], width=2),
        "palette": utils.draw_bounding_boxes(PICTURE, BOXES),
        "filled": utils.draw_bounding_boxes(PICTURE, BOXES, colors=(10, 200, 90), fill=True),
        "masks": utils.draw_segmentation_masks(PICTURE, MASKS, alpha=0.6, colors=[(255, 0, 0), (0, 0, 255)]),
        "floatMasks": utils.draw_segmentation_masks(floats, MASKS),
        "grid": utils.make_grid(batch, nrow=3, padding=1, pad_value=0.25),
        "normalized": utils.make_grid(batch, nrow=2, normalize=True),
        "scaled": utils.make_grid(batch[:, :1], normalize=True, scale_each=True, value_range=(0.1, 0.6)),
        "flowImage": utils.flow_to_image(flow),
    }
    out = {k: v.flatten().tolist() if torch.is_tensor(v) and not v.is_floating_point()
           else [round(x, 5) for x in v.flatten().tolist()] if torch.is_tensor(v) else v for k, v in out.items()}
    file = pathlib.Path(__file__).parent / "drawing.json"
    file.write_text(json.dumps(out, separators=(",", ":")))
    print(file.stat().st_size)


main()
