"""Real clusters of every shape, images brought into them, and the pool of warm ones."""

from __future__ import annotations

import io
import time

import pytest

from cka_lab.api import ClusterSpec
from cka_lab.catalog import Catalog
from cka_lab.errors import NotAvailable
from cka_lab.lab import Labs
from cka_lab.providers.kind import command, containers, image, pool
from cka_lab.providers.kind.engine import engine
from cka_lab.store import Store
from cka_lab.wait import Progress, until
from tests.bed import KUBECTL, sh, take_away
from tests.places import need
from tests.registry import registry

pytestmark = pytest.mark.xdist_group("kind-shapes")
IMAGE = "cka-lab-test/tool:1"
PATCH = """\
kind: ClusterConfiguration
apiServer:
  extraArgs:
    - {name: max-requests-inflight, value: "123"}
"""
BALANCER = """\
FROM {base}
RUN printf '%s\\n' '#!/bin/bash' \\
 'for host in $(sed -nE "s/.*address: *\\"?([a-z][^\\", }}]*)\\"?.*/\\\\1/p" /home/envoy/cds.yaml | sort -uR); do' \\
 'timeout 1 bash -c "</dev/tcp/$host/6443" 2>/dev/null && exec socat - TCP:$host:6443; done' >/usr/local/bin/forward \\
 && printf '%s\\n' '#!/bin/bash' 'exec socat TCP-LISTEN:6443,fork,reuseaddr EXEC:forward' >/usr/local/bin/envoy \\
 && chmod +x /usr/local/bin/*
ENTRYPOINT []
"""
"""Stands in for kind's own balancer where that is not to be had: connections go to any API server that answers."""


@pytest.fixture(scope="module")
def tool():
    """An image that docker has, and no node image."""
    need("kind")
    base = image.derived(Progress())
    name = next(name for name in sorted(image.has_images(base)) if name.startswith("docker.io/library/busybox"))
    engine().images.get(name.removeprefix("docker.io/library/")).tag(IMAGE)
    yield IMAGE
    engine().images.remove(IMAGE)


@pytest.fixture(scope="module")
def cluster(provider, tool):
    spec = ClusterSpec(workers=1, unjoined=1, kubeadm=(PATCH,), images=(tool,))
    made = provider.create("shapes", spec, Progress())
    made.save_baseline(Progress())
    yield made
    provider.delete("shapes")


def ready(cluster):
    """The Nodes' states. BALANCER does not ask whether an API server is ready, as kind's does: one may be starting."""
    get = f"{KUBECTL} get node --no-headers"
    lines = until(lambda: sh(cluster, get).text, "an answer", timeout=60, every=1).splitlines()
    return {line.split()[0].removeprefix(f"{cluster.state.cluster}-"): line.split()[1] for line in lines}


def test_a_worker_a_machine_outside_and_a_patch_of_kubeadm(cluster):
    assert ready(cluster) == {"control-plane": "Ready", "worker": "Ready"}
    assert "--max-requests-inflight=123" in sh(cluster, "cat /etc/kubernetes/manifests/kube-apiserver.yaml").text
    outside = sh(cluster, "kubeadm version -o short; kubelet --version; ls /etc/kubernetes/*.conf", "node02")
    assert outside.text.startswith("v1.")
    assert ".conf" not in outside.text
    login = 'for host in controlplane node01 node02; do ssh "$host" sudo -i hostname; done'
    said = cluster.node("base").run(["runuser", "-l", "candidate", "-c", login], timeout=30).text.split()
    assert said == [cluster.node(name).name for name in ("controlplane", "node01", "node02")]


def test_images_are_in_every_node(cluster, tool):
    for node in ("controlplane", "node01"):
        assert tool.split(":")[0] in sh(cluster, "crictl images", node).text
    pod = f"{KUBECTL} run tool --image={tool} --image-pull-policy=Never --restart=Never -- true"
    assert sh(cluster, pod).code == 0
    wait = "kubectl wait pod/tool --for=jsonpath='{.status.phase}'=Succeeded --timeout=30s"
    assert sh(cluster, wait, timeout=60).code == 0


def join(cluster):
    command = sh(cluster, "kubeadm token create --print-join-command").text.strip()
    return sh(cluster, f"{command} --ignore-preflight-errors=all", "node02", timeout=120)


def test_a_machine_joins_and_a_reset_takes_it_out_again(cluster):
    done = join(cluster)
    assert done.code == 0, done.errors
    wait = f"kubectl wait node/{cluster.state.unjoined[0]} --timeout=60s --for"
    assert sh(cluster, f"{wait}=create && {wait}=condition=Ready", timeout=150).code == 0
    sh(cluster, f"{KUBECTL} label node --all x=y; {KUBECTL} delete pod tool --ignore-not-found")
    sh(cluster, "systemctl disable --now kubelet; touch /opt/x; rm -rf /etc/cni/net.d", "node01")
    cluster.reset(Progress())
    assert ready(cluster) == {"control-plane": "Ready", "worker": "Ready"}
    assert sh(cluster, "ls /etc/kubernetes/*.conf /opt/x", "node02").text == ""
    assert sh(cluster, "ls /opt/x", "node01").text == ""
    assert sh(cluster, f"{KUBECTL} get node -l x=y -o name").text == ""
    done = join(cluster)
    assert done.code == 0, "it can join again: " + done.errors


