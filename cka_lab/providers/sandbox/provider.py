"""The embedded provider: a control-plane node with real etcd inside Linux namespaces."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

from cka_lab import paths
from cka_lab.api import Capability, Cluster, ClusterSpec, ProviderInfo, Spare
from cka_lab.errors import NotAvailable, NotFound
from cka_lab.providers.sandbox import etcd, machine
from cka_lab.wait import Progress

LAB_ID = re.compile(r"[a-z0-9][a-z0-9.-]{0,80}")


class SandboxProvider:
    """Labs in folders below the data folder, each with its processes.

    Imports what makes labs only when one is made: `cka-lab list` asks info() and no more.
    """

    name = "sandbox"

    def info(self, *, deep: bool = False) -> ProviderInfo:
        problems = list(machine.problems(paths.labs(self.name)))
        facts = {}
        capabilities = {Capability.ETCD, Capability.ETCD_CLUSTER, Capability.STATIC_PODS}
        try:
            tools = etcd.find()
            facts["etcd"] = f"{tools.version} ({tools.folder})"
            if tools.knows_bump:
                capabilities.add(Capability.SNAPSHOT_BUMP)
        except NotAvailable as error:
            problems.append(machine.no_etcd(error))
        return ProviderInfo(self.name, "embedded sandbox", frozenset(capabilities), tuple(problems), facts)

    def create(self, lab_id: str, spec: ClusterSpec, progress: Progress) -> Cluster:
        from cka_lab.providers.sandbox import host, layout
        from cka_lab.providers.sandbox.cluster import SandboxCluster, State

        if (spec.control_planes, spec.workers, spec.unjoined) != (1, 0, 0) or spec.etcd_members not in (1, 3):
            raise NotAvailable("the sandbox has one control-plane node with one or three etcd members")
        if spec.addons or spec.kubeadm:
            raise NotAvailable("the sandbox has no add-ons, and no kubeadm")
        if not LAB_ID.fullmatch(lab_id):
            raise NotAvailable(f"{lab_id!r} is no name for a lab")
        tools = etcd.find()
        folder = paths.make_private(paths.labs(self.name)) / lab_id
        folder.mkdir(mode=0o700)
        try:
            with progress.step("files and certificates"):
                private = folder / "private"
                private.mkdir(mode=0o700)
                layout.make(folder / "root", private, spec, tools, os.environ.get("CKA_LAB_KEYS", "ecdsa"))
                host.own(folder / "root")
            cluster = SandboxCluster(folder, State(spec, str(tools.folder), tools.version))
            with progress.step("the node"):
                cluster.boot(progress)
            with progress.step("etcd"):
                cluster.wait_healthy(progress)
        except BaseException:
            self.delete(lab_id)
            raise
        return cluster

    def attach(self, lab_id: str) -> Cluster:
        folder = self._folder(lab_id)
        if not folder.is_dir():
            raise NotFound(f"there is no sandbox lab {lab_id!r}")
        from cka_lab.providers.sandbox.cluster import SandboxCluster, State

        return SandboxCluster(folder, State.load(folder))

    def labs(self) -> Sequence[str]:
        folder = paths.labs(self.name)
        return sorted(entry.name for entry in folder.iterdir()) if folder.is_dir() else []

    def delete(self, lab_id: str) -> None:
        from cka_lab.providers.sandbox import host
        from cka_lab.providers.sandbox.cluster import SandboxCluster, State

        folder = self._folder(lab_id)
        if not folder.is_dir():
            return
        SandboxCluster(folder, State.load(folder)).end()
        host.remove(folder)

    def retire(self, lab_id: str) -> None:
        self.delete(lab_id)

    def spares(self) -> Sequence[Spare]:
        return ()

    def drop_spares(self) -> None:
        pass

    def _folder(self, lab_id: str) -> Path:
        if not LAB_ID.fullmatch(lab_id):
            raise NotFound(f"there is no sandbox lab {lab_id!r}")
        return paths.labs(self.name) / lab_id
