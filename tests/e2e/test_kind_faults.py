"""Every fault on a real cluster, seen to bite and gone with a reset; every grader of the cluster's, right and wrong."""

from __future__ import annotations

import time

import pytest

from cka_lab.api import ClusterSpec
from cka_lab.errors import CkaLabError, LabFailure
from cka_lab.wait import Progress, until
from tests.bed import Bed

pytestmark = pytest.mark.xdist_group("kind-faults")
PKI = "/etc/kubernetes/pki"
BITES_WITHIN = 90.0
WEB = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop, labels: {app: web}}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers: [{name: web, image: "nginx:1.26.3", ports: [{containerPort: 80}]}]
      terminationGracePeriodSeconds: 0
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {selector: {app: web}, ports: [{port: 80}]}
"""


def said(bed, grader, /, **params):
    """What a grader says, in one line; empty where it passes."""
    found = bed.ask(grader, **params)
    return f"{found.message}: {found.found}" if found else ""


@pytest.fixture(scope="module")
def bed(provider):
    made = Bed(provider.create("faults", ClusterSpec(), Progress()), patient=False)
    made.fault("apply", manifest=WEB)
    made.fault("record", mark="shop", what="objects", objects=["Deployment/shop/*", "Service/shop/*"])
    made.cluster.save_baseline(Progress())
    yield made
    provider.retire("faults")


QUESTIONS = {
    "control_plane": [
        ({"components": ["etcd", "kube-scheduler"], "works": True}, ""),
        ({"version": "v9"}, "another version"),
    ],
    "node": [
        ({"name": "controlplane", "ready": True, "schedulable": True, "taints": []}, ""),
        ({"name": "controlplane", "ready": False}, "Ready"),
        ({"name": "controlplane", "taints": ["a=b:NoSchedule"]}, "taint"),
        ({"name": "controlplane", "labels": {"kubernetes.io/os": "linux", "none": None}}, ""),
        ({"name": "controlplane", "labels": {"none": "x"}}, "label"),
    ],
    "systemd_unit": [
        ({"name": "kubelet", "active": True, "enabled": True, "unmasked": True}, ""),
        ({"name": "kubelet", "active": False}, "kubelet"),
        ({"name": "no-such", "active": True}, "no-such"),
    ],
    "resource": [
        ({"kind": "Deployment", "name": "web", "namespace": "shop", "same": "shop"}, ""),
        ({"kind": "Deployment", "name": "web", "namespace": "shop", "fields": {"spec.replicas": 1}}, ""),
        ({"kind": "Deployment", "name": "web", "namespace": "shop", "fields": {"spec.replicas": 2}}, "replicas"),
        ({"kind": "Secret", "name": "web", "namespace": "shop"}, "does not exist"),
        ({"kind": "Secret", "name": "web", "namespace": "shop", "exists": False}, ""),
        ({"kind": "Service", "namespace": "shop", "labels": {}, "count": 2}, "number of Service"),
    ],
    "unchanged": [({"mark": "shop"}, "")],
    "rollout": [
        ({"name": "web", "namespace": "shop", "replicas": 1, "image": "nginx:1.26.3", "no_restart": True}, ""),
        ({"name": "web", "namespace": "shop", "image": "nginx:1.22.1"}, "image"),
        ({"name": "web", "namespace": "shop", "replicas": 3}, "another number"),
    ],
    "pods": [
        ({"namespace": "shop", "labels": {"app": "web"}, "count": 1, "nodes": ["controlplane"]}, ""),
        ({"namespace": "shop", "labels": {"app": "web"}, "count": 2}, "number of Pods"),
        ({"namespace": "shop", "labels": {"app": "none"}}, "none"),
    ],
    "connection": [
        ({"to": "web.shop", "port": 80}, ""),
        ({"to": "web.shop", "port": 80, "allowed": False}, "can be reached"),
        ({"to": "web.shop", "port": 81}, "no port 81"),
        ({"to": "pod:shop/app=web", "port": 80, "namespace": "shop", "from_labels": {"app": "web"}}, ""),
    ],
    "dns": [
        ({"name": "web.shop"}, ""),
        ({"name": "none.shop", "exists": False}, ""),
        ({"name": "none.shop"}, "none.shop"),
    ],
    "certificate": [
        ({"path": f"{PKI}/apiserver.crt", "ca": f"{PKI}/ca.crt", "key": f"{PKI}/apiserver.key", "days": 300}, ""),
        ({"path": f"{PKI}/apiserver.crt", "ca": f"{PKI}/etcd/ca.crt"}, "signed"),
        ({"path": f"{PKI}/apiserver.crt", "days": 5000}, "too soon"),
    ],
    "static_pod": [
        ({"name": "kube-apiserver", "args": {"secure-port": 6443}, "age": 1}, ""),
        ({"name": "kube-apiserver", "running": False}, "runs"),
        ({"name": "kube-apiserver", "args": {"secure-port": 1}}, "secure-port"),
    ],
    "etcd_health": [({"members": 1}, "")],
}


@pytest.mark.parametrize(
    ("grader", "params", "verdict"),
    [(name, params, verdict) for name, cases in QUESTIONS.items() for params, verdict in cases],
)
def test_graders_tell_right_from_wrong(bed, grader, params, verdict):
    found = until(lambda: [said(bed, grader, **params)], "an answer", timeout=60, every=1)[0]
    assert (verdict in found) if verdict else (found == ""), found


NO_CNI = """
kubectl --request-timeout=10s -n kube-system delete daemonset kindnet --cascade=foreground
rm /etc/cni/net.d/*
"""
"""kindnet alone would write its configuration anew."""
NO_KUBELET = ("systemd_unit", {"name": "kubelet", "active": True}, "kubelet")
DOWN = ("static_pod", {"running": False}, "")
FAULTS = {
    "kubelet stopped": (
        "change_unit",
        {"name": "kubelet", "how": "stop"},
        "systemd_unit",
        {"name": "kubelet", "active": False},
        "",
    ),
    "kubelet disabled": (
        "change_unit",
        {"name": "kubelet", "how": "disable"},
        "systemd_unit",
        {"name": "kubelet", "enabled": False},
        "",
    ),
    "kubelet masked": (
        "change_unit",
        {"name": "kubelet", "how": "mask"},
        "systemd_unit",
        {"name": "kubelet", "unmasked": True},
        "mask",
    ),
    "containerd stopped": (
        "change_unit",
        {"name": "containerd", "how": "stop"},
        "systemd_unit",
        {"name": "containerd", "active": False},
        "",
    ),
    "a drop-in": (
        "change_unit",
        {"name": "kubelet", "how": "override", "text": "[Service]\nExecStart=\nExecStart=/bin/false\n"},
        *NO_KUBELET,
    ),
    "kubelet's configuration": (
        "set_kubelet",
        {"set": {"authentication.x509.clientCAFile": "/none.crt"}},
        *NO_KUBELET,
    ),
    "kubelet's flag": (
        "set_kubelet",
        {"flags": {"no-such-flag": "x"}},
        *NO_KUBELET,
    ),
    "a flag of the API server": ("set_pod_args", {"pod": "kube-apiserver", "set": {"no-such-flag": 1}}, *DOWN),
    "the API server at etcd's peer port": (
        "set_pod_args",
        {"pod": "kube-apiserver", "set": {"etcd-servers": "https://127.0.0.1:2380"}},
        *DOWN,
    ),
    "the API server at no etcd": (
        "set_pod_args",
        {"pod": "kube-apiserver", "set": {"etcd-servers": "https://127.0.0.1:2399"}},
        *DOWN,
    ),
    "the API server with another CA": (
        "set_pod_args",
        {"pod": "kube-apiserver", "set": {"etcd-cafile": f"{PKI}/ca.crt"}},
        *DOWN,
    ),
    "another port of the API server": (
        "set_pod_args",
        {"pod": "kube-apiserver", "set": {"secure-port": 6444}},
        "static_pod",
        {"args": {"secure-port": 6444}},
        "",
    ),
    "a flag of etcd": ("set_pod_args", {"pod": "etcd", "set": {"no-such-flag": 1}}, *DOWN),
    "a flag of the scheduler": ("set_pod_args", {"pod": "kube-scheduler", "set": {"kubeconfig": "/none"}}, *DOWN),
    "a flag of the controller manager": (
        "set_pod_args",
        {"pod": "kube-controller-manager", "set": {"no-such-flag": 1}},
        *DOWN,
    ),
    "an image that is not there": (
        "break_manifest",
        {"pod": "kube-scheduler", "how": "fields", "fields": {"image": "registry.k8s.io/none:1"}},
        "static_pod",
        {},
        "kube-scheduler",
    ),
    "a command that is not there": (
        "break_manifest",
        {"pod": "kube-controller-manager", "how": "fields", "fields": {"command": ["none"]}},
        *DOWN,
    ),
    "YAML that is none": (
        "break_manifest",
        {"pod": "kube-scheduler", "how": "invalid"},
        "static_pod",
        {},
        "kube-scheduler",
    ),
    "a manifest that is gone": (
        "break_manifest",
        {"pod": "kube-apiserver", "how": "remove"},
        "static_pod",
        {},
        "kube-apiserver",
    ),
    "a second manifest": (
        "break_manifest",
        {"pod": "kube-scheduler", "how": "duplicate"},
        "static_pod",
        {"defined_once": True},
        "one file",
    ),
    "a volume": ("set_pod_volume", {"pod": "etcd", "volume": "etcd-certs", "mount_path": "/none"}, *DOWN),
    "a certificate that has ended": (
        "spoil_certificate",
        {
            "path": f"{PKI}/apiserver-etcd-client.crt",
            "how": "expire",
            "ca": f"{PKI}/etcd/ca.crt",
            "restart": "kube-apiserver",
        },
        *DOWN,
    ),
    "a certificate of a foreign CA": (
        "spoil_certificate",
        {"path": f"{PKI}/apiserver.crt", "how": "foreign-ca", "restart": "kube-apiserver"},
        "certificate",
        {"path": f"{PKI}/apiserver.crt", "ca": f"{PKI}/ca.crt"},
        "signed",
    ),
    "another key": (
        "spoil_certificate",
        {"path": f"{PKI}/etcd/server.crt", "how": "swap-key", "restart": "etcd"},
        *DOWN,
    ),
    "no CNI configuration": (
        "run",
        {"script": NO_CNI},
        "node",
        {"name": "controlplane", "ready": False},
        "",
    ),
    "kube-proxy": (
        "patch",
        {
            "kind": "DaemonSet",
            "name": "kube-proxy",
            "namespace": "kube-system",
            "patch": {"spec": {"template": {"spec": {"nodeSelector": {"none": "x"}}}}},
        },
        "pods",
        {"namespace": "kube-system", "labels": {"k8s-app": "kube-proxy"}},
        "kube-proxy",
    ),
    "CoreDNS": (
        "patch",
        {"kind": "Deployment", "name": "coredns", "namespace": "kube-system", "patch": {"spec": {"replicas": 0}}},
        "dns",
        {"name": "web.shop"},
        "does not answer",
    ),
    "an object deleted": (
        "delete",
        {"kind": "Service", "name": "web", "namespace": "shop"},
        "unchanged",
        {"mark": "shop"},
        "is gone",
    ),
    "a workload begun anew": (
        "restart",
        {"kind": "Deployment", "name": "web", "namespace": "shop"},
        "unchanged",
        {"mark": "shop"},
        "changed",
    ),
    "a taint": (
        "mark_node",
        {"node": "controlplane", "taints": ["a=b:NoExecute"]},
        "node",
        {"name": "controlplane", "taints": []},
        "taint",
    ),
    "a cordon": (
        "mark_node",
        {"node": "controlplane", "cordon": True},
        "node",
        {"name": "controlplane", "schedulable": True},
        "co",
    ),
    "a full disk": (
        "fill_disk",
        {"path": "/var/lib/etcd", "size": "300m", "files": {"core": "100m"}},
        "file",
        {"path": "/var/lib/etcd/core"},
        "",
    ),
    "a kubeconfig with another server": (
        "edit_kubeconfig",
        {"path": "/etc/kubernetes/scheduler.conf", "server": "https://127.0.0.1:7443"},
        "file",
        {"path": "/etc/kubernetes/scheduler.conf", "contains": ["127.0.0.1:7443"]},
        "",
    ),
    "etcd as a unit": ("run_etcd_unit", {}, "systemd_unit", {"name": "etcd", "active": True, "enabled": True}, ""),
}
"""Fault, its params, and the question that shows it: the grader, its params, what it says (empty: it passes)."""


@pytest.mark.parametrize("title", FAULTS)
def test_a_fault_bites_and_goes_with_a_reset(bed, title):
    fault, params, grader, question, verdict = FAULTS[title]
    if grader == "static_pod":
        question = {"name": params.get("pod") or params["restart"], **question}
    try:
        bed.fault(fault, **params)
        began = time.monotonic()

        def bitten():
            found = said(bed, grader, **question)
            if not (verdict in found if verdict else found == ""):
                raise LabFailure(found or "it passes")
            return True

        until(bitten, title, timeout=BITES_WITHIN, every=0.5)
        assert time.monotonic() - began < BITES_WITHIN
    finally:
        bed.cluster.reset(Progress())
    assert said(bed, "systemd_unit", name="kubelet", active=True, enabled=True, unmasked=True) == ""
    assert said(bed, "unchanged", mark="shop") == ""
    assert said(bed, "static_pod", name="kube-apiserver", args={"secure-port": 6443}, defined_once=True) == ""


@pytest.mark.parametrize("what", ["etcd", "kube-apiserver"])
def test_a_check_answers_within_ten_seconds_while_it_is_down(bed, what):
    """Cluster health fails; what only the API server could tell is an error."""
    node = bed.cluster.node()
    script = f"mv /etc/kubernetes/manifests/{what}.yaml /root/; systemctl stop kubelet; pkill -9 {what}"
    node.run(["bash", "-c", script], ok=range(256))
    try:
        for grader, params, fails in (
            ("control_plane", {}, True), ("control_plane", {"works": True, "age": 10}, True),
            ("resource", {"kind": "Deployment", "name": "web", "namespace": "shop"}, False),
            ("node", {"name": "controlplane", "ready": True}, False),
            ("rollout", {"name": "web", "namespace": "shop"}, False),
            ("unchanged", {"mark": "shop"}, False),
        ):  # fmt: skip
            began = time.monotonic()
            try:
                assert said(bed, grader, **params), grader
                assert fails, grader
            except CkaLabError:
                assert not fails, grader
            assert time.monotonic() - began < 10, grader
    finally:
        bed.cluster.reset(Progress())
