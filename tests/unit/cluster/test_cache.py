# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Artefacts: named by content, published whole, cleared up after an interruption."""

from __future__ import annotations

import shutil
import threading
from pathlib import Path

import pytest
from cluster import cache as cache_module
from cluster.cache import Cache, content_key, default_root, mounts_below, remove_tree
from cluster.steps import ClusterError


def test_a_key_follows_content_not_place(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "recipe").write_text("flour")
    assert content_key(tmp_path / "one") == content_key(tmp_path / "two")
    (tmp_path / "two" / "recipe").write_text("rye")
    assert content_key(tmp_path / "one") != content_key(tmp_path / "two")


@pytest.mark.parametrize(
    ("one", "other"),
    [(("a", "b"), ("ab",)), (("a",), ("b",)), (({"a": 1},), ({"a": 2},)), ((["a", "b"],), (["b", "a"],)), ((), ("",))],
)
def test_different_inputs_have_different_keys(one: tuple[object, ...], other: tuple[object, ...]) -> None:
    assert content_key(*one) != content_key(*other)


def test_a_key_sees_a_renamed_file_and_no_byte_code(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("x")
    before = content_key(tmp_path)
    (tmp_path / "__pycache__").mkdir()
    (tmp_path / "__pycache__" / "a.pyc").write_text("y")
    assert content_key(tmp_path) == before
    (tmp_path / "a").rename(tmp_path / "b")
    assert content_key(tmp_path) != before


def test_an_artefact_is_built_once(tmp_path: Path) -> None:
    built: list[Path] = []

    def build(folder: Path) -> None:
        built.append(folder)
        (folder / "file").write_text("content")

    cache = Cache(tmp_path)
    first = cache.artefact("bread", content_key(1), build)
    assert cache.artefact("bread", content_key(1), build) == first
    assert len(built) == 1
    assert (first / "file").read_text() == "content"
    assert not built[0].exists()


def test_a_failed_build_publishes_nothing_and_the_next_starts_clean(tmp_path: Path) -> None:
    cache, key = Cache(tmp_path), content_key(1)

    def fail(folder: Path) -> None:
        (folder / "half").write_text("")
        raise ClusterError("no flour")

    with pytest.raises(ClusterError):
        cache.artefact("bread", key, fail)
    assert not cache.path("bread", key).exists()

    def look(folder: Path) -> None:
        assert list(folder.iterdir()) == []

    assert cache.artefact("bread", key, look).is_dir()


def test_older_artefacts_of_the_same_name_go_others_stay(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    keys = [content_key(number) for number in range(3)]
    old = cache.artefact("bread", keys[0], lambda _folder: None)
    neighbour = cache.artefact("bread-rolls", keys[1], lambda _folder: None)
    new = cache.artefact("bread", keys[2], lambda _folder: None)
    assert not old.exists()
    assert neighbour.is_dir()
    assert new.is_dir()


def test_two_runs_build_an_artefact_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    started, release, built = threading.Event(), threading.Event(), []

    def slow(_folder: Path) -> None:
        built.append("slow")
        started.set()
        release.wait(10)

    first = threading.Thread(target=lambda: Cache(tmp_path).artefact("bread", content_key(1), slow))
    first.start()
    assert started.wait(10)
    second = threading.Thread(
        target=lambda: Cache(tmp_path).artefact("bread", content_key(1), lambda _folder: built.append("second"))
    )
    second.start()
    second.join(0.3)
    assert second.is_alive()
    release.set()
    first.join(10)
    second.join(10)
    assert built == ["slow"]
    assert "waiting for another run that holds the lock bread" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("environment", "wanted"),
    [
        ({"MODELSERVING_CACHE": "/srv/cache"}, "/srv/cache"),
        ({"XDG_CACHE_HOME": "/srv/xdg"}, "/srv/xdg/modelserving.kserve"),
        ({"HOME": "/srv/home"}, "/srv/home/.cache/modelserving.kserve"),
    ],
)
def test_where_the_cache_lies(environment: dict[str, str], wanted: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MODELSERVING_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert default_root() == Path(wanted)


def test_mounts_below() -> None:
    table = "proc /proc proc rw 0 0\nnone /srv/a/proc proc rw 0 0\nnone /srv/a b ext4 rw 0 0\nnone /srv/ab x x 0 0\n"
    assert mounts_below(Path("/srv/a"), table) == [Path("/srv/a/proc"), Path("/srv/a")]


def test_a_folder_with_a_mount_in_it_is_not_emptied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "kept").write_text("")
    monkeypatch.setattr(cache_module, "mounts_below", lambda _folder: [tmp_path / "dev"])
    with pytest.raises(ClusterError, match="is still mounted"):
        remove_tree(tmp_path)
    assert (tmp_path / "kept").exists()


def test_a_disk_without_room_is_named_before_anything_is_built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(cache_module.shutil, "disk_usage", lambda _folder: usage._replace(free=10**9))
    with pytest.raises(ClusterError, match=r"building bread needs 3 GB below .*, and 1 GB are free"):
        Cache(tmp_path).artefact("bread", content_key(1), lambda _folder: pytest.fail("built"))
    with pytest.raises(ClusterError, match=r"building cake needs 6 GB below"):
        Cache(tmp_path).artefact("cake", content_key(1), lambda _folder: pytest.fail("built"), 6)
