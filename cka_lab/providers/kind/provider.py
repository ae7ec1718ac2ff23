"""The kind provider: real clusters in docker containers."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from cka_lab import paths
from cka_lab.api import Capability, Cluster, ClusterSpec, ProviderInfo
from cka_lab.errors import CkaLabError, LabFailure, NotAvailable, NotFound
from cka_lab.providers.kind import preflight
from cka_lab.wait import Progress

CAPABILITIES = frozenset(
    {
        Capability.ETCD, Capability.STATIC_PODS, Capability.KUBE_API, Capability.WORKLOADS, Capability.SYSTEMD,
        Capability.MULTI_NODE, Capability.KUBEADM, Capability.SNAPSHOT_BUMP,
    }
)  # fmt: skip


class KindProvider:
    """Labs in folders below the data folder, each with a cluster of its own in docker."""

    name = "kind"

    def info(self) -> ProviderInfo:
        return ProviderInfo(self.name, "kind clusters in docker", CAPABILITIES, preflight.problems(), preflight.facts())

    def create(self, lab_id: str, spec: ClusterSpec, progress: Progress) -> Cluster:
        from cka_lab.providers.kind import command, image, places
        from cka_lab.providers.kind.cluster import KindCluster
        from cka_lab.providers.kind.engine import LABEL, engine, home_mark, ours
        from cka_lab.providers.kind.state import State

        if spec.etcd_members != 1:
            raise NotAvailable("a kind cluster has one etcd on each control plane")
        with progress.step("preflight"):
            preflight.require(spec)
        folder = paths.make_private(paths.labs(self.name)) / lab_id
        folder.mkdir(mode=0o700)
        state = State(f"cka-{home_mark()}{os.urandom(2).hex()}", spec=spec)
        try:
            state.image = image.derived(progress)
            state.save(folder)
            cluster = KindCluster(folder, state)
            with progress.step("network"), ours("network"):
                engine().networks.create(state.cluster, driver="bridge", labels={LABEL: home_mark()})
            with progress.step("nodes (about half a minute)"), ThreadPoolExecutor(1) as beside:
                base = beside.submit(places.make_base, state)
                command.create(state.cluster, spec, state.image, state.cluster, folder, progress.cancel)
                base.result()
            with progress.step("tools and keys"):
                cluster.fetch_tools()
                cluster.make_client()
                places.furnish(state, cluster.internal_kubeconfig())
            with progress.step("ready"):
                cluster.wait_ready(progress)
            progress.check()
        except BaseException:
            self.delete(lab_id)
            raise
        return cluster

    def attach(self, lab_id: str) -> Cluster:
        from cka_lab.providers.kind.cluster import KindCluster
        from cka_lab.providers.kind.state import State

        folder = self._folder(lab_id)
        if not folder.is_dir():
            raise NotFound(f"there is no kind lab {lab_id!r}")
        return KindCluster(folder, State.load(folder))

    def labs(self) -> Sequence[str]:
        """Labs that have a folder, and clusters that have lost theirs."""
        folder = paths.labs(self.name)
        known = sorted(entry.name for entry in folder.iterdir()) if folder.is_dir() else []
        if not known and not preflight.engine_is_near():
            return known
        from cka_lab.providers.kind.engine import leftovers

        with suppress(CkaLabError):
            known += leftovers([self._state(lab).cluster for lab in known])
        return known

    def delete(self, lab_id: str) -> None:
        from cka_lab.providers.kind.engine import remove_all

        folder = self._folder(lab_id)
        cluster = self._state(lab_id).cluster or (lab_id if not folder.is_dir() else "")
        if cluster:
            try:
                remove_all(cluster)
            except CkaLabError as error:
                raise LabFailure(f"the cluster {cluster} can't be removed: {error.message}", fix=error.fix) from error
        shutil.rmtree(folder, ignore_errors=True)

    def _state(self, lab_id: str):  # type: ignore[no-untyped-def]
        from cka_lab.providers.kind.state import State

        return State.load(self._folder(lab_id))

    def _folder(self, lab_id: str) -> Path:
        if not lab_id or "/" in lab_id or lab_id.startswith("."):
            raise NotFound(f"there is no kind lab {lab_id!r}")
        return paths.labs(self.name) / lab_id
