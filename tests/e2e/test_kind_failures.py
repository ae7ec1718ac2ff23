"""Docker stopped or hanging, machines paused, killed, without memory, disk or network: a clear outcome in time, and
never the learner's failure.
"""

from __future__ import annotations

import threading
import time
from unittest import mock

import pytest

from cka_lab.catalog import Catalog
from cka_lab.errors import CkaLabError
from cka_lab.lab import Labs
from cka_lab.model import Outcome, StepStarted
from cka_lab.providers.kind import command, containers
from cka_lab.providers.kind import engine as engine_module
from cka_lab.providers.kind.engine import engine
from cka_lab.store import Store
from cka_lab.wait import Progress
from tests.bed import take_away
from tests.gate import gate
from tests.places import home, make_provider, need

pytestmark = pytest.mark.xdist_group("kind")
SCENARIO = "etcd-snapshot-save"
CHECK_SECONDS = 60.0
HOG = "for i in $(seq 80); do (head -c 40m /dev/zero | tail -c 40m | sleep 60) & done; wait"


@pytest.fixture(scope="module")
def docker_gate(tmp_path_factory):
    need("kind")
    with gate(tmp_path_factory.mktemp("gate")) as made:
        yield made


@pytest.fixture(scope="module")
def labs(docker_gate, tmp_path_factory):
    store = Store(tmp_path_factory.mktemp("failures") / "store.sqlite3")
    with home("kind"), mock.patch.object(engine_module, "ANSWER_SECONDS", 8):
        yield Labs(Catalog.find(), store, {"kind": make_provider("kind")})


@pytest.fixture(scope="module")
def shared_lab(labs):
    made = labs.start(SCENARIO, "kind")
    yield made
    labs.stop(made.id)


@pytest.fixture
def lab(shared_lab, docker_gate):
    """One for all: every test ends by showing that a reset brings it back."""
    yield shared_lab
    docker_gate.open()


def in_time(work, seconds=CHECK_SECONDS):
    began = time.monotonic()
    try:
        return work()
    finally:
        assert time.monotonic() - began < seconds


def told(work, seconds=CHECK_SECONDS):
    """The error that ``work`` ends with: one of ours, in time, with words for people."""
    with pytest.raises(CkaLabError) as caught:
        in_time(work, seconds)
    assert caught.value.message
    assert "Traceback" not in str(caught.value)
    return caught.value


def why_not_checked(lab):
    """A check now: no FAIL, and what it says of what it could not check; or the error that it ends with."""
    try:
        attempt = in_time(lab.check)
    except CkaLabError as error:
        return error.message
    outcomes = {check.outcome for check in attempt.checks}
    assert Outcome.FAIL not in outcomes, [(c.id, c.mismatch) for c in attempt.checks]
    assert Outcome.ERROR in outcomes
    return " ".join(check.error for check in attempt.checks)


def as_it_was(lab):
    """A reset brings the lab back, in place or with a new cluster."""
    lab.reset()
    attempt = lab.grade()
    assert attempt.score.earned == 0
    assert not [c for c in attempt.checks if c.outcome is Outcome.ERROR]


def at_the_step(word, work):
    """A progress that does ``work`` once, when a step of that name begins."""
    done = []

    def emit(event):
        if isinstance(event, StepStarted) and word in event.title and not done:
            done.append(event)
            threading.Thread(target=work, daemon=True).start()

    return Progress(emit)


# -- while a lab is started ------------------------------------------------------------------------------------


def a_node(*, running=False):
    """The first control plane that kind is making now; None where there is none yet, or none that is ``running``."""
    found = engine().api.containers(all=not running, filters={"label": "io.x-k8s.kind.role=control-plane"})
    mark = f"/cka-{engine_module.home_mark()}"
    return next((c["Id"] for c in found if c["Names"][0].startswith(mark)), None)


def once_a_node_is_there(act):
    def work():
        while not (node := a_node(running=True)):
            time.sleep(0.2)
        time.sleep(2)
        act(node)

    return work


@pytest.mark.parametrize("how", ["stopped", "hanging"])
def test_docker_goes_while_a_lab_is_started(labs, docker_gate, monkeypatch, how):
    labs.providers["kind"].drop_spares()
    monkeypatch.setattr(command, "CREATE_SECONDS", 20.0)

    def work():
        time.sleep(3)
        docker_gate.shut() if how == "stopped" else docker_gate.freeze()

    error = told(lambda: labs.start(SCENARIO, "kind", at_the_step("nodes", work)), 120)
    assert "docker" in error.message or "kind" in error.message
    docker_gate.open()
    assert len(labs.status()) <= 1
    labs.clean()
    assert labs.status() == []
    assert a_node() is None


@pytest.mark.parametrize("how", ["kill", "pause"])
def test_a_node_goes_while_a_lab_is_started(labs, monkeypatch, how):
    labs.providers["kind"].drop_spares()
    monkeypatch.setattr(command, "CREATE_SECONDS", 25.0)
    act = once_a_node_is_there(lambda node: take_away(node, how))
    error = told(lambda: labs.start(SCENARIO, "kind", at_the_step("nodes", act)), 120)
    assert "kind could not make the cluster" in error.message
    assert labs.status() == []
    assert a_node() is None


