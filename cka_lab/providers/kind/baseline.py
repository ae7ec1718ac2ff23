"""A node's state as it was when the learner came: saved on the host, put back in place."""

from __future__ import annotations

import time
from pathlib import Path

from cka_lab.errors import CommandFailed, LabFailure
from cka_lab.providers.kind.agent import script
from cka_lab.providers.kind.node import KindNode

PATHS = (
    "etc/kubernetes", "etc/cni/net.d", "etc/containerd", "etc/default", "etc/systemd/system", "etc/sysctl.d",
    "etc/etcd", "etc/cron.d",
    "etc/crontab", "etc/ssh", "etc/sudoers.d", "etc/passwd", "etc/group", "etc/shadow", "var/spool/cron",
    "var/lib/kubelet/config.yaml", "var/lib/kubelet/kubeadm-flags.env", "var/lib/kubelet/pki",
    "var/local-path-provisioner", "root", "home", "opt", "srv", "mnt", "backup",
)  # fmt: skip
"""What is saved and put back, from the root."""
SAVE_SECONDS = 60.0
RESTORE_SECONDS = 120.0


def save(node: KindNode, data_dir: str, to: Path) -> None:
    """Keep a node's state in a file on the host; etcd stands still for the moment of the copy."""
    done = node.run(["bash", "-c", _of("save.sh"), "save", data_dir], timeout=SAVE_SECONDS, cwd="/")
    draft = to.with_suffix(".new")
    draft.touch(0o600)
    draft.write_bytes(done.out)
    draft.rename(to)


def restore(node: KindNode, data_dir: str, source: Path) -> None:
    """Put a node's state back and start its services. LabFailure says what did not work."""
    try:
        data = source.read_bytes()
    except FileNotFoundError as error:
        raise LabFailure("no baseline was saved") from error
    began = time.monotonic()
    try:
        node.run(["bash", "-c", _of("restore.sh"), "restore", data_dir], stdin=data, timeout=RESTORE_SECONDS, cwd="/")
    except CommandFailed as error:
        took = time.monotonic() - began
        raise LabFailure(f"{node.container} can't be put back ({took:.0f} s): {error.err.strip()[-300:]}") from error


def _of(name: str) -> str:
    return script(name).replace("@PATHS@", " ".join(PATHS))
