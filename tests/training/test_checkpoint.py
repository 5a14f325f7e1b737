import torch

from crossmodal_hash.training.checkpoint import Progress, load, save


def test_what_was_loaded_is_no_part_of_the_file_any_more(tmp_path):
    """Windows lets nobody replace a mapped file, and a resumed training saves to the one it was loaded from."""
    path = tmp_path / "state.safetensors"
    weights = torch.arange(1000.0)
    save(path, Progress(epoch=3), {"model": {"weight": weights}})
    progress, groups = load(path)
    with path.open("r+b") as file:
        file.seek(-4 * len(weights), 2)
        file.write(bytes(4 * len(weights)))
    assert progress.epoch == 3
    assert torch.equal(groups["model"]["weight"], weights)
