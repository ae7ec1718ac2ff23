"""One kind lab: its nodes, the jump host beside them, its baseline.

Folder on the host: ``kubeconfig`` · ``kind.yaml`` · ``baseline/NODE.tar.gz`` · ``private/`` our own client of etcd ·
``tools/`` etcd's tools as the cluster's own etcd image has them · ``state.json``.
"""

from __future__ import annotations

import io
import shutil
import tarfile
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

from cka_lab.api import Bench, KubeClient, ShellChannel, TrialPod
from cka_lab.errors import CkaLabError, LabFailure, LabGone
from cka_lab.etcd.manifest import pod_files
from cka_lab.providers.kind import baseline, places, trial
from cka_lab.providers.kind.engine import engine, ours
from cka_lab.providers.kind.node import KindNode
from cka_lab.providers.kind.state import State
from cka_lab.wait import Progress, until

READY_SECONDS = 240.0
"""A control plane that comes back after an edit of etcd's manifest takes 70-111 s."""
DATA_DIR = "/var/lib/etcd"
PKI = "/etc/kubernetes/pki"
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
READY = ["kubectl", "--kubeconfig", "/etc/kubernetes/admin.conf", "--request-timeout=2s", "get", "--raw=/readyz"]
STATES = 'jsonpath={range .items[*]}{.status.conditions[?(@.type=="Ready")].status}{" "}{end}'
NODES_READY = [*READY[:4], "get", "nodes", "-o", STATES]


class KindCluster:
    """api.Cluster on docker containers."""

    provider = "kind"
    follow_seconds = 180.0

    def __init__(self, folder: Path, state: State) -> None:
        self.id = folder.name
        self.folder = folder
        self.state = state
        self.spec = state.spec
        self._nodes: dict[str, KindNode] = {}

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
            return all(container_status(name) == "running" for name in self.names())
        except CkaLabError:
            return False

    def client_files(self) -> Mapping[str, bytes]:
        private = self.folder / "private"
        return {path.name: path.read_bytes() for path in private.iterdir()}

    @contextmanager
    def trial_pod(self, namespace: str = "default") -> Iterator[TrialPod]:
        with trial.pod(KubeClient(self.node(), self.client_files()), self.node(), namespace) as made:
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

    def fetch_tools(self) -> None:
        """etcd's own tools, out of the image that the cluster's etcd runs from: on every control plane, and for us."""
        for name in self.state.control_planes:
            self.node(name).run(["bash", "-c", TOOLS], timeout=60)
        tools = self.folder / "tools"
        tools.mkdir(exist_ok=True)
        done = self.node().run(["tar", "-C", "/usr/local/bin", "-cf", "-", "etcdctl", "etcdutl"], timeout=60)
        with tarfile.open(fileobj=io.BytesIO(done.out)) as tar:
            tar.extractall(tools, filter="data")

    def wait_ready(self, progress: Progress, timeout: float = READY_SECONDS) -> None:
        """Until the API server is ready and every node says that it is."""
        until(
            self._ready, f"the cluster {self.state.cluster}", timeout=timeout, every=0.3, cancel=progress.cancel,
            hopeless=self._ended,
        )  # fmt: skip

    def _ready(self) -> bool:
        node = self.node()
        if self.api_ready():
            states = node.run(NODES_READY, timeout=10).text.split()
            if len(states) >= len(self.state.nodes) and set(states) == {"True"}:
                return True
            raise LabFailure(f"nodes that are Ready: {states.count('True')} of {len(self.state.nodes)}")
        raise LabFailure("the API server is not ready")

    def api_ready(self) -> bool:
        return self.node().run(READY, timeout=10, ok=range(256)).text.strip() == "ok"

    def _ended(self) -> str:
        gone = [name for name in self.state.nodes if container_status(name) not in ("running", "restarting")]
        return f"the container {gone[0]} does not run" if gone else ""

    # -- baseline ----------------------------------------------------------------------------------------------

    def save_baseline(self, progress: Progress) -> None:
        progress.check()
        (self.folder / "baseline").mkdir(mode=0o700, exist_ok=True)
        self.state.data_dirs = {name: self._data_dir(name) for name in self.state.control_planes}
        self.state.api_at_baseline = self.api_ready()
        self._on_every_node(self._save)
        self.state.save(self.folder)

    def _save(self, name: str) -> None:
        baseline.save(self.node(name), self.state.data_dirs.get(name, ""), self._saved(name))

    def _saved(self, name: str) -> Path:
        return self.folder / "baseline" / f"{name}.tar.gz"

    def _data_dir(self, name: str) -> str:
        """Where on the node etcd's data lie, by the manifest."""
        for pod in pod_files(self.node(name)):
            if pod.name == "etcd" and (path := pod.host_path(pod.flags.get("data-dir", ""))):
                return path
        return DATA_DIR

    def reset(self, progress: Progress) -> None:
        if not self._saved(self.state.nodes[0]).exists():
            raise LabFailure(f"the lab {self.id} has no baseline", fix=f"`cka-lab stop {self.id}`, then start it anew")
        with progress.step("the containers"):
            for name in self.state.nodes:
                wake(name)
        with progress.step("files and etcd back to the starting point"):
            self._on_every_node(self._restore)
        with progress.step("the control plane, and a new jump host"), ThreadPoolExecutor(1) as beside:
            renewed = beside.submit(self._renew_base)
            if self.state.api_at_baseline:
                self.wait_ready(progress)
            renewed.result()

    def _renew_base(self) -> None:
        places.remove(self.state.base)
        self._nodes.pop(self.state.base, None)
        places.make_base(self.state)
        places.furnish(self.state, self.internal_kubeconfig())

    def internal_kubeconfig(self) -> bytes:
        """The kubeconfig as it is used inside the cluster's network."""
        import yaml

        config = yaml.safe_load((self.folder / "kubeconfig").read_text())
        for cluster in config["clusters"]:
            cluster["cluster"]["server"] = f"https://{self.state.control_planes[0]}:6443"
        return yaml.safe_dump(config).encode()

    def _restore(self, name: str) -> None:
        baseline.restore(self.node(name), self.state.data_dirs.get(name, ""), self._saved(name))

    def _on_every_node(self, work: Callable[[str], None]) -> None:
        with ThreadPoolExecutor(8) as pool:
            for _ in pool.map(work, self.state.nodes):
                pass

    # -- bench -------------------------------------------------------------------------------------------------

    @contextmanager
    def bench(self) -> Iterator[Bench]:
        folder = Path(tempfile.mkdtemp(prefix="bench-", dir=self.folder))
        bench = places.KindBench(self.state, self.folder / "tools", folder)
        try:
            yield bench
        finally:
            bench.close()
            shutil.rmtree(folder, ignore_errors=True)


def container_status(name: str) -> str:
    """running, exited, paused, restarting ...; "gone" where there is no such container."""
    with suppress(LabGone), ours(name):
        return str(engine().api.inspect_container(name)["State"]["Status"])
    return "gone"


def wake(name: str) -> None:
    """Make a container run, whatever became of it; LabGone where it is not there any more."""
    status = container_status(name)
    if status == "gone":
        raise LabGone(f"the container {name} is not there any more", fix="stop the lab, and start the scenario anew")
    with ours(name):
        if status == "paused":
            engine().api.unpause(name)
        elif status != "running":
            engine().api.start(name)
    until(lambda: container_status(name) == "running", f"the container {name}", timeout=30, every=0.1)
