"""Makes loader.json: the orders that PyTorch's samplers and DataLoader give. Run with torch 2.13: python make.py"""
import json
import pathlib

import torch
from torch.utils.data import (
    DataLoader, RandomSampler, SubsetRandomSampler, TensorDataset, WeightedRandomSampler, random_split)


def passes(loader, count):
    return [[batch[0].tolist() for batch in loader] for _ in range(count)]


out = {}
rows = TensorDataset(torch.arange(10))
torch.manual_seed(0)
out["shuffled"] = passes(DataLoader(rows, batch_size=3, shuffle=True), 3)
torch.manual_seed(0)
out["dropLast"] = passes(DataLoader(rows, batch_size=4, shuffle=True, drop_last=True), 2)
out["sequential"] = passes(DataLoader(rows, batch_size=4), 1)
torch.manual_seed(1)
out["own generator"] = passes(DataLoader(rows, batch_size=10, shuffle=True, generator=torch.Generator().manual_seed(7)), 2)
torch.manual_seed(2)
out["subset"] = passes(DataLoader(rows, batch_size=2, sampler=SubsetRandomSampler([1, 3, 5, 7, 9])), 2)
for replacement in (True, False):
    torch.manual_seed(3)
    sampler = WeightedRandomSampler([0.1, 2, 0.3, 4, 0.5, 1, 1, 1, 1, 5], 6, replacement=replacement)
    out[f"weighted {str(replacement).lower()}"] = passes(DataLoader(rows, batch_size=6, sampler=sampler), 2)
torch.manual_seed(4)
out["replacement"] = passes(DataLoader(rows, batch_size=70, sampler=RandomSampler(rows, replacement=True, num_samples=70)), 2)
torch.manual_seed(5)
out["more than there are"] = passes(DataLoader(rows, batch_size=25, sampler=RandomSampler(rows, num_samples=25)), 1)
torch.manual_seed(6)
out["split"] = [list(part.indices) for part in random_split(rows, [7, 3])]
torch.manual_seed(6)
out["fractions"] = [list(part.indices) for part in random_split(rows, [0.55, 0.27, 0.18])]
torch.manual_seed(8)
large = TensorDataset(torch.arange(60000))
out["large head"] = next(iter(DataLoader(large, batch_size=128, shuffle=True)))[0].tolist()
# What follows the loader in the default generator must agree as well.
out["after"] = torch.rand(3, dtype=torch.float64).tolist()
path = pathlib.Path(__file__).with_name("loader.json")
path.write_text(json.dumps(out, indent=0) + "\n")
