"""What a learner does stays inside, and ends in a clear outcome, whatever it is."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from cka_lab import paths
from cka_lab.api import ClusterSpec
from cka_lab.errors import CkaLabError, LabGone, Unreadable
from cka_lab.providers.sandbox import SandboxProvider
from cka_lab.providers.sandbox.host import HostProcess
from cka_lab.wait import Progress
from tests.places import home, need


@pytest.fixture(scope="module")
def provider():
    need("sandbox-3.5")
    with home("sandbox-3.5"):
        yield SandboxProvider()


@pytest.fixture(scope="module")
def shared(provider):
    cluster = provider.create("safe", ClusterSpec(), Progress())
    cluster.save_baseline(Progress())
    yield cluster
    provider.delete("safe")


@pytest.fixture
def lab(shared):
    shared.reset(Progress())
    return shared


def sh(lab, text, **options):
    return lab.node().run(["bash", "-c", text], ok=range(256), **options)


def test_a_symlink_to_a_host_file_shows_the_lab_s_own(lab):
    sh(lab, "ln -s /etc/shadow /opt/x; ln -s /etc/hostname /opt/y")
    with pytest.raises(FileNotFoundError):
        lab.node().read("/opt/x")
    assert lab.node().read("/opt/y") == b"controlplane\n"


def test_folders_of_the_host_are_not_there(lab):
    assert sh(lab, f"ls {paths.home()} {Path(__file__).parent} /boot /sys /home/* 2>/dev/null").text == ""
    assert sh(lab, "touch /usr/x /usr/bin/x").code != 0


def test_a_fifo_is_refused_at_once(lab):
    sh(lab, "mkfifo /opt/f")
    began = time.monotonic()
    with pytest.raises(Unreadable, match="regular"):
        lab.node().read("/opt/f")
    assert time.monotonic() - began < 1
    assert lab.node().stat("/opt/f").kind == "fifo"


def test_a_huge_sparse_file_is_refused_at_once(lab):
    sh(lab, "truncate -s 10G /opt/big")
    with pytest.raises(Unreadable, match="10737418240"):
        lab.node().read("/opt/big")


def test_what_a_learner_locks_away_is_still_read_reset_and_removed(lab):
    sh(lab, "mkdir -p /opt/a/b; echo secret > /opt/a/b/c; chmod 000 /opt/a/b/c /opt/a/b /opt/a")
    assert lab.node().read("/opt/a/b/c") == b"secret\n"
    lab.save_baseline(Progress())
    lab.reset(Progress())
    assert lab.node().read("/opt/a/b/c") == b"secret\n"
    assert lab.node().stat("/opt/a").mode == 0
    sh(lab, "chmod 700 /opt/a; chmod 700 /opt/a/b; rm -r /opt/a")
    lab.save_baseline(Progress())


def test_the_host_s_kernel_settings_can_not_be_written(lab):
    before = Path("/proc/sys/kernel/core_pattern").read_text()
    assert sh(lab, "echo h > /proc/sysrq-trigger").code != 0
    sh(lab, "umount /proc/sys; umount /proc; mount -t proc proc /proc; echo '|/x' > /proc/sys/kernel/core_pattern")
    assert Path("/proc/sys/kernel/core_pattern").read_text() == before


def test_the_lab_s_root_is_nobody_on_the_host(lab):
    sh(lab, "touch /opt/mine")
    owner = (lab.folder / "root/opt/mine").stat().st_uid
    assert owner != 0
    assert owner == (60999 if os.geteuid() == 0 else os.geteuid())


def test_there_is_no_way_out_by_the_network(lab):
    assert len(lab.node().read("/proc/net/route", 1 << 20).splitlines()) <= 1
    with pytest.raises(OSError, match="unreachable"):
        lab.node().connect("192.0.2.1", 80)


def test_the_agent_s_door_is_not_visible_inside(lab):
    assert sh(lab, "find / -xdev -name agent.sock 2>/dev/null").text == ""
    assert sh(lab, "kill -9 1; kill -STOP 1; sleep 0.2; echo alive").text == "alive\n"
    assert lab.alive()


def test_a_fork_bomb_leaves_a_lab_that_answers_and_resets(lab):
    shell = lab.node().shell(24, 80)
    os.write(shell.fd, b"bomb() { bomb | bomb & }; bomb\n")
    time.sleep(2)
    began = time.monotonic()
    with contextlib.suppress(CkaLabError):  # a clear failure is fine, a hang is not
        lab.node().stat("/opt")
        lab.node().run(["true"], timeout=10, ok=range(256))
    assert time.monotonic() - began < 25
    shell.close()
    began = time.monotonic()
    lab.reset(Progress())
    assert time.monotonic() - began < 15
    assert sh(lab, "echo fine").text == "fine\n"


def test_a_killed_lab_is_told_and_reset_brings_it_back(lab):
    os.kill(lab.state.processes[0].pid, signal.SIGKILL)
    lab.state.processes[1].wait_gone()
    assert not lab.alive()
    with pytest.raises(LabGone, match=r"not running|does not answer"):
        lab.node().read("/etc/hostname")
    with pytest.raises(LabGone):
        lab.node().shell(24, 80)
    lab.reset(Progress())
    assert lab.node().read("/etc/hostname") == b"controlplane\n"


def test_a_stopped_agent_is_a_clear_outcome_not_a_hang(lab):
    os.kill(lab.state.processes[0].pid, signal.SIGSTOP)
    began = time.monotonic()
    try:
        assert not lab.alive()
        with pytest.raises(LabGone, match="does not answer"):
            lab.node().stat("/opt")
    finally:
        os.kill(lab.state.processes[0].pid, signal.SIGCONT)
    assert time.monotonic() - began < 20


def test_delete_leaves_no_process_and_no_file(provider):
    cluster = provider.create("whole", ClusterSpec(), Progress())
    sh(cluster, "setsid sleep 4242 & disown; ln -s / /opt/root; mkdir -m 0 /opt/locked")
    processes = cluster.state.processes
    began = time.monotonic()
    provider.delete("whole")
    assert time.monotonic() - began < 1
    assert not cluster.folder.exists()
    assert not any(p.alive() for p in processes)
    assert b"4242" not in subprocess.run(["ps", "-eo", "args"], capture_output=True).stdout.replace(b"ps -eo", b"")
    assert str(cluster.folder) not in Path("/proc/self/mountinfo").read_text()


def test_a_reused_pid_is_not_killed():
    child = subprocess.Popen(["sleep", "100"])
    try:
        stranger = HostProcess(child.pid, 1)
        assert not stranger.alive()
        stranger.kill()
        assert child.poll() is None
    finally:
        child.kill()
        child.wait()


def test_a_lab_outlives_the_program_that_started_it(provider):
    code = """