def test_an_image_that_is_not_to_be_had_is_told_before_anything_is_made(provider):
    spec = ClusterSpec(images=("cka-lab-test.invalid/none:1",))
    steps = []
    with pytest.raises(NotAvailable, match=r"not available here, because .*cka-lab-test\.invalid/none:1"):
        provider.create("never", spec, Progress(steps.append))
    assert "nodes" not in str(steps)
    assert "never" not in provider.labs()


def test_images_are_pulled_by_tag_and_by_digest(tool, tmp_path):
    saved = tmp_path / "tool.tar"
    with saved.open("wb") as file:
        file.writelines(engine().images.get(tool).save())
    with registry(saved) as made:
        for name in (made.reference, made.pinned):
            assert not image.is_here(name)
            image.pull(name, Progress())
            assert image.is_here(name)
            engine().images.remove(name)
        wrong = made.reference.replace("/tool:1", "/none:1")
        with pytest.raises(NotAvailable, match="can't be pulled"):
            image.pull(wrong, Progress())


# -- three control planes --------------------------------------------------------------------------------------


@pytest.fixture
def balancer():
    """kind's own, or its stand-in, which is removed afterwards."""
    need("kind")
    name = command.balancer()
    assert name, "kind's program names the image"
    short = name.removeprefix("docker.io/")
    made = not image.is_here(short)
    if made:
        dockerfile = io.BytesIO(BALANCER.format(base=image.wanted()).encode())
        engine().images.build(fileobj=dockerfile, tag=short, rm=True)
    yield name
    if made:
        engine().images.remove(short, force=True)


def test_three_control_planes(provider, balancer):
    cluster = provider.create("three", ClusterSpec(control_planes=3), Progress())
    try:
        cluster.save_baseline(Progress())
        assert set(ready(cluster).values()) == {"Ready"}
        assert len(ready(cluster)) == 3
        certs = "--cacert /etc/kubernetes/pki/etcd/ca.crt --cert /etc/kubernetes/pki/etcd/server.crt"
        members = f"etcdctl {certs} --key /etc/kubernetes/pki/etcd/server.key member list"
        assert sh(cluster, members).text.count("started") == 3
        sh(cluster, "systemctl stop kubelet; pkill -9 etcd; rm -rf /var/lib/etcd /etc/kubernetes", "controlplane2")
        sh(cluster, f"{KUBECTL} create configmap later")
        cluster.reset(Progress())
        assert set(ready(cluster).values()) == {"Ready"}
        assert sh(cluster, members).text.count("started") == 3
        later = until(lambda: sh(cluster, f"{KUBECTL} get configmap later --ignore-not-found && echo answered").text,
                      "an answer", timeout=60, every=1)  # fmt: skip
        assert later == "answered\n", "what came after the baseline is gone"
        login = f"ssh controlplane3 sudo -i {KUBECTL} get node --no-headers | wc -l"
        argv = ["runuser", "-l", "candidate", "-c", login]
        until(lambda: cluster.node("base").run(argv, timeout=30).text == "3\n", "three Nodes", timeout=60, every=1)
    finally:
        provider.delete("three")


# -- the pool --------------------------------------------------------------------------------------------------


@pytest.fixture
def labs(provider, tmp_path):
    provider.drop_spares()
    return Labs(Catalog.find(), Store(tmp_path / "store.sqlite3"), {"kind": provider})


def steps_of(work):
    steps = []
    work(Progress(lambda event: steps.append(getattr(event, "title", ""))))
    return " ".join(steps)


def until_fresh(provider):
    until(lambda: any(spare.fresh for spare in provider.spares()), "a cluster as new", timeout=60, every=0.2)


def test_a_lab_leaves_its_cluster_warm_and_the_next_one_takes_it(labs, provider, monkeypatch):
    first = labs.start("etcd-snapshot-save", "kind")
    name = first.cluster.state.cluster
    first.cluster.node().run(["bash", "-c", f"touch /opt/x; {KUBECTL} create ns x"])
    first.stop()
    assert [spare.id for spare in provider.spares()] == [name]
    assert first.id not in provider.labs()
    until_fresh(provider)
    began = time.monotonic()
    started = []
    steps = steps_of(lambda progress: started.append(labs.start("etcd-snapshot-save", "kind", progress)))
    assert "warm" in steps
    assert "nodes" not in steps
    assert time.monotonic() - began < 15
    lab = started[0]
    assert lab.cluster.state.cluster == name
    assert provider.spares() == []
    assert sh(lab.cluster, f"ls /opt/x; {KUBECTL} get ns x -o name").text == ""
    assert lab.check().score.earned == 0
    monkeypatch.setenv(pool.SETTING, "off")
    lab.stop()
    assert provider.spares() == []
    assert containers.status(f"{name}-control-plane") == "gone"


def test_another_shape_or_a_dead_cluster_is_not_taken_over(labs, provider):
    lab = labs.start("etcd-snapshot-save", "kind")
    name = lab.cluster.state.cluster
    lab.stop()
    until_fresh(provider)
    assert pool.take(type(lab.cluster.state)(image="other"), pool.root().parent / "never", Progress()) is None
    take_away(f"{name}-control-plane", "kill")
    again = labs.start("etcd-snapshot-save", "kind")
    assert again.cluster.alive()
    assert again.check().score.earned == 0
    again.stop()
    until_fresh(provider)
    assert labs.clean()
    assert provider.spares() == []
    assert not [c for c in engine().api.containers(all=True) if name in c["Names"][0]]
