"""One suite that every provider passes, and so does the fake."""

import os
import select
import time

import pytest

from cka_lab.api import ClusterSpec
from cka_lab.errors import Cancelled, CommandFailed, LabFailure, NotFound, Unreadable
from cka_lab.model import StepFinished
from cka_lab.wait import Progress
from tests.places import PLACES, home, make_provider, need


@pytest.fixture(scope="module", params=[pytest.param(p, marks=pytest.mark.xdist_group(p)) for p in PLACES])
def place(request):
    need(request.param)
    with home(request.param):
        yield request.param


@pytest.fixture(scope="module")
def provider(place):
    return make_provider(place)


@pytest.fixture(scope="module")
def cluster(provider):
    made = provider.create("contract", ClusterSpec(), Progress())
    yield made
    provider.delete("contract")


@pytest.fixture
def node(cluster):
    return cluster.node()


def real(place):
    if place == "fake":
        pytest.skip("a fake runs nothing")


def test_info_is_cheap_and_names_what_it_can(provider):
    provider.info()
    began = time.monotonic()
    info = provider.info()
    assert time.monotonic() - began < 0.1
    assert info.name == provider.name
    assert "etcd" in info.capabilities
    assert not info.problems


def test_a_file_comes_back_as_it_was_written(node, tmp_path):
    node.write("/opt/deep/er/file", b"\x00\xff" * 5000, mode=0o640, mtime=1234567890.0)
    assert node.read("/opt/deep/er/file") == b"\x00\xff" * 5000
    info = node.stat("/opt/deep/er/file")
    assert (info.kind, info.size, info.mode, info.mtime) == ("file", 10000, 0o640, 1234567890.0)
    node.fetch("/opt/deep/er/file", tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == b"\x00\xff" * 5000
    assert list(node.list("/opt/deep")) == ["er"]


def test_what_is_not_there(node, tmp_path):
    assert node.stat("/opt/none") is None
    assert list(node.list("/opt/none")) == []
    with pytest.raises(FileNotFoundError):
        node.read("/opt/none")
    with pytest.raises(FileNotFoundError):
        node.fetch("/opt/none", tmp_path / "x")
    node.remove("/opt/none")


def test_folders_and_files_too_large_are_refused(node):
    node.write("/opt/folder/big", b"x" * 100)
    with pytest.raises(Unreadable, match="regular"):
        node.read("/opt/folder")
    with pytest.raises(Unreadable, match="100 bytes"):
        node.read("/opt/folder/big", limit=99)


def test_remove_takes_files_and_whole_folders(node):
    node.write("/opt/gone/a", b"")
    node.write("/opt/gone/b/c", b"")
    node.remove("/opt/gone/a")
    assert list(node.list("/opt/gone")) == ["b"]
    node.remove("/opt/gone")
    assert node.stat("/opt/gone") is None


def test_node_names(cluster):
    assert cluster.names()
    assert cluster.node().name == cluster.names()[0]
    assert cluster.node(cluster.names()[0]).name == cluster.names()[0]
    with pytest.raises(LabFailure, match="nowhere"):
        cluster.node("nowhere")


def test_commands_and_their_exit_codes(place, node):
    real(place)
    done = node.run(["sh", "-c", "cat; echo no >&2; exit 3"], stdin=b"yes", ok=(3,))
    assert (done.code, done.out, done.err) == (3, b"yes", b"no\n")
    with pytest.raises(CommandFailed, match="exit 3"):
        node.run(["sh", "-c", "exit 3"])
    with pytest.raises(CommandFailed):
        node.run(["no-such-program"])
    assert node.run(["pwd"], cwd="/opt").text == "/opt\n"
    assert node.run(["sh", "-c", "echo $A"], env={"A": "b"}).text == "b\n"


def test_a_signal_shows_as_a_shell_shows_it(place, node):
    real(place)
    assert node.run(["sh", "-c", "kill -9 $$"], ok=(137,)).code == 137


def test_a_command_that_takes_too_long_is_ended_with_its_children(place, node):
    real(place)
    began = time.monotonic()
    with pytest.raises(CommandFailed, match="timed out"):
        node.run(["sh", "-c", "sleep 98765 & sleep 98765"], timeout=0.5)
    assert time.monotonic() - began < 3
    deadline = time.monotonic() + 3
    while any("98765" in p.argv for p in node.processes()) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any("98765" in p.argv for p in node.processes())


def test_a_daemon_does_not_hold_a_command_up(place, node):
    real(place)
    began = time.monotonic()
    assert node.run(["sh", "-c", "sleep 5 & echo started"]).text == "started\n"
    assert time.monotonic() - began < 2


def test_large_input_and_output(place, node):
    real(place)
    data = b"0123456789abcdef" * (1 << 16)
    assert node.run(["cat"], stdin=data).out == data


def test_output_without_end_is_cut_off(place, node):
    real(place)
    with pytest.raises(CommandFailed):
        node.run(["yes"], timeout=20)


def test_etcd_runs_as_a_static_pod(place, node):
    real(place)
    (etcd,) = [c for c in node.containers() if c.name == "etcd" and c.state == "running"]
    (process,) = [p for p in node.processes() if p.pid == etcd.pid]
    assert process.argv[0] == "etcd"
    assert process.age > 0
    assert etcd.pod == f"etcd-{node.name}"
    assert etcd.manifest == "/etc/kubernetes/manifests/etcd.yaml"
    assert b"serving client" in node.read(etcd.log_path)
    with node.connect("127.0.0.1", 2379):
        pass
    with pytest.raises(ConnectionRefusedError):
        node.connect("127.0.0.1", 1)


def test_client_files_are_a_pair_that_etcd_takes(place, cluster):
    real(place)
    files = cluster.client_files()
    names = {"ca", "cert", "key"}
    assert set(files) == (names | {f"kube-{name}" for name in names} if place == "kind" else names)
    assert all(b"BEGIN" in text for text in files.values())


def test_a_shell_has_job_control_and_an_exit_code(place, node):
    real(place)
    channel = node.shell(24, 80)
    try:
        os.write(channel.fd, b"tty; stty size; sleep 100\n")
        read_until(channel.fd, b"24 80")
        channel.resize(30, 100)
        time.sleep(0.3)
        os.write(channel.fd, b"\x03")
        read_until(channel.fd, b"# ")
        os.write(channel.fd, b"stty size; exit 7\n")
        assert b"30 100" in read_until(channel.fd, b"30 100")
        assert channel.wait(5) == 7
    finally:
        channel.close()
        channel.close()


def read_until(fd, text):
    seen = b""
    while text not in seen and select.select([fd], [], [], 5)[0]:
        try:
            chunk = os.read(fd, 65536)
        except OSError:
            break
        if not chunk:
            break
        seen += chunk
    return seen


def test_closing_a_shell_hangs_its_programs_up(place, node):
    real(place)
    channel = node.shell(24, 80)
    read_until(channel.fd, b"# ")
    os.write(channel.fd, b"sleep 54321\n")
    time.sleep(0.3)
    assert any("54321" in p.argv for p in node.processes())
    channel.close()
    deadline = time.monotonic() + 5
    while any("54321" in p.argv for p in node.processes()) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any("54321" in p.argv for p in node.processes())


def test_reset_returns_to_the_baseline(place, provider):
    cluster = provider.create("base", ClusterSpec(), Progress())
    try:
        with pytest.raises(LabFailure, match="baseline"):
            cluster.reset(Progress())
        node = cluster.node()
        node.write("/opt/kept", b"as it was", mode=0o600, mtime=1e9)
        cluster.save_baseline(Progress())
        for _ in range(2):
            node = cluster.node()
            node.write("/opt/kept", b"changed")
            node.write("/opt/new", b"new")
            node.remove("/etc/kubernetes/manifests")
            cluster.reset(Progress())
            assert cluster.alive()
            assert cluster.node().read("/opt/kept") == b"as it was"
            info = cluster.node().stat("/opt/kept")
            assert (info.mode, info.mtime) == (0o600, 1e9)
            assert cluster.node().stat("/opt/new") is None
    finally:
        provider.delete("base")


def test_a_lab_is_found_again_and_deleted_whole(place, provider):
    cluster = provider.create("again", ClusterSpec(), Progress())
    cluster.node().write("/opt/x", b"1")
    assert "again" in provider.labs()
    found = provider.attach("again")
    assert found.alive()
    assert found.spec == ClusterSpec()
    assert found.node().read("/opt/x") == b"1"
    provider.delete("again")
    provider.delete("again")
    assert "again" not in provider.labs()
    assert not found.alive()
    with pytest.raises(NotFound):
        provider.attach("again")


def test_create_shows_its_steps_and_can_be_cancelled(place, provider):
    events = []
    progress = Progress(events.append)
    provider.create("steps", ClusterSpec(), progress)
    provider.delete("steps")
    assert [e for e in events if isinstance(e, StepFinished) and not e.error]
    progress = Progress()
    progress.cancel.set()
    with pytest.raises(Cancelled):
        provider.create("never", ClusterSpec(), progress)
    assert "never" not in provider.labs()


def test_a_bench_has_the_etcd_tools_and_nothing_of_the_lab(place, cluster):
    real(place)
    with cluster.bench() as bench:
        (bench.folder / "in").write_bytes(b"hello")
        assert bench.run(["cat", "/bench/in"]).out == b"hello"
        assert "etcdutl version" in bench.run(["etcdutl", "version"]).text
        bench.run(["sh", "-c", "echo out > /bench/out"])
        assert (bench.folder / "out").read_text() == "out\n"
        (bench.folder / "in").write_bytes(b"changed")
        assert bench.run(["cat", "in", "out"]).out == b"changedout\n"
        assert bench.run(["ls", "/etc/kubernetes/pki"], ok=(2,)).code == 2
        folder = bench.folder
    assert not folder.exists()
