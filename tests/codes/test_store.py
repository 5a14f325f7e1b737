import json

import numpy as np
import pytest
import safetensors
import scipy.io
from safetensors.numpy import load_file, save_file

from crossmodal_hash.codes import Codes, load, pack, save, unpack
from crossmodal_hash.errors import CodesError


def sample(n=6, bits=13, **changes):
    rng = np.random.default_rng(0)
    content = {
        "packed": pack(rng.normal(size=(n, bits))),
        "bits": bits,
        "ids": [f"bild-ü-{'x' * i}.jpg" for i in range(n)],
        "modality": "image",
        "labels": (rng.random((n, 4)) < 0.5).astype(np.uint8),
        "label_names": ("sky", "sea", "dog", "猫"),
        "fingerprint": "abc123",
        "parts": {"query": np.arange(n) < 2, "train": np.arange(n) > 3},
    }
    return Codes(**(content | changes))


def assert_same(a, b, *, parts=True):
    assert (a.packed == b.packed).all()
    assert (a.bits, a.modality, a.label_names, a.fingerprint) == (b.bits, b.modality, b.label_names, b.fingerprint)
    assert a.ids.tolist() == b.ids.tolist()
    assert (a.labels is None) == (b.labels is None)
    assert a.labels is None or (a.labels == b.labels).all()
    if parts:
        assert {k: v.tolist() for k, v in a.parts.items()} == {k: v.tolist() for k, v in b.parts.items()}


@pytest.mark.parametrize("suffix", ["safetensors", "npz", "mat"])
@pytest.mark.parametrize("changes", [{}, {"labels": None, "label_names": None, "fingerprint": None, "parts": {}}])
def test_what_is_saved_is_loaded(tmp_path, suffix, changes):
    codes = sample(**changes)
    save(tmp_path / f"c.{suffix}", codes)
    assert_same(load(tmp_path / f"c.{suffix}"), codes, parts=suffix != "mat")


@pytest.mark.parametrize("suffix", ["safetensors", "npz"])
@pytest.mark.parametrize(("n", "bits"), [(0, 8), (1, 1), (2, 1024)])
def test_extreme_sizes_are_kept(tmp_path, suffix, n, bits):
    codes = sample(n, bits)
    save(tmp_path / f"c.{suffix}", codes)
    assert_same(load(tmp_path / f"c.{suffix}"), codes)


def test_npy_holds_packed_bytes_and_csv_the_signs(tmp_path):
    codes = sample()
    save(tmp_path / "c.npy", codes)
    save(tmp_path / "c.csv", codes)
    assert (load(tmp_path / "c.npy", bits=13).packed == codes.packed).all()
    again = load(tmp_path / "c.csv", ids=codes.ids, labels=codes.labels)
    assert (again.packed == codes.packed).all()
    assert (again.bits, again.modality, again.ids.tolist()) == (13, "c", codes.ids.tolist())
    assert set((tmp_path / "c.csv").read_text().replace("\n", ",").split(",")) == {"1", "-1", ""}


def test_matlab_finds_signs_labels_and_cells_of_text(tmp_path):
    codes = sample()
    save(tmp_path / "c.mat", codes)
    content = scipy.io.loadmat(tmp_path / "c.mat")
    assert (content["codes"] == unpack(codes.packed, 13)).all()
    assert (content["labels"] == codes.labels).all()
    assert content["ids"].shape == (6, 1)


def test_the_file_says_its_format_without_this_program(tmp_path):
    save(tmp_path / "c.safetensors", sample())
    with safetensors.safe_open(tmp_path / "c.safetensors", framework="numpy") as file:
        meta = file.metadata()
    assert {k: meta[k] for k in ("format", "version", "bits", "bit_order", "sign_rule", "modality", "fingerprint")} == {
        "format": "crossmodal_hash.codes",
        "version": "1",
        "bits": "13",
        "bit_order": "little",
        "sign_rule": ">=0 is 1",
        "modality": "image",
        "fingerprint": "abc123",
    }
    assert json.loads(meta["label_names"]) == ["sky", "sea", "dog", "猫"]


def test_a_foreign_matrix_gets_row_numbers_and_the_stem(tmp_path):
    np.save(tmp_path / "text.npy", np.array([[1, -1], [1, 1]]))
    codes = load(tmp_path / "text.npy")
    assert (codes.bits, codes.modality, codes.ids.tolist()) == (2, "text", ["0", "1"])
    np.savez(tmp_path / "two.npz", qB=np.ones((2, 3)), rB=-np.ones((4, 3)))
    assert len(load(tmp_path / "two.npz", key="rB", modality="image")) == 4


