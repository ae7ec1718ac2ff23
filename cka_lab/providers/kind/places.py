"""The containers beside a cluster: the jump host where the learner sits, and the bench for trial restores."""

from __future__ import annotations

import tarfile
import tempfile
from collections.abc import Collection, Sequence
from pathlib import Path

from cka_lab.api import Completed
from cka_lab.errors import LabFailure
from cka_lab.providers.kind.containers import copy, remove, start
from cka_lab.providers.kind.engine import engine, ours
from cka_lab.providers.kind.node import KindNode
from cka_lab.providers.kind.state import State

USER = "candidate"
HOME = f"/home/{USER}"
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
SSH_CONFIG = """\
Host {names}
    HostName {container}
    User candidate
    IdentityFile ~/.ssh/id_ed25519
    StrictHostKeyChecking no
    UserKnownHostsFile /dev/null
    LogLevel ERROR
"""
CUT_OFF = "ip route del default; for gateway in $@; do ip route add prohibit $gateway/32; done"
"""Seen from the jump host, the host itself is not there."""


def make_base(state: State) -> None:
    """The jump host: ssh to every node without a question, kubectl for the cluster, no way to the host."""
    start(state.base, state.image, hostname="base", network=state.cluster)
    with ours(state.base):
        api = engine().api
        ipam = api.inspect_network(state.cluster)["IPAM"]["Config"] or []
        gateways = [c["Gateway"] for c in ipam if ":" not in c.get("Gateway", ":")]
        made = api.exec_create(state.base, ["bash", "-c", CUT_OFF, "cut-off", *gateways], privileged=True, user="root")
        api.exec_start(made["Id"])
        if code := api.exec_inspect(made["Id"])["ExitCode"]:
            raise LabFailure(f"the jump host can't be cut off from this machine (exit code {code})")


def furnish(state: State, key: bytes, kubeconfig: bytes) -> None:
    """The jump host's key, and the configuration of ssh and kubectl."""
    names = {container: [alias, container] for alias, container in state.aliases.items()}
    config = "".join(SSH_CONFIG.format(names=" ".join(both), container=name) for name, both in names.items())
    base = KindNode(state.base)
    base.put(
        {
            f"{HOME}/.ssh/id_ed25519": (key, 0o600),
            f"{HOME}/.ssh/config": (config.encode(), 0o600),
            f"{HOME}/.kube/config": (kubeconfig, 0o600),
        }
    )
    base.run(["chown", "-R", f"{USER}:{USER}", HOME])


def admit(node: KindNode, public: bytes, kubeconfig: bytes) -> None:
    """Let the holder of a key in by ssh; kubectl is configured there where a ``kubeconfig`` is given."""
    node.put({f"{HOME}/.ssh/authorized_keys": (public, 0o600)})
    if kubeconfig:
        node.put({f"{HOME}/.kube/config": (kubeconfig, 0o600)})
    node.run(["bash", "-c", f"chown -R {USER}:{USER} {HOME}; systemctl start ssh || /usr/sbin/sshd"])


def ssh_pair() -> tuple[bytes, bytes]:
    """A private and a public key."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    key = Ed25519PrivateKey.generate()
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
    )
    return secret, key.public_key().public_bytes(
        serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
    ) + b"\n"


class KindBench:
    """api.Bench: a container without network, made for the first command.

    ``folder`` is copied in before each command and out after it, never mounted: docker may be another machine, or
    we a container whose folders it doesn't see. Costs 0.3 s for a trial restore.
    """

    def __init__(self, state: State, folder: Path) -> None:
        self.folder = folder
        self._state = state
        self._node: KindNode | None = None

    def run(self, argv: Sequence[str], *, timeout: float = 30.0, ok: Collection[int] = (0,)) -> Completed:
        if self._node is None:
            name = f"{self._state.cluster}-{self.folder.name}"
            start(name, self._state.image, network_mode="none")
            self._node = KindNode(name)
            if self._node.stat("/usr/local/bin/etcdutl") is None:
                copy(self._state.control_planes[0], name, "/usr/local/bin/etcdutl")
        copy_in(self._node.container, self.folder, "/bench")
        done = self._node.run(argv, timeout=timeout, ok=ok, env={"PATH": PATH, "HOME": "/tmp"}, cwd="/bench")
        copy_out(self._node.container, "/bench", self.folder)
        return done

    def close(self) -> None:
        if self._node:
            remove(self._node.container)


def copy_in(name: str, folder: Path, to: str) -> None:
    """Put a folder of ours into a container as root's own folder ``to``."""
    with tempfile.TemporaryFile() as packed:
        with tarfile.open(fileobj=packed, mode="w") as tar:
            tar.add(folder, to, filter=lambda info: info.replace(uid=0, gid=0, uname="", gname="", deep=False))
        packed.seek(0)
        with ours(name):
            engine().api.put_archive(name, "/", packed)


def copy_out(name: str, folder: str, to: Path) -> None:
    """Bring what is in a container's folder into one of ours; what is only in ours stays."""
    with tempfile.TemporaryFile() as packed:
        with ours(name):
            packed.writelines(engine().api.get_archive(name, f"{folder}/.")[0])
        packed.seek(0)
        with tarfile.open(fileobj=packed) as tar:
            tar.extractall(to, filter="data")
