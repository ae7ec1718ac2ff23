"""One kind lab: its nodes, the jump host beside them, its baseline.

Folder on the host: ``kubeconfig`` · ``kind.yaml`` · ``baseline/`` and ``pristine/`` saved states · ``private/`` our own
clients · ``ssh_key`` the learner's · ``state.json``.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

from cka_lab.api import Addon, Bench, KubeClient, NotServed, ShellChannel, TrialPod, condition
from cka_lab.errors import CkaLabError, LabFailure
from cka_lab.etcd.manifest import pod_files
from cka_lab.providers.kind import containers, helm, places, trial, trouble
from cka_lab.providers.kind.baseline import Baseline, know
from cka_lab.providers.kind.image import has_images
from cka_lab.providers.kind.node import KindNode
from cka_lab.providers.kind.state import State
from cka_lab.wait import Progress, until
from cka_lab.wire import Connections

READY_SECONDS = 240.0
"""A control plane that comes back after an edit of etcd's manifest takes 70-111 s."""
API_PORT, ETCD_PORT = 6443, 2379
DATA_DIR = "/var/lib/etcd"
PKI = "/etc/kubernetes/pki"
KNOWS = f"""
cd {PKI}
curl -sk -m 2 --cert apiserver-kubelet-client.crt --key apiserver-kubelet-client.key https://127.0.0.1:10250/pods |
    grep -q '"kubernetes.io/config.source":"api"'
"""
"""Does a kubelet know of pods that it can have from the API server alone?"""
TOOLS = """
set -e
image=$(crictl images -q registry.k8s.io/etcd | head -1)
name=$(ctr -n k8s.io images ls -q | grep -m1 '/etcd:')
mkdir -p /run/.cka-lab-etcd
ctr -n k8s.io images mount "$name" /run/.cka-lab-etcd >/dev/null
cp /run/.cka-lab-etcd/usr/local/bin/etcdctl /run/.cka-lab-etcd/usr/local/bin/etcdutl /usr/local/bin/
ctr -n k8s.io images unmount --rm /run/.cka-lab-etcd >/dev/null 2>&1 || umount /run/.cka-lab-etcd
rmdir /run/.cka-lab-etcd
"""
UNJOIN = """
kubeadm reset -f >/dev/null 2>&1 || { echo "kubeadm reset failed" >&2; exit 1; }
rm -rf /etc/cni/net.d/* /kind/kubeadm.conf
for tables in iptables ip6tables; do $tables-save | grep -v -e KUBE- -e KIND- | $tables-restore; done
"""
"""The rules that stay are docker's own: its name server is behind them."""


