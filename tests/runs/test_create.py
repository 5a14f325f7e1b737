"""What a run folder says about how it was made."""

import importlib.metadata

import torch
from vectors import vectors

from crossmodal_hash.runs.create import environment
from crossmodal_hash.settings.resolve import resolve


def test_the_environment_names_the_data_the_device_and_the_seed():
    data = vectors()
    found = environment(resolve("hsidhn", flags={"bits": 8}, sets=["seed=3"]), data, torch.device("cpu"))
    assert found["data"] == {"name": "vectors", "items": 160, "fingerprint": data.fingerprint()}
    assert (found["device"], found["gpu"], found["seed"], found["plugins"]) == ("cpu", None, 3, [])
    assert found["versions"]["torch"] == importlib.metadata.version("torch")
