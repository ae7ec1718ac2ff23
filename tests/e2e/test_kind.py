"""Real clusters: the jump host, the warm pool, what becomes of a lab when docker or we are killed."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cka_lab.api import ClusterSpec
from cka_lab.errors import Cancelled, LabFailure, LabGone
from cka_lab.providers.kind import image
from cka_lab.providers.kind.engine import LABEL, engine, home_mark
from cka_lab.wait import Progress
from tests.bed import KUBECTL, sh, take_away
from tests.places import need

pytestmark = pytest.mark.xdist_group("kind")


@pytest.fixture(scope="module")
def cluster(provider):
    made = provider.create("e2e", ClusterSpec(), Progress())
    made.node().run(["bash", "-ec", f"{KUBECTL} create namespace shop; {KUBECTL} -n shop create configmap kept"])
    made.save_baseline(Progress())
    yield made
    provider.retire("e2e")


def as_candidate(cluster, text):
    return cluster.node("base").run(["runuser", "-l", "candidate", "-c", text], ok=range(256), timeout=60)


def test_the_jump_host_is_as_in_the_exam(cluster):
    assert as_candidate(cluster, "hostname").text == "base\n"
    assert as_candidate(cluster, "ssh controlplane hostname").text == f"{cluster.node().name}\n"
    assert as_candidate(cluster, "ssh controlplane sudo -i id -u").text == "0\n"
    assert " Ready " in as_candidate(cluster, "kubectl get nodes").text
    assert "kubectl" in as_candidate(cluster, "bash -lic 'type k'").text
    tools = as_candidate(cluster, "command -v vim nano jq tmux tree less ssh sudo").text.split()
    assert len(tools) == 8
    said = sh(cluster, "etcdctl version; etcdutl version").text
    assert "etcdctl version: 3." in said
    assert "etcdutl version: 3." in said


def test_the_jump_host_reaches_neither_docker_nor_the_host(cluster):
    assert as_candidate(cluster, "ls /var/run/docker.sock").code != 0
    network = engine().networks.get(cluster.state.cluster)
    gateway = next(c["Gateway"] for c in network.attrs["IPAM"]["Config"] if ":" not in c["Gateway"])
    with socket.create_server((gateway, 0)) as listener:
        port = listener.getsockname()[1]
        assert sh(cluster, f"timeout 3 bash -c '</dev/tcp/{gateway}/{port}'").code == 0, "a node reaches it: it listens"
        assert as_candidate(cluster, f"timeout 3 bash -c '</dev/tcp/{gateway}/{port}'").code != 0


def test_a_shell_of_the_learner_is_on_the_jump_host(cluster):
    channel = cluster.shell(24, 80, "xterm-256color")
    try:
        os.write(channel.fd, b"whoami; hostname; exit 4\n")
        assert channel.wait(10) == 4
    finally:
        channel.close()
    assert cluster.shell(24, 80, "dumb", "controlplane").close() is None


@pytest.mark.parametrize("how", ["pause", "kill", "stop"])
def test_a_node_that_docker_took_away(cluster, how):
    take_away(cluster.node().container, how)
    began = time.monotonic()
    assert not cluster.alive()
    with pytest.raises(LabGone):
        cluster.node().read("/etc/hostname")
    assert time.monotonic() - began < 30
    cluster.reset(Progress())
    assert cluster.alive()
    assert sh(cluster, f"{KUBECTL} -n shop get configmap kept -o name").text == "configmap/kept\n"


def everything():
    """What there is of ours in docker, and volumes that nobody uses: others may be at work on the same engine."""
    api, mark = engine().api, f"cka-{home_mark()}"
    return (
        {(c["Id"], c["Names"][0]) for c in api.containers(all=True) if c["Names"][0].startswith(f"/{mark}")},
        {n["Id"] for n in api.networks() if n["Name"].startswith(mark)},
        {v["Name"] for v in api.volumes(filters={"dangling": True})["Volumes"] or []},
    )


def test_a_cancelled_start_leaves_nothing(provider):
    before = everything()
    progress = Progress()
    progress.emit = lambda event: progress.cancel.set() if "nodes" in getattr(event, "title", "") else None
    with pytest.raises(Cancelled):
        provider.create("never", ClusterSpec(), progress)
    assert everything() == before
    assert "never" not in provider.labs()


def test_what_a_killed_program_left_is_found_and_removed(provider, tmp_path):
    before = everything()
    code = (
        "from cka_lab.providers.kind import KindProvider; from cka_lab.api import ClusterSpec; "
        "from cka_lab.wait import Progress; KindProvider().create('killed', ClusterSpec(), Progress())"
    )
    child = subprocess.Popen([sys.executable, "-c", code], env=os.environ | {"HOME": str(tmp_path)})
    deadline = time.monotonic() + 60
    while not a_node_since(before) and time.monotonic() < deadline:
        time.sleep(0.1)
    child.send_signal(signal.SIGKILL)
    child.wait()
    time.sleep(1)
    assert "killed" in provider.labs()
    (Path(os.environ["CKA_LAB_HOME"]) / "labs/kind/killed/state.json").unlink()
    left = [lab for lab in provider.labs() if lab not in ("e2e", "killed")]
    assert left, "a cluster without its folder is found by its labels"
    for lab in [*left, "killed"]:
        provider.delete(lab)
    assert [now - then for now, then in zip(everything(), before, strict=True)] == [set()] * 3
    assert not (tmp_path / ".kube").exists()


def a_node_since(before):
    """Is kind at making a node that was not there?"""
    return any(name.endswith("-control-plane") for _, name in everything()[0] - before[0])


def test_missing_tools_are_built_into_the_node_image(monkeypatch):
    need("kind")
    if not Path("/etc/apt").is_dir():
        pytest.skip("no /etc/apt to build with")
    monkeypatch.setenv("CKA_LAB_APT", "/etc/apt")
    monkeypatch.setitem(image.COMMANDS, "bc", "bc")
    missing, images = image.look(image.wanted())
    assert "bc" in missing
    assert any(name.startswith("registry.k8s.io/etcd:") for name in images)
    tag = f"{image.REPOSITORY}:test"
    try:
        image.build(image.wanted(), missing, images, tag, Progress())
        assert engine().containers.run(
            tag, ["-c", "echo 6*7 | bc"], entrypoint="bash", remove=True, labels={LABEL: "look"}
        ) == b"42\n"  # fmt: skip
    finally:
        engine().images.remove(tag, force=True)


def test_a_build_of_the_node_image_that_fails_is_told_and_one_that_is_cancelled_ends():
    need("kind")
    with pytest.raises(LabFailure, match="no-such-package"):
        image.build(image.wanted(), ["no-such-package"], [], f"{image.REPOSITORY}:never", Progress())
    progress = Progress()
    progress.cancel.set()
    with pytest.raises(Cancelled):
        image.build(image.wanted(), ["bc"], [], f"{image.REPOSITORY}:never", progress)
    assert not image.is_here(f"{image.REPOSITORY}:never")
