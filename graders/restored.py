"""The one joined question after a restore: is it whole, is it in use, and does everything work on it?"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from cka_lab.api import LabPath, LabView, MarkName, Mismatch, NotServed, grader, has_api, kube
from graders.control_plane import control_plane
from graders.etcd_data_dir import etcd_data_dir
from graders.etcd_key import etcd_key
from graders.snapshot import snapshot

CONFIG_MAPS = "/registry/configmaps/"


@grader("restored")
def restored(
    lab: LabView,
    *,
    kept: MarkName,
    path: LabPath | None = None,
    gone: Sequence[MarkName] = (),
    snapshot_: LabPath | None = None,
    age: float = 10,
    node: str | None = None,
) -> Mismatch | None:
    """A restore is whole and in use: the ``snapshot`` (if named) is intact; the running etcd serves from ``path`` (if
    named), which a restore wrote; every key of ``kept`` is there with its bytes and create revision, none of ``gone``
    is; an API server (where there is one) gives the ConfigMaps among them with their original uid, and none of those
    that are gone; scheduler and controllers bring a new Pod to run; all that has been up for ``age`` seconds.
    """

    def not_whole() -> Mismatch | None:
        return snapshot(lab, path=snapshot_, contains=[kept], lacks=gone, node=node) if snapshot_ else None

    with ThreadPoolExecutor(1) as beside:
        file = beside.submit(not_whole)
        rest = _in_use(lab, kept, path, gone, age, node)
        return file.result() or rest


def _in_use(
    lab: LabView, kept: str, path: str | None, gone: Sequence[str], age: float, node: str | None
) -> Mismatch | None:
    if path and (mismatch := etcd_data_dir(lab, path=path, restored=True, node=node)):
        return mismatch
    if mismatch := etcd_key(lab, mark=kept, same=True, lacks=gone, node=node):
        return mismatch
    if mismatch := control_plane(lab, age=age, works=True, node=node):
        return mismatch
    return _by_get(lab, kept, gone, node) if has_api(lab) else None


def _by_get(lab: LabView, kept: str, gone: Sequence[str], node: str | None) -> Mismatch | None:
    client = kube(lab, node)
    try:
        for key, about in lab.marks[kept].facts["keys"].items():
            if uid := about.get("uid"):
                namespace, name = key.removeprefix(CONFIG_MAPS).split("/")
                found = client.get("ConfigMap", name, namespace)
                if found is None or found["metadata"]["uid"] != uid:
                    now = found["metadata"]["uid"] if found else "nothing"
                    return Mismatch(f"the API server does not give {namespace}/{name} as it was", f"uid {uid}", now)
        for mark in gone:
            for key, about in lab.marks[mark].facts["keys"].items():
                namespace, _, name = key.removeprefix(CONFIG_MAPS).partition("/")
                if "uid" in about and client.get("ConfigMap", name, namespace):
                    return Mismatch(f"the API server still gives {namespace}/{name}", "nothing", "it is there")
    except NotServed as error:
        return Mismatch("the API server does not answer", "the restored objects", error.why)
    return None
