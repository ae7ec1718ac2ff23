"""The tool as an image: built without a registry, run by the line that README and `doctor` tell."""

from __future__ import annotations

import json
import os
import pty
import re
import shutil
import subprocess
import time
import uuid
from pathlib import Path

import pytest

from cka_lab import container
from cka_lab.providers.kind import image as node_image
from tests import base_image
from tests.e2e.test_cli import SAVE, read_until, resize
from tests.places import need

pytestmark = [pytest.mark.xdist_group("kind"), pytest.mark.timeout(1200)]
REPOSITORY = Path(__file__).parent.parent.parent
BUILD = ["docker", "build", "--quiet", "--force-rm", "--network=host"]
BUILD_SECONDS = 900
LEFT_FULL_SCREEN = b"\x1b[?1049l"
FREE = [f"--security-opt={name}=unconfined" for name in container.OPTIONS]


def docker(*args, ok=(0,), stdin="", seconds=240):
    done = subprocess.run(["docker", *args], input=stdin, capture_output=True, text=True, timeout=seconds)
    assert done.returncode in ok, (args, done.returncode, done.stdout[-2000:], done.stderr[-2000:])
    return done


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    """The tag of the image, built from a copy of this folder with the kind command beside the Dockerfile."""
    need("image")
    context = tmp_path_factory.mktemp("context") / "cka-lab"
    shutil.copytree(REPOSITORY, context, ignore=shutil.ignore_patterns(".git", ".*_cache", ".venv", "__pycache__"))
    shutil.copy(shutil.which("kind"), context / "kind")
    base, tag = (f"cka-lab-test/{name}:{uuid.uuid4().hex[:8]}" for name in ("base", "tool"))
    docker("import", str(base_image.archive()), base)
    try:
        subprocess.run(
            [*BUILD, "--build-arg", f"BASE_IMAGE={base}", "--tag", tag, context],
            check=True, timeout=BUILD_SECONDS, env=os.environ | {"DOCKER_BUILDKIT": "0"},
        )  # fmt: skip
        yield tag
    finally:
        docker("rmi", "--force", tag, ok=(0, 1))
        remove_with_descendants(base)


def remove_with_descendants(base):
    """An image and all that was built on it: the classic builder keeps each stage, unnamed."""
    made = [docker("image", "inspect", "--format", "{{.Id}}", base).stdout.strip()]
    every = docker("images", "--all", "--quiet", "--no-trunc").stdout.split()
    parents = docker("image", "inspect", "--format", "{{.Id}} {{.Parent}}", *every).stdout.splitlines()
    children = dict(line.split() for line in parents if len(line.split()) == 2)
    for _ in range(len(children)):
        made += [child for child, parent in children.items() if parent in made and child not in made]
    for one in reversed(made):
        docker("rmi", "--force", one, ok=(0, 1))


@pytest.fixture
def volume():
    """A named volume, and the name of the container beside it; both are removed."""
    name = f"cka-lab-test-{uuid.uuid4().hex[:8]}"
    yield name
    docker("rm", "--force", name, ok=(0, 1))
    docker("volume", "rm", "--force", name)


def as_told(line, image, volume):
    """The told line with names of this test's own, split as a shell does."""
    line = line.replace(f"--name {container.IMAGE} ", f"--name {volume} ").replace(" -v cka-lab:", f" -v {volume}:")
    assert line.endswith(f" {container.IMAGE}")
    text = f"printf '%s\\n' {line.removesuffix(container.IMAGE)} {image}"
    return subprocess.run(["bash", "-c", text], capture_output=True, text=True, check=True).stdout.split()


def without_terminal(argv):
    return [word for word in argv if word != "-it"][1:]


def report(*args, ok=(0,)):
    return json.loads(docker(*args, "--json", ok=ok).stdout)


def test_the_image_is_small_and_its_user_is_nobody_special(image):
    about = json.loads(docker("image", "inspect", image).stdout)[0]
    assert about["Config"]["User"] == "1000:1000"
    assert about["Size"] < 400 << 20
    said = docker("run", "--rm", "--entrypoint", "sh", image, "-c", "id -u; touch /opt/cka-lab/x; ls /src", ok=(2,))
    assert said.stdout == "1000\n"
    assert said.stderr.count("Permission denied") == 1


def test_the_demo_passes_by_the_told_line(image, volume):
    told = report(*without_terminal(as_told(container.line(socket=False), image, volume)), "demo")
    assert told["ok"], told


def test_the_demo_needs_no_capability_and_no_new_privileges(image):
    docker("run", "--rm", *FREE, "--cap-drop=ALL", "--security-opt=no-new-privileges", image, "demo")


