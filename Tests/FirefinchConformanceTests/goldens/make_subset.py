"""make_subset.py --suite SUITE/public --score SCORE.json: chooses the cases that `make test` runs.

SUITE is the conformance suite, SCORE.json what its `score.py --json` wrote. Of every file the first small cases of each sort (a
floating one with gradients, complex, whole numbers or bools, half precision, in place, errors) of which everything passes go into
cases.json and cases.safetensors beside this script.
"""

import argparse
import json
import pathlib
import struct

arguments = argparse.ArgumentParser()
arguments.add_argument("--suite", required=True)
arguments.add_argument("--score", required=True)
options = arguments.parse_args()
here = pathlib.Path(__file__).resolve().parent
suite = pathlib.Path(options.suite)
LIMIT = 1500  # bytes of tensors a case may bring


def load(path):
    """Names to (dtype, shape, bytes)."""
    data = path.read_bytes()
    (size,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + size])
    body = data[8 + size :]
    return {
        name: (entry["dtype"], entry["shape"], body[entry["data_offsets"][0] : entry["data_offsets"][1]])
        for name, entry in header.items()
        if name != "__metadata__"
    }


def references(value):
    """The names of the tensors in a value."""
    if isinstance(value, dict):
        own = [value["$t"]] if "$t" in value else []
        return own + [name for part in value.values() for name in references(part)]
    if isinstance(value, list):
        return [name for part in value for name in references(part)]
    return []


def renamed(value, names):
    """The value with its tensors under other names."""
    if isinstance(value, dict):
        return {key: names[part] if key == "$t" else renamed(part, names) for key, part in value.items()}
    return [renamed(part, names) for part in value] if isinstance(value, list) else value


def sort(case):
    if case.get("form") in ("error", "inplace"):
        return case["form"]
    dtype = case.get("dtype", "float32")
    if dtype.startswith("complex"):
        return "complex"
    if dtype in ("bfloat16", "float16"):
        return "half"
    return "float" if dtype.startswith("float") else "whole"


failed = set()
for kind, _, name, case, _, status, *_ in json.loads(pathlib.Path(options.score).read_text())["subcases"]:
    if status != "pass":
        failed.add((kind, name, case))
files, tensors = [], {}
for kind in ("ops", "modules", "optim", "lr_scheduler"):
    for path in sorted((suite / "cases" / kind).glob("*.json")):
        document = json.loads(path.read_text())
        answers = json.loads((suite / "expected" / kind / path.name).read_text())
        stored = load(path.with_suffix(".safetensors"))
        wanted = load(suite / "expected" / kind / (path.stem + ".safetensors"))
        expected = {answer["id"]: answer for answer in answers["cases"]}
        chosen = {}
        for case in document["cases"]:
            answer = expected.get(case["id"])
            if answer is None or sort(case) in chosen or (kind, path.stem, case["id"]) in failed:
                continue
            if answer.get("check", {"type": "allclose"})["type"] != "allclose" and "error" not in answer:
                continue
            used, results = set(references(case)), set(references(answer))
            parts = [stored[name] for name in used] + [wanted[name] for name in results]
            if "$sparse" in json.dumps([case, answer]) or any("U16" in p[0] or "U32" in p[0] or "U64" in p[0] or "F8" in p[0] for p in parts):
                continue
            # The first answer with an element in it; empty ones show little.
            bytes_used = sum(len(part[2]) for part in parts)
            if bytes_used > LIMIT * (4 if kind == "modules" else 1) or (results and not any(len(wanted[n][2]) for n in results)):
                continue
            chosen[sort(case)] = (case, answer)
        if not chosen:
            continue
        cases, outcomes = [], []
        for case, answer in chosen.values():
            names = {}
            for source, value, mark in ((stored, case, "c"), (wanted, answer, "e")):
                own = {}
                for name in references(value):
                    key = f"{len(files)}{mark}{name}"
                    own[name] = key
                    tensors[key] = source[name]
                names[mark] = own
            cases.append(renamed(case, names["c"]))
            outcomes.append(renamed(answer, names["e"]))
        header = {key: value for key, value in document.items() if key not in ("cases", "tensors", "semantics")}
        files.append({"kind": kind, "file": path.stem, "header": header, "cases": cases, "expected": outcomes})

header, body = {}, b""
for name, (dtype, shape, data) in tensors.items():
    header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [len(body), len(body) + len(data)]}
    body += data
text = json.dumps(header, separators=(",", ":")).encode()
text += b" " * (-len(text) % 8)
(here / "cases.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + body)
(here / "cases.json").write_text(json.dumps(files, separators=(",", ":")))
print(len(files), "files,", sum(len(file["cases"]) for file in files), "cases")