def test_a_foreign_file_is_read_once(tmp_path, monkeypatch):
    np.savez(tmp_path / "c.npz", B=np.ones((2, 3)))
    keys, read = [], np.lib.npyio.NpzFile.__getitem__
    monkeypatch.setattr(np.lib.npyio.NpzFile, "__getitem__", lambda file, key: keys.append(key) or read(file, key))
    assert len(load(tmp_path / "c.npz")) == 2
    assert keys == ["B"]


def test_a_foreign_matrix_that_does_not_fit_names_the_file(tmp_path):
    np.save(tmp_path / "c.npy", np.array([[1, 0.5]]))
    with pytest.raises(CodesError, match=r"c\.npy: row 0, column 1"):
        load(tmp_path / "c.npy")
    np.save(tmp_path / "c.npy", np.ones((64, 3)))
    with pytest.raises(CodesError, match=r"c\.npy: the matrix has 64 rows.*transposed"):
        load(tmp_path / "c.npy", labels=np.eye(3))


def test_arguments_replace_what_the_file_says_but_bits_must_agree(tmp_path):
    save(tmp_path / "c.safetensors", sample())
    assert load(tmp_path / "c.safetensors", modality="audio", bits=13).modality == "audio"
    with pytest.raises(CodesError, match="13 bits, not 16"):
        load(tmp_path / "c.safetensors", bits=16)


def rewrite(path, change_meta=None, drop=None):
    with safetensors.safe_open(path, framework="numpy") as file:
        meta = file.metadata()
    tensors = {name: tensor for name, tensor in load_file(path).items() if name != drop}
    save_file(tensors, path, metadata=meta | (change_meta or {}))


def test_an_unknown_version_and_a_missing_part_are_refused(tmp_path):
    file = tmp_path / "c.safetensors"
    save(file, sample())
    rewrite(file, change_meta={"version": "99"})
    with pytest.raises(CodesError, match="version 99"):
        load(file)
    save(file, sample())
    rewrite(file, drop="ids_offsets")
    with pytest.raises(CodesError, match="ids_offsets"):
        load(file)
    save(file, sample())
    rewrite(file, change_meta={"bits": "many"})
    with pytest.raises(CodesError, match="missing or broken"):
        load(file)


@pytest.mark.parametrize("suffix", ["safetensors", "npz", "mat", "npy"])
@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
def test_a_truncated_file_is_one_sentence(tmp_path, suffix, share):
    file = tmp_path / f"c.{suffix}"
    save(file, sample(40))
    content = file.read_bytes()
    file.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(CodesError) as caught:
        load(file, bits=13)
    assert str(file) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    file = tmp_path / "c.npz"
    save(file, sample(3))

    def half(handle, **content):
        handle.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", half)
    with pytest.raises(CodesError, match="No space left"):
        save(file, sample(5))
    assert len(load(file)) == 3
    assert list(tmp_path.iterdir()) == [file]


def test_unknown_suffixes_are_refused(tmp_path):
    with pytest.raises(CodesError, match="safetensors"):
        save(tmp_path / "c.pkl", sample())


def test_a_missing_folder_is_made_and_a_file_in_its_place_is_refused(tmp_path):
    save(tmp_path / "new" / "c.npz", sample())
    assert (tmp_path / "new" / "c.npz").exists()
    (tmp_path / "taken").write_text("")
    with pytest.raises(CodesError, match="cannot write"):
        save(tmp_path / "taken" / "c.npz", sample())


def test_the_same_codes_are_the_same_bytes(tmp_path):
    codes = Codes(
        pack(np.ones((2, 9))),
        9,
        ["a", "é\n\u2028"],
        "image",
        np.eye(2, dtype=np.uint8),
        ('"sky"\t', "海\x7f\x01"),
        "ab",
    )
    written = set()
    for i in range(12):
        save(tmp_path / f"{i}.safetensors", codes)
        written.add((tmp_path / f"{i}.safetensors").read_bytes())
    assert len(written) == 1
    assert load(tmp_path / "0.safetensors").label_names == codes.label_names


def test_ids_tell_how_many_rows_a_matrix_has(tmp_path):
    np.save(tmp_path / "codes.npy", np.ones((8, 3)))
    with pytest.raises(CodesError, match=r"has 8 rows, which does not match the 3 items .*; its columns"):
        load(tmp_path / "codes.npy", ids=["a", "b", "c"])
