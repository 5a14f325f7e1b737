"""What tests of bad input share: a quick training, and data that are about to be damaged."""

import json
import zipfile
from pathlib import Path

QUICK = [
    x
    for value in (
        *(f"towers.{name}.{key}" for name in ("image", "text") for key in ("width=16", "fusion={name='bbi', rank=16}")),
        *(
            "towers.image.backbone.size=32",
            'towers.text.backbone={name="bow-mlp", hidden=[32, 16]}',
            "towers.text.width=0",
            "train.batch=8",
            "train.workers=0",
        ),
        "data.vocabulary.min_count=1",
    )
    for x in ("--set", value)
]


def copy_tree(source, target):
    for path in sorted(p for p in source.rglob("*") if p.is_file()):
        place = target / path.relative_to(source)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(path.read_bytes())


def snapshot(folder):
    """Every file and folder by name, files with their size and time of change."""
    paths = [path for path in folder.rglob("*") if path.name != ".lock"]
    facts = [path.stat() if path.is_file() else None for path in paths]
    return {
        str(path.relative_to(folder)): fact and (fact.st_size, fact.st_mtime_ns)
        for path, fact in zip(paths, facts, strict=True)
    }


def unpacked(tiny, name="data"):
    """`tiny` as a folder, and its rows."""
    with zipfile.ZipFile(tiny) as archive:
        archive.extractall(name)
    return [json.loads(line) for line in Path(name, "metadata.jsonl").read_text().splitlines()]


def describe(rows, name="data"):
    Path(name, "metadata.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