@pytest.mark.parametrize(("given", "held"), [([], "seccomp and systempaths"), (FREE[:1], "systempaths")])
def test_doctor_tells_what_holds_it_and_the_line_that_works(image, volume, given, held):
    found = report("run", "--rm", *given, image, "doctor", ok=(3,))["findings"]
    (finding,) = [f for f in found if "namespaces" in f["what"]]
    assert f"held by docker's {held}" in finding["why"]
    line = re.search(r"docker run .*", finding["fix"]).group()
    assert line == container.line(socket=False)
    told = report(*without_terminal(as_told(line, image, volume)), "doctor")
    assert told["providers"][0]["ok"]


def test_without_the_group_of_the_socket_doctor_tells_it(image):
    mount = f"{container.SOCKET}:{container.SOCKET}"
    found = report("run", "--rm", "-v", mount, image, "doctor", ok=(3,))["findings"]
    (finding,) = [f for f in found if "docker" in f["what"]]
    assert "root on the host" in finding["fix"]
    assert f"--group-add {os.stat(container.SOCKET).st_gid} " in finding["fix"]


def test_a_folder_that_is_not_its_own_is_told(image, tmp_path):
    done = docker("run", "--rm", "-v", f"{tmp_path}:/data", image, "list", ok=(4,))
    assert "make /data writable for the user 1000" in done.stderr


def test_the_told_line_starts_the_program_and_others_join_it(image, volume):
    argv = as_told(container.line(socket=False), image, volume)
    pid, fd = pty.fork()
    if pid == 0:
        os.execvp(argv[0], argv)
    try:
        resize(fd, 40, 120)
        read_until(fd, b"Certified Kubernetes Administrator", 60)
        read_until(fd, b"Save a snapshot of etcd", 60)
        lab = report("exec", volume, "cka-lab", "start", SAVE, "--no-shell")["lab"]
        assert report("exec", volume, "cka-lab", "check", ok=(1,))["score"]["earned"] == 0
        solution = report("exec", volume, "cka-lab", "solution")["solutions"]["solution.sh"]
        docker("exec", "-i", volume, "cka-lab", "shell", stdin=solution)
        assert report("exec", volume, "cka-lab", "check")["score"]["percent"] == 100
        assert report("exec", volume, "cka-lab", "stop")["stopped"] == lab
        os.write(fd, b"q")
        read_until(fd, LEFT_FULL_SCREEN, 30)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    finally:
        os.close(fd)
    assert docker("ps", "--all", "--quiet", "--filter", f"name={volume}").stdout == ""
    kept = report(*without_terminal(argv), "history")["attempts"]
    assert sorted(attempt["score"]["earned"] for attempt in kept) == [0, 5]


def test_a_lab_on_the_volume_outlives_the_container(image, volume):
    run = without_terminal(as_told(container.line(socket=False), image, volume))
    lab = report(*run, "start", SAVE, "--no-shell")["lab"]
    (found,) = report(*run, "status")["labs"]
    assert found["id"] == lab
    assert "reset" in docker(*run, "check", ok=(4,)).stderr
    assert report(*run, "reset")["lab"] == lab
    assert report(*run, "stop")["stopped"] == lab


def test_clusters_of_another_volume_are_not_ours(image, volume):
    code = "from cka_lab.providers.kind.engine import home_mark; print(home_mark())"
    run = ["run", "--rm", "--entrypoint", "/opt/cka-lab/bin/python"]
    places = [[], ["-v", f"{volume}:/data"], ["-v", f"{volume}:/data"]]
    other, mine, again = (docker(*run, *place, image, "-c", code).stdout for place in places)
    assert mine == again != other


def test_it_stops_when_docker_says_so(image, volume):
    docker("run", "--detach", "--rm", "--tty", "--name", volume, *FREE, image)
    began = time.monotonic()
    docker("stop", "--time", "60", volume)
    assert time.monotonic() - began < 30


def test_with_the_socket_it_drives_kind_on_the_host(image, volume):
    need("kind")
    argv = without_terminal(as_told(container.line(socket=True), image, volume))
    run = [*argv[:-1], "--env", f"CKA_LAB_NODE_IMAGE={node_image.wanted()}", image]
    try:
        lab = report(*run, "start", SAVE, "--provider", "kind", "--no-shell")["lab"]
        assert report(*run, "check", ok=(1,))["score"]["earned"] == 0
        solution = report(*run, "solution")["solutions"]["solution.sh"]
        docker("run", "-i", *run[1:], "shell", "--node", "controlplane", stdin=solution)
        full = docker(*run, "check", "--json")
        assert json.loads(full.stdout)["score"]["percent"] == 100
        assert full.stderr == ""
        assert report(*run, "stop")["stopped"] == lab
        assert report(*run, "doctor")["findings"] == []
    finally:
        docker(*run, "clean", "--yes")
