"""A run that several tests read: trained and encoded by the commands, with no plug-in and a cache of its own."""

import pytest

from crossmodal_hash.cli.main import main


def finished_run(run, data, *options):
    """Train into a new folder, encode the data, and return the folder; its parent holds the cache."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CHASH_PLUGINS", "")
        patch.setenv("CHASH_CACHE", str(run.parent / "cache"))
        assert main(["train", "--data", str(data), "--out", str(run), *options, "-q"]) == 0
        assert main(["encode", str(run), "-q"]) == 0
    return run