def test_too_little_disk_or_memory_is_told_before_anything_is_made(labs, monkeypatch):
    labs.providers["kind"].drop_spares()
    from cka_lab.providers.kind import preflight

    monkeypatch.setattr(preflight, "NODE_DISK_MIB", 1 << 40)
    assert "of disk are needed" in told(lambda: labs.start(SCENARIO, "kind"), 10).message
    monkeypatch.setattr(preflight, "NODE_DISK_MIB", 1)
    monkeypatch.setattr(preflight, "NODE_MIB", 1 << 40)
    assert "of memory are needed" in told(lambda: labs.start(SCENARIO, "kind"), 10).message
    assert labs.status() == []


def test_the_network_goes_while_a_lab_is_started(labs, monkeypatch):
    labs.providers["kind"].drop_spares()
    monkeypatch.setattr(command, "CREATE_SECONDS", 25.0)

    def cut(node):
        for network in engine().api.inspect_container(node)["NetworkSettings"]["Networks"]:
            engine().api.disconnect_container_from_network(node, network, force=True)

    told(lambda: labs.start(SCENARIO, "kind", at_the_step("nodes", once_a_node_is_there(cut))), 150)
    assert labs.status() == []
    assert a_node() is None


# -- while a lab is checked, and reset -------------------------------------------------------------------------


def test_docker_is_stopped_during_check_and_reset(lab, docker_gate):
    docker_gate.shut()
    assert "docker does not answer" in told(lab.check).message
    assert "docker does not answer" in told(lab.reset).message
    docker_gate.open()
    as_it_was(lab)


def test_docker_stops_in_the_middle_of_a_check(lab, docker_gate):
    timer = threading.Timer(0.05, docker_gate.shut)
    timer.start()
    assert "docker" in why_not_checked(lab)
    timer.join()
    docker_gate.open()
    as_it_was(lab)


def test_docker_stops_in_the_middle_of_a_reset(lab, docker_gate):
    assert "docker" in told(lambda: lab.reset(at_the_step("files", docker_gate.shut))).message
    docker_gate.open()
    as_it_was(lab)


def test_docker_hangs_during_a_check(lab, docker_gate):
    docker_gate.freeze()
    assert why_not_checked(lab)
    docker_gate.open()
    as_it_was(lab)


@pytest.mark.parametrize("how", ["pause", "kill"])
def test_a_node_goes_during_check_and_reset(lab, how):
    node = lab.cluster.node().container
    timer = threading.Timer(0.05, take_away, (node, how))
    timer.start()
    assert node in why_not_checked(lab)
    timer.join()
    assert "not running" in told(lab.check).message
    as_it_was(lab)


def test_a_node_goes_in_the_middle_of_a_reset(lab):
    node = lab.cluster.node().container
    lab.reset(at_the_step("files", lambda: (time.sleep(0.3), take_away(node, "kill"))))
    attempt = lab.grade()
    assert attempt.score.earned == 0
    assert not [c for c in attempt.checks if c.outcome is Outcome.ERROR]


def test_memory_runs_out(lab):
    node = lab.cluster.node()
    usage = engine().api.stats(node.container, stream=False)["memory_stats"]["usage"]
    container = engine().containers.get(node.container)
    container.update(mem_limit=usage + (150 << 20), memswap_limit=usage + (150 << 20))
    threading.Thread(target=_hog, args=(node,), daemon=True).start()
    deadline = time.monotonic() + 30
    while not lab.cluster.trouble() and time.monotonic() < deadline:
        time.sleep(0.5)
    assert "memory ran out" in lab.cluster.trouble()
    assert why_not_checked(lab)
    container.update(mem_limit=8 << 30, memswap_limit=8 << 30)
    as_it_was(lab)


def _hog(node):
    try:
        node.run(["bash", "-c", HOG], ok=range(256), timeout=20)
    except CkaLabError:
        return


def test_the_disk_is_full(lab):
    node = lab.cluster.node()
    node.run(["bash", "-ec", FULL_DISK], timeout=60)
    assert "no disk space" in why_not_checked(lab)
    as_it_was(lab)


FULL_DISK = """
systemctl stop kubelet
pkill -9 -x etcd
mkdir /run/kept && cp -a /var/lib/etcd/. /run/kept/
mount -t tmpfs -o size=160m tmpfs /var/lib/etcd && cp -a /run/kept/. /var/lib/etcd/
dd if=/dev/zero of=/var/lib/etcd/core bs=1M 2>/dev/null || true
crictl rmp -f $(crictl pods -q --name '^etcd-') >/dev/null
systemctl start kubelet
sleep 2
"""


def test_the_network_is_gone(lab):
    node, network = lab.cluster.node().container, lab.cluster.state.cluster
    engine().api.disconnect_container_from_network(node, network, force=True)
    lab.cluster.node().run(["bash", "-c", "pkill -9 -x etcd"], ok=range(256))
    assert "cut off from its network" in why_not_checked(lab)
    assert containers.status(node) == "running"
    as_it_was(lab)
