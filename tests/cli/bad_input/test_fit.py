"""Settings that only the data, the backbone or the machine can refuse."""

from pathlib import Path

import numpy as np
import pytest
import torch
from bad_input import QUICK

from crossmodal_hash.cli.main import main


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--query", "48"], ["48 query", "48"]),
        (["--query", "40", "--train", "9"], ["40 query and 9 training", "at most 48"]),
        (["--train", "1000"], ["1000 training", "48"]),
        (["--set", "data.validation=24"], ["24 validation", "24 training", "at most 23"]),
        (["--set", "data.validation=1000"], ["1000 validation", "at most 23"]),
        (["--train", "2", "--set", "data.validation=1"], ["1 item to train on", "2"]),
        (["--set", "data.vocabulary.min_count=100"], ["100", "min_count"]),
        (["--device", "foo"], ["'foo'", "auto, cpu, cuda"]),
        (["--device", "mps"], ["'mps'", "auto, cpu, cuda"]),
        (["--device", "cuda:99"], ["'cuda:99'", "--device cpu"]),
        (["--set", "towers.image.levels=9"], ["levels=9", "stride32"]),
        (["--set", "towers.image.levels=[stage9]"], ["towers.image.levels = '[stage9]'"]),
        (["--set", "towers.image.levels=['stage9']"], ["'stage9'"]),
        (["--set", "towers.image.backbone.size=8"], ["size=8", "32"]),
        (["--set", "towers.audio.backbone=mlp"], ["'audio'", "image, text"]),
        (["--backbone", "resnet34"], ["resnet34", "--weights", "--backbone efficientnet-lite0"]),
        (["--weights", "mine.pth"], ["mine.pth", "weights='none'"]),
        (["--weights", "."], ["'.'"]),
        (["--split", "mine.json"], ["mine.json", "No such file"]),
    ],
)
def test_a_setting_that_does_not_fit_is_refused(refused, tiny, options, words):
    refused(["train", "--data", tiny, "--out", "run", "-q", *QUICK, *options], *words)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--set", "towers.image.levels=2"], ["image: the model reads", "the data has pictures", "efficientnet-lite0"]),
        (["--weights", "none"], ["'mlp'", "'weights'"]),
        (["--set", "towers.image.backbone.size=32"], ["'mlp'", "'size'"]),
    ],
)
def test_the_backbone_of_feature_vectors_is_refused_for_pictures(refused, tiny, options, words):
    refused(["train", "--data", tiny, "--backbone", "mlp", *options], *words)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there_is_refused(refused, tiny):
    refused(["train", "--data", tiny, "--device", "cuda", "-q", *QUICK], "'cuda'", "--device cpu")


def test_a_batch_larger_than_the_training_items_is_all_of_them(tiny):
    options = ["--set", "train.batch=1000", "--epochs", "1", "--out", "run", "-q"]
    assert main(["train", "--data", str(tiny), *QUICK, *options]) == 0


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"no weights at all", ["cannot be read as weights", "state dict"]),
        (b"", ["cannot be read as weights"]),
        ({"epoch": 3}, ["something other than tensors"]),
        ([1, 2], ["something other than tensors"]),
        ({0: torch.zeros(1)}, ["something other than tensors"]),
        ({"foo": torch.zeros(1)}, ["does not fit", "lacks"]),
        (np.float64, ["cannot be read as weights"]),
    ],
    ids=["garbage", "empty", "checkpoint", "list", "numbered", "another", "code"],
)
@pytest.mark.parametrize("suffix", ["pth", "safetensors"])
def test_a_file_that_is_no_weights_is_refused(refused, tiny, content, words, suffix):
    path = Path(f"mine.{suffix}")
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif suffix == "pth":
        torch.save(content, path)
    else:
        return
    refused(["train", "--data", tiny, "--weights", path, "-q", *QUICK], path, *words)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", ["not JSON"]),
        ("[1, 2]", ["not an object of lists"]),
        ('{"query": [0]}', ["no train items"]),
        ('{"query": ["nobody.png"], "train": [1, 2]}', ["'nobody.png'", "not among the 48"]),
        ('{"query": [0], "train": [1, 99]}', ["'99'", "48"]),
        ('{"query": [0, 1], "train": [1, 2, 3]}', ["both query and train", "'1'"]),
        ('{"query": [0, 0], "train": [1, 2, 3]}', ["repeated"]),
        ('{"query": [0], "train": [1, 2, 3], "test": [4]}', ["'test'", "validation"]),
        ('{"query": [0], "train": [1]}', ["1 item to train on"]),
        ('{"query": [0], "train": [1, 2], "validation": [2]}', ["both train and validation"]),
    ],
)
def test_a_wrong_split_file_is_refused(refused, tiny, content, words):
    Path("mine.json").write_text(content)
    refused(["train", "--data", tiny, "--split", "mine.json", "-q", *QUICK], *words)
