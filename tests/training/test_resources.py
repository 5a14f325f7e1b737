import os

from crossmodal_hash.training import resources


def test_a_container_has_what_its_limit_leaves(tmp_path, monkeypatch):
    limit, used = tmp_path / "memory.max", tmp_path / "memory.current"
    limit.write_text("1000000\n")
    used.write_text("400000\n")
    monkeypatch.setattr(resources, "GROUPS", [(limit, used)])
    assert resources.available_memory() == 600_000


def test_a_container_without_a_limit_has_what_the_machine_has(tmp_path, monkeypatch):
    limit, used = tmp_path / "memory.max", tmp_path / "memory.current"
    limit.write_text("max\n")
    used.write_text("400000\n")
    monkeypatch.setattr(resources, "GROUPS", [(limit, used), (tmp_path / "none", tmp_path / "none")])
    assert resources.available_memory() > 10_000_000


def test_what_a_system_does_not_tell_is_unknown(tmp_path, monkeypatch):
    """As Windows, which has neither /proc nor sysconf."""
    monkeypatch.setattr(resources, "Path", lambda name: tmp_path / name.lstrip("/"))
    monkeypatch.setattr(resources, "GROUPS", [])
    monkeypatch.delattr(os, "sysconf")
    monkeypatch.delattr(os, "sysconf_names")
    assert resources.available_memory() is None
