"""What is given to a finished run."""

import io
from pathlib import Path

import numpy as np
import pytest
from bad_input import unpacked


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--images", "gone"], ["'gone'", "does not exist"]),
        (["--images", "empty"], ["'empty' is empty; put pictures in it"]),
        (["--images", "notes.txt"], ["'notes.txt'", ".png"]),
        (["--texts", "gone"], ["'gone'", "No such file"]),
        (["--texts", "blank.txt"], ["'blank.txt'", "no text"]),
        (["--texts", "latin.txt"], ["'latin.txt'", "UTF-8"]),
        (["--texts", "-"], ["standard input", "no text"]),
        (["--texts", "-", "--images", "empty"], ["--images and --texts", "one after the other"]),
        (["--format", "parquet"], ["'parquet'", "safetensors, npy, mat or csv"]),
        (["--device", "foo"], ["'foo'", "auto, cpu, cuda"]),
        (["--device", "cuda:99"], ["'cuda:99'", "--device cpu"]),
    ],
)
def test_what_cannot_be_encoded_is_refused(refused, trained, options, words, monkeypatch):
    Path("empty").mkdir()
    Path("notes.txt").write_text("hello")
    Path("blank.txt").write_text("\n \n")
    Path("latin.txt").write_bytes("für".encode("latin-1"))
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    refused(["encode", trained, *options, "-q"], *words)


def test_texts_and_pictures_given_to_a_run_on_matrices_are_refused(refused, trained_on_matrices, tiny):
    unpacked(tiny)
    Path("texts.txt").write_text("a red thing\n")
    refused(["encode", trained_on_matrices, "--texts", "texts.txt", "-q"], "vocabulary", "12 columns")
    refused(["encode", trained_on_matrices, "--images", "data/images", "-q"], "reads rows of features", "has pictures")


def test_matrices_of_another_width_are_refused(refused, trained_on_matrices):
    labels = np.eye(3)[np.arange(9) % 3]
    np.savez("mine.npz", XAll=np.random.default_rng(0).random((9, 5)), YAll=np.ones((9, 12)), LAll=labels)
    refused(["encode", trained_on_matrices, "--data", "mine.npz", "-q"], "5 values", "6")
