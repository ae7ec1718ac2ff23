"""Everything that the README tells to type is typed, in its order, and works."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.places import home, need

REPOSITORY = Path(__file__).parent.parent.parent
README = (REPOSITORY / "README.md").read_text()
BLOCKS = re.findall(r"```console\n(.*?)```", README, re.DOTALL)
BY_MAKE = "make "
"""Run by CI itself: `make test` runs this test, and .ci/run plays `make run` without a terminal."""
BY_DOCKER = "docker "
"""Typed by test_image.py, which makes a base image without a registry."""


def lines(block):
    return [line[2:].split("  # ")[0].strip() for line in block.splitlines() if line.startswith("$ ")]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    need("sandbox-3.5")
    with home("sandbox-3.5"):
        yield tmp_path_factory.mktemp("readme")


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: lines(block)[0])
def test_what_the_readme_tells_to_type(place, block):
    env = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    for line in lines(block):
        if line.startswith(BY_MAKE):
            target = line.split()[1]
            assert f"\n{target}:" in (REPOSITORY / "Makefile").read_text()
            continue
        if line.startswith(BY_DOCKER):
            continue
        done = subprocess.run(["bash", "-c", line], cwd=place, env=env, capture_output=True, text=True, timeout=240)
        assert done.returncode == 0, (line, done.stdout, done.stderr)


def test_the_readme_s_pictures_and_links_are_there():
    for link in re.findall(r"\]\(([^)#]+)\)", README):
        assert link.startswith("https://") or (REPOSITORY / link).exists(), link


def test_the_readme_names_every_setting():
    named = set(re.findall(r"`(CKA_LAB_[A-Z_]+)`", README))
    code = "".join(path.read_text() for path in (REPOSITORY / "cka_lab").rglob("*.py"))
    assert set(re.findall(r"CKA_LAB_[A-Z_]+", code)) <= named