from cka_lab.providers.sandbox import SandboxProvider
from cka_lab.api import ClusterSpec
from cka_lab.wait import Progress
SandboxProvider().create("orphan", ClusterSpec(), Progress())
print("ready", flush=True)
import time; time.sleep(100)
"""
    starter = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert starter.stdout.readline() == b"ready\n"
    os.killpg(os.getpgid(starter.pid), 0)
    starter.kill()
    starter.wait()
    try:
        found = provider.attach("orphan")
        assert found.alive()
        assert found.node().run(["hostname"]).text == "controlplane\n"
    finally:
        provider.delete("orphan")
    assert "orphan" not in provider.labs()


def test_a_half_made_lab_can_be_removed(provider):
    (paths.labs("sandbox") / "half").mkdir()
    assert "half" in provider.labs()
    assert not provider.attach("half").alive()
    provider.delete("half")
    assert "half" not in provider.labs()


def test_a_crash_during_a_reset_is_repaired_by_the_next(lab):
    lab.end()
    (lab.folder / "root.new").mkdir()
    (lab.folder / "root.new/part").write_text("x")
    (lab.folder / "root").rename(lab.folder / "root.old")
    lab.reset(Progress())
    assert lab.alive()
    assert sorted(p.name for p in lab.folder.iterdir() if p.name.startswith("root")) == ["root"]


def test_three_members_form_one_cluster(provider):
    cluster = provider.create("three", ClusterSpec(etcd_members=3), Progress())
    try:
        tls = " ".join(
            f"--{flag} /etc/kubernetes/pki/etcd/{file}"
            for flag, file in {"cacert": "ca.crt", "cert": "m1-server.crt", "key": "m1-server.key"}.items()
        )
        listed = sh(cluster, f"etcdctl --endpoints https://127.0.0.12:2379 {tls} member list").text
        assert all(f"https://127.0.0.1{n}:2380" in listed for n in (1, 2, 3))
        cluster.save_baseline(Progress())
        cluster.reset(Progress())
        assert sh(cluster, f"etcdctl --endpoints https://127.0.0.13:2379 {tls} endpoint health").code == 0
    finally:
        provider.delete("three")


def test_rsa_keys_when_asked_for(provider, monkeypatch):
    monkeypatch.setenv("CKA_LAB_KEYS", "rsa")
    cluster = provider.create("rsa", ClusterSpec(), Progress())
    try:
        text = sh(cluster, "openssl x509 -in /etc/kubernetes/pki/etcd/server.crt -noout -text").text
        assert "rsaEncryption" in text
    finally:
        provider.delete("rsa")


def test_what_a_kubeadm_node_shows(lab):
    assert sh(lab, "ls /etc/kubernetes/manifests").text == "etcd.yaml\n"
    assert "apiserver-etcd-client.crt" in sh(lab, "ls /etc/kubernetes/pki").text
    header, row = sh(lab, "crictl ps").text.splitlines()
    assert header.split() == [
        "CONTAINER",
        "IMAGE",
        "CREATED",
        "STATE",
        "NAME",
        "ATTEMPT",
        "POD",
        "ID",
        "POD",
        "NAMESPACE",
    ]
    assert "etcd-controlplane" in row
    assert "Running" in row
    one = sh(lab, "crictl ps -q").text.strip()
    assert len(one) == 64
    assert '"CONTAINER_RUNNING"' in sh(lab, f"crictl inspect {one[:8]}").text
    assert "serving client" in sh(lab, f"crictl logs {one}").text
    assert "kube-system" in sh(lab, "crictl pods").text
    assert "etcdctl version" in sh(lab, f"crictl exec {one} etcdctl version").text
    assert sh(lab, "ls /var/log/containers").text.startswith("etcd-controlplane_kube-system_etcd-")


@pytest.mark.parametrize("name", ["kubectl", "systemctl", "journalctl", "docker", "kubeadm", "helm"])
def test_what_is_not_here_says_so_in_one_line(lab, name):
    done = sh(lab, f"{name} get pods")
    assert done.code == 1
    assert done.errors.startswith(f"{name}: ")
    assert done.errors.count("\n") == 1


def test_a_static_pod_follows_its_manifest(lab):
    node = lab.node()
    sh(lab, "mv /etc/kubernetes/manifests/etcd.yaml /root/")
    eventually(lambda: not node.containers())
    sh(lab, "mv /root/etcd.yaml /etc/kubernetes/manifests/; chmod 644 /etc/kubernetes/manifests/etcd.yaml")
    eventually(lambda: [c for c in node.containers() if c.state == "running"])
    sh(
        lab,
        r"sed -i 's#--data-dir=.*#--data-dir=/var/lib/etcd\n    - --no-such-flag#' /etc/kubernetes/manifests/etcd.yaml",
    )
    eventually(lambda: [c for c in node.containers() if c.state == "exited" and c.exit_code])
    sh(lab, "printf 'a:\\n\\tb' > /etc/kubernetes/manifests/etcd.yaml")
    eventually(lambda: not node.containers())
    assert b"Could not process manifest file" in node.read("/var/log/kubelet.log")


def eventually(question, seconds=8):
    deadline = time.monotonic() + seconds
    while not question():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_an_ordinary_user_has_the_same_lab():
    need("sandbox-3.5")
    folder = tempfile.mkdtemp(prefix="cka-lab-user-")
    os.chown(folder, 65534, 65534)
    code = """
from cka_lab.providers.sandbox import SandboxProvider
from cka_lab.api import ClusterSpec
from cka_lab.wait import Progress
provider = SandboxProvider()
cluster = provider.create("plain", ClusterSpec(), Progress())
try:
    node = cluster.node()
    node.run(["bash", "-c", "mkdir -p /opt/a; echo x > /opt/a/b; chmod 000 /opt/a/b /opt/a"])
    cluster.save_baseline(Progress())
    cluster.reset(Progress())
    print(node.run(["id", "-un"]).text, node.read("/opt/a/b"), node.stat("/opt/a").mode)
finally:
    provider.delete("plain")
print(provider.labs())
"""
    python = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", sys.executable, "-c"]
    try:
        if subprocess.run([*python, "import cka_lab"], cwd="/", capture_output=True).returncode:
            pytest.skip("this Python, or this checkout, can't be read by another user")
        env = os.environ | {"CKA_LAB_HOME": f"{folder}/home"}
        done = subprocess.run([*python, code], env=env, capture_output=True, text=True, cwd="/")
        assert done.stdout == "root\n b'x\\n' 0\n[]\n", done.stderr
    finally:
        shutil.rmtree(folder)