class KindCluster:
    """api.Cluster on docker containers."""

    provider = "kind"
    follow_seconds = 300.0

    def __init__(self, folder: Path, state: State) -> None:
        self.id = folder.name
        self.folder = folder
        self.state = state
        self.spec = state.spec
        self._nodes: dict[str, KindNode] = {}
        self._connections = Connections()

    def names(self) -> Sequence[str]:
        return (*self.state.nodes, self.state.base)

    def node(self, name: str | None = None) -> KindNode:
        """By its own name, or as tasks call it: controlplane, node01, base."""
        wanted = {**self.state.aliases, "base": self.state.base}.get(name or "", name or self.state.nodes[0])
        if wanted not in self.names():
            raise LabFailure(f"the cluster has no node {name!r}, only {', '.join(self.names())}")
        return self._nodes.setdefault(wanted, KindNode(wanted))

    def shell(self, rows: int, cols: int, term: str, node: str | None = None) -> ShellChannel:
        """The learner's place: the jump host, or a node straight away."""
        if node in (None, "base"):
            return self.node("base").shell_as(places.USER, rows, cols, term)
        return self.node(node).shell(rows, cols, term)

    def alive(self) -> bool:
        """Do all its containers run?"""
        try:
            return all(containers.status(name) == "running" for name in self.state.containers)
        except CkaLabError:
            return False

    def trouble(self) -> str:
        return trouble.of(self.state, self.baseline.known() if self.baseline.exists() else {})

    def client_files(self) -> Mapping[str, bytes]:
        private = self.folder / "private"
        return {path.name: path.read_bytes() for path in private.iterdir()}

    @contextmanager
    def trial_pod(self, namespace: str = "default") -> Iterator[TrialPod]:
        with trial.pod(self.api(), trial.image(has_images(self.state.image)), namespace) as made:
            yield made

    # -- making it ---------------------------------------------------------------------------------------------

    def make_client(self) -> None:
        """Client certificates of our own for etcd and the API server, signed by the CAs that kubeadm made."""
        from cryptography.hazmat.primitives.serialization import load_pem_private_key
        from cryptography.x509 import load_pem_x509_certificate

        from cka_lab.pki import CLIENT, Authority

        private = self.folder / "private"
        private.mkdir(mode=0o700, exist_ok=True)
        for prefix, folder, organisation in (("", f"{PKI}/etcd", ""), ("kube-", PKI, "system:masters")):
            ca, key = self.node().read(f"{folder}/ca.crt"), self.node().read(f"{folder}/ca.key")
            authority = Authority(load_pem_private_key(key, None), load_pem_x509_certificate(ca), "ecdsa")  # type: ignore[arg-type]
            cert, secret = authority.pair("cka-lab", [CLIENT], organisation=organisation)
            for name, data in {"ca": ca, "cert": cert, "key": secret}.items():
                (private / f"{prefix}{name}").touch(0o600)
                (private / f"{prefix}{name}").write_bytes(data)

    def equip(self) -> None:
        """What the learner and we need on the machines: etcd's tools, keys, kubectl's configuration; then save the
        state to go back to between labs. Nodes need not be Ready in it.
        """
        self._fetch_tools()
        key, public = places.ssh_pair()
        self._ssh_key.touch(0o600)
        self._ssh_key.write_bytes(key)
        kubeconfig = self.internal_kubeconfig()
        for node in self.every_node():
            places.admit(node, public, kubeconfig if node.container in self.state.control_planes else b"")
        places.furnish(self.state, key, kubeconfig)
        self.save(self.pristine)

    @property
    def _ssh_key(self) -> Path:
        return self.folder / "ssh_key"

    def _fetch_tools(self) -> None:
        """etcd's own tools, where the node image has none: out of the image that the cluster's etcd runs from."""
        for name in self.state.control_planes:
            if self.node(name).stat("/usr/local/bin/etcdutl") is None:
                self.node(name).run(["bash", "-c", TOOLS], timeout=60)

    def unjoin(self) -> None:
        """Take the machines that are to be outside out of the cluster, as `kubeadm reset` leaves them."""
        for name in self.state.unjoined:
            with suppress(NotServed):
                self.api().send("DELETE", f"/api/v1/nodes/{name}")
            self.node(name).run(["bash", "-c", UNJOIN], timeout=90)

    def wait_ready(self, progress: Progress, nodes: Sequence[str] | None = None) -> None:
        """Until the API server is ready and the Nodes named (else every joined machine's) are Ready."""
        wanted = set(self.state.joined if nodes is None else nodes)
        until(
            lambda: self._ready(wanted), f"the cluster {self.state.cluster}", timeout=READY_SECONDS, every=0.1,
            cancel=progress.cancel, hopeless=self._ended,
        )  # fmt: skip

    def _ready(self, wanted: set[str]) -> bool:
        """It counts that the API server serves: /readyz waits a second longer, for what is there since long."""
        if not self.node().listens(API_PORT):  # a look at /proc, where a call would cost a process each time
            raise LabFailure("nothing listens where the API server should")
        try:
            ready = [node["metadata"]["name"] for node in self.api().list("Node") if _is_ready(node)]
        except NotServed as error:
            raise LabFailure(f"the API server does not answer: {error.why}") from error
        if missing := wanted - set(ready):
            raise LabFailure(f"not Ready: {', '.join(sorted(missing))}")
        return True

    def api(self) -> KubeClient:
        return KubeClient(self.node(), self.client_files(), connections=self._connections)

    def api_ready(self) -> bool:
        """Does the API server say that it is ready, now?"""
        try:
            return not self.api().ready()
        except NotServed:
            return False

    def _ended(self) -> str:
        gone = [name for name in self.state.nodes if containers.status(name) not in ("running", "restarting")]
        return f"the container {gone[0]} does not run" if gone else ""

    # -- baselines ---------------------------------------------------------------------------------------------

    @property
    def baseline(self) -> Baseline:
        """The state that the learner first saw."""
        return Baseline(self.folder / "baseline")

    @property
    def pristine(self) -> Baseline:
        """The state before any scenario."""
        return Baseline(self.folder / "pristine")

    def save_baseline(self, progress: Progress) -> None:
        progress.check()
        self.save(self.baseline)

    def save(self, baseline: Baseline) -> None:
        known = {}
        with ThreadPoolExecutor(1) as beside:
            ready = beside.submit(self._ready_nodes)
            for node in self.every_node():
                data_dir = self._data_dir(node.container) if node.container in self.state.control_planes else ""
                known[node.container] = know(node, self._address(node), data_dir)
            baseline.save(self.every_node(), known, ready.result())

    def _address(self, node: KindNode) -> str:
        return containers.address(node.container, self.state.cluster)

    def _ready_nodes(self) -> list[str] | None:
        """The Nodes that are Ready now; None where the API server does not serve."""
        if not self.node().listens(ETCD_PORT, API_PORT):  # else it would take some seconds to say so
            return None
        with suppress(NotServed):
            return [node["metadata"]["name"] for node in self.api().list("Node") if _is_ready(node)]
        return None

    def every_node(self) -> list[KindNode]:
        return [self.node(name) for name in self.state.nodes]

    def _data_dir(self, name: str) -> str:
        """Where on the node etcd's data lie, by the manifest."""
        for pod in pod_files(self.node(name)):
            if pod.name == "etcd" and (path := pod.host_path(pod.flags.get("data-dir", ""))):
                return path
        return DATA_DIR

    def reset(self, progress: Progress) -> None:
        if not self.baseline.exists():
            raise LabFailure(f"the lab {self.id} has no baseline", fix=f"`cka-lab stop {self.id}`, then start it anew")
        self.put_back(self.baseline, progress)

    def put_back(self, baseline: Baseline, progress: Progress) -> None:
        """Every node as it was then, and a new jump host. LabFailure where that can't be shown."""
        nodes, ready = self.every_node(), baseline.ready()
        with progress.step("the containers"):
            for name in self.state.containers[:-1]:
                containers.wake(name, self.state.cluster, boots=name != self.state.balancer)
            self._same_addresses(baseline)
        with ThreadPoolExecutor(1) as beside:
            renewed = beside.submit(self._renew_base)
            if ready is None:
                with progress.step("a control plane that works, for the kubelet to begin with"):
                    self._work_first(progress)
            with progress.step("files and etcd back to the starting point"):
                baseline.restore(nodes, self.state.image, self.state.control_planes, go_on=ready is None)
            with progress.step("the control plane"):
                if ready is not None:
                    self.wait_ready(progress, ready)
                    self._free_leadership()
                baseline.settle(nodes)
                self._fetch_tools()
            with progress.step("a new jump host"):
                renewed.result()

    def _work_first(self, progress: Progress) -> None:
        """The state before any scenario, until the kubelet knows its pods: one that is started while there is no API
        server would follow no repair of a static pod.
        """
        self.pristine.restore(self.every_node(), self.state.image, self.state.control_planes)
        self.wait_ready(progress, ())
        self.kubelets_know(progress)

    def kubelets_know(self, progress: Progress) -> None:
        """Until the control planes' kubelets have heard from the API server which pods are theirs."""
        for node in map(self.node, self.state.control_planes):
            knows = partial(node.run, ["bash", "-c", KNOWS])
            until(knows, f"the kubelet of {node.name}", timeout=READY_SECONDS, every=0.2, cancel=progress.cancel)

    def _free_leadership(self) -> None:
        """Scheduler and controllers would wait 15 s for those that held the leases when the state was saved."""
        with suppress(NotServed):
            for name in ("kube-scheduler", "kube-controller-manager"):
                self.api().send("DELETE", f"/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/{name}")

    def _same_addresses(self, baseline: Baseline) -> None:
        """Docker may give a container that was stopped another one, and then nothing of the saved state fits."""
        known = baseline.known()
        for node in self.every_node():
            if (now := self._address(node)) != (then := known[node.container].address):
                raise LabFailure(f"{node.container} has another address than before ({now}, it was {then})")

    def _renew_base(self) -> None:
        containers.remove(self.state.base)
        self._nodes.pop(self.state.base, None)
        places.make_base(self.state)
        places.furnish(self.state, self._ssh_key.read_bytes(), self.internal_kubeconfig())
        if Addon.HELM in self.spec.addons:
            helm.bring([self.node("base")], Progress())

    def internal_kubeconfig(self) -> bytes:
        """The kubeconfig as it is used inside the cluster's network."""
        import yaml

        config = yaml.safe_load((self.folder / "kubeconfig").read_text())
        for cluster in config["clusters"]:
            cluster["cluster"]["server"] = self.state.server
        return yaml.safe_dump(config).encode()

    # -- bench -------------------------------------------------------------------------------------------------

    @contextmanager
    def bench(self) -> Iterator[Bench]:
        folder = Path(tempfile.mkdtemp(prefix="bench-", dir=self.folder))
        bench = places.KindBench(self.state, folder)
        try:
            yield bench
        finally:
            bench.close()
            shutil.rmtree(folder, ignore_errors=True)


def _is_ready(node: Mapping[str, Any]) -> bool:
    """Ready, and known as such: the taint of a node that was not goes some moments later."""
    taints = [taint["key"] for taint in node["spec"].get("taints") or []]
    return condition(node, "Ready") == "True" and "node.kubernetes.io/not-ready" not in taints
