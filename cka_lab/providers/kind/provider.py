"""The kind provider: real clusters in docker containers."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from cka_lab import paths
from cka_lab.api import Capability, Cluster, ClusterSpec, Problem, ProviderInfo, Spare
from cka_lab.errors import CkaLabError, LabFailure, NotAvailable, NotFound
from cka_lab.providers.kind import preflight
from cka_lab.providers.kind.state import State
from cka_lab.wait import Progress

if TYPE_CHECKING:
    from cka_lab.providers.kind.cluster import KindCluster

CAPABILITIES = frozenset(
    {
        Capability.ETCD, Capability.STATIC_PODS, Capability.KUBE_API, Capability.WORKLOADS, Capability.SYSTEMD,
        Capability.MULTI_NODE, Capability.KUBEADM, Capability.SNAPSHOT_BUMP, Capability.ETCD_SYSTEMD,
        Capability.NETWORK_POLICY, Capability.METRICS, Capability.GATEWAY, Capability.HELM,
    }
)  # fmt: skip


class KindProvider:
    """Labs in folders below the data folder, each with a cluster of its own in docker."""

    name = "kind"

    def info(self, *, deep: bool = False) -> ProviderInfo:
        problems = preflight.problems()
        facts: dict[str, str] = {}
        warnings: tuple[Problem, ...] = ()
        if deep and not problems:
            from cka_lab.providers.kind import examination

            try:
                facts, warnings = examination.facts(), tuple(examination.advice())
            except CkaLabError as error:
                problems = (Problem("docker does not answer as it should", error.message, "docker info"),)
        return ProviderInfo(self.name, "kind clusters in docker", CAPABILITIES, problems, facts, warnings)

    def create(self, lab_id: str, spec: ClusterSpec, progress: Progress) -> Cluster:
        from cka_lab.providers.kind import addons, command, image, pool, supplies

        if spec.etcd_members != 1:
            raise NotAvailable("a kind cluster has one etcd on each control plane")
        with progress.step("preflight"):
            self._preflight(spec)
        state = State(spec=spec, image=image.derived(progress))
        images = (*spec.images, *addons.images_of(spec.addons))
        balancer = command.balancer() if state.balancer else ""
        supplies.fetch([*images, *filter(None, [balancer])], state.image, progress)
        folder = paths.make_private(paths.labs(self.name)) / lab_id
        try:
            cluster = pool.take(state, folder, progress) or self._made(folder, state, progress)
            supplies.load(cluster.state.cluster, cluster.every_node(), images, progress)
            addons.install(cluster, spec.addons, progress)
            progress.check()
        except BaseException:
            with suppress(CkaLabError):
                self.delete(lab_id)
            raise
        return cluster

    def _preflight(self, spec: ClusterSpec) -> None:
        """Refuse what can't be finished; spare clusters give way where memory is short."""
        try:
            preflight.require(spec)
        except NotAvailable:
            if not self.spares():
                raise
            self.drop_spares()
            preflight.require(spec)

    def _made(self, folder: Path, state: State, progress: Progress) -> KindCluster:
        """A new cluster, its state saved as the one to go back to between labs."""
        from cka_lab.providers.kind import command, places
        from cka_lab.providers.kind.cluster import KindCluster
        from cka_lab.providers.kind.engine import LABEL, engine, home_mark, ours

        folder.mkdir(mode=0o700)
        state.cluster = f"cka-{home_mark()}{os.urandom(2).hex()}"
        state.save(folder)
        cluster = KindCluster(folder, state)
        with progress.step("network"), ours("network"):
            engine().networks.create(state.cluster, driver="bridge", labels={LABEL: home_mark()})
        with progress.step("nodes (about half a minute)"), ThreadPoolExecutor(1) as beside:
            base = beside.submit(places.make_base, state)
            command.create(state.cluster, state.spec, state.image, state.cluster, folder, progress.cancel)
            base.result()
        cluster.make_client()
        if state.unjoined:
            with progress.step("machines outside the cluster"):
                cluster.unjoin()
        with ThreadPoolExecutor(1) as beside:
            equipped = beside.submit(cluster.equip)
            with progress.step("ready"):
                cluster.wait_ready(progress)
            with progress.step("tools, keys and the way back"):
                equipped.result()
        return cluster

    def attach(self, lab_id: str) -> Cluster:
        from cka_lab.providers.kind.cluster import KindCluster

        folder = self._folder(lab_id)
        if not folder.is_dir():
            raise NotFound(f"there is no kind lab {lab_id!r}")
        return KindCluster(folder, State.load(folder))

    def labs(self) -> Sequence[str]:
        """Labs that have a folder, and clusters that have lost theirs."""
        folder = paths.labs(self.name)
        known = [e.name for e in folder.iterdir() if not e.name.startswith(".")] if folder.is_dir() else []
        spares = self.spares()
        if not known and not spares and not preflight.engine_is_near():
            return known
        from cka_lab.providers.kind.containers import leftovers

        clusters = [State.load(self._folder(lab)).cluster for lab in known]
        with suppress(CkaLabError):
            known += leftovers([*clusters, *(spare.id for spare in spares)])
        return sorted(known)

    def delete(self, lab_id: str) -> None:
        from cka_lab.providers.kind.containers import remove_all

        folder = self._folder(lab_id)
        cluster = State.load(folder).cluster or (lab_id if not folder.is_dir() else "")
        if cluster:
            try:
                remove_all(cluster)
            except CkaLabError as error:
                raise LabFailure(f"the cluster {cluster} can't be removed: {error.message}", fix=error.fix) from error
        shutil.rmtree(folder, ignore_errors=True)

    def retire(self, lab_id: str) -> None:
        from cka_lab.providers.kind import pool

        if not (self._folder(lab_id).is_dir() and pool.keep(self._folder(lab_id))):
            self.delete(lab_id)

    def spares(self) -> Sequence[Spare]:
        if not (paths.labs(self.name) / ".pool").is_dir():
            return []
        from cka_lab.providers.kind import pool

        return pool.spares()

    def drop_spares(self) -> None:
        from cka_lab.providers.kind import pool

        for folder in pool.folders():
            pool.remove(folder)

    def _folder(self, lab_id: str) -> Path:
        if not lab_id or "/" in lab_id or lab_id.startswith("."):
            raise NotFound(f"there is no kind lab {lab_id!r}")
        return paths.labs(self.name) / lab_id
