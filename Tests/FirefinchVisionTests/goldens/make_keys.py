"""Makes keys.json: of every classification and segmentation model of torchvision a CRC-32 of its state dict's keys and shapes, in order."""
import json, pathlib

from make_models import keys_crc, make, torchvision

out = {}
for module in (torchvision.models, torchvision.models.segmentation):
    for name in torchvision.models.list_models(module):
        state = make(name).state_dict()
        out[name] = {"count": len(state), "keys": keys_crc(state)}
(pathlib.Path(__file__).parent / "keys.json").write_text(json.dumps(out, separators=(",", ":")))
print(len(out))
