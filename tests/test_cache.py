from crossmodal_hash import cache


def test_the_cache_is_where_the_user_says_or_where_caches_are(monkeypatch, tmp_path):
    monkeypatch.setattr(cache.Path, "home", lambda: tmp_path)
    monkeypatch.delenv("CHASH_CACHE", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    assert cache.cache_folder() == tmp_path / ".cache" / "crossmodal-hash"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache.cache_folder() == tmp_path / "xdg" / "crossmodal-hash"
    monkeypatch.setenv("CHASH_CACHE", str(tmp_path / "own"))
    assert cache.cache_folder() == tmp_path / "own"
