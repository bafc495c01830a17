"""Which commit a job comes from, in every kind of work tree that git makes."""

from __future__ import annotations

import os
import subprocess

import pytest

from jupyter_cloudml.client.origin import origin


def git(folder, *words):
    identity = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "protocol.file.allow=always"]
    done = subprocess.run(
        ["git", *identity, *words], cwd=folder, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


@pytest.fixture
def repository(tmp_path):
    root = tmp_path / "main"
    root.mkdir()
    git(root, "init", "-q")
    git(root, "commit", "-q", "--allow-empty", "-m", "first")
    return root


def commit_from(folder, monkeypatch):
    monkeypatch.chdir(folder)
    return origin(os.environ).git_commit


@pytest.mark.parametrize("is_packed", [False, True])
def test_the_commit_of_a_repository_is_known(repository, monkeypatch, is_packed):
    if is_packed:
        git(repository, "pack-refs", "--all")
    assert commit_from(repository, monkeypatch) == git(repository, "rev-parse", "HEAD")


@pytest.mark.parametrize("is_packed", [False, True])
def test_a_worktree_has_its_own_commit(repository, tmp_path, monkeypatch, is_packed):
    tree = tmp_path / "tree"
    git(repository, "worktree", "add", "-q", "-b", "other", str(tree))
    git(tree, "commit", "-q", "--allow-empty", "-m", "second")
    if is_packed:
        git(repository, "pack-refs", "--all")
    (tree / "deep").mkdir()
    assert commit_from(tree / "deep", monkeypatch) == git(tree, "rev-parse", "HEAD")
    assert commit_from(tree, monkeypatch) != git(repository, "rev-parse", "HEAD")


def test_a_submodule_has_its_own_commit(repository, tmp_path, monkeypatch):
    outer = tmp_path / "outer"
    outer.mkdir()
    git(outer, "init", "-q")
    git(outer, "submodule", "--quiet", "add", str(repository), "inner")
    head = git(outer / "inner", "rev-parse", "HEAD")
    assert commit_from(outer / "inner", monkeypatch) == head


def test_no_repository_is_no_commit(tmp_path, monkeypatch):
    (tmp_path / ".git").write_text("gitdir: /nowhere")
    assert commit_from(tmp_path, monkeypatch) == ""
