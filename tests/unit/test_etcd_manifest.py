"""Static pods as the manifests folder defines them, and the injectors' edits of their text."""

import pytest
import yaml

from cka_lab.api import LabFailure, pod_files
from cka_lab.etcd.manifest import MANIFESTS, parse_pod, read_pod
from cka_lab.injectors.pods import edit_args, manifest_of
from cka_lab.providers.fake import FakeNode

POD = """\
apiVersion: v1
kind: Pod
metadata:
  labels:
    component: etcd
  name: etcd
  namespace: kube-system
spec:
  containers:
  - command:
    - etcd
    - --data-dir=/var/lib/etcd
    - --name=controlplane
    name: etcd
    volumeMounts:
    - mountPath: /var/lib/etcd
      name: data
    - mountPath: /etc/kubernetes/pki/etcd
      name: certs
    - mountPath: /cache
      name: cache
  volumes:
  - hostPath:
      path: /srv/etcd
    name: data
  - hostPath:
      path: /etc/kubernetes/pki/etcd
    name: certs
  - emptyDir: {}
    name: cache
"""


def node_with(**files):
    node = FakeNode()
    for name, text in files.items():
        node.write(f"{MANIFESTS}/{name.replace('__', '.')}", text.encode())
    return node


def test_mounts_lead_from_the_container_to_the_node():
    pod = parse_pod("etcd.yaml", POD.encode())
    assert (pod.name, pod.argv[0], pod.flags["data-dir"]) == ("etcd", "etcd", "/var/lib/etcd")
    assert pod.host_path("/var/lib/etcd") == "/srv/etcd"
    assert pod.host_path("/var/lib/etcd/member/snap") == "/srv/etcd/member/snap"
    assert pod.host_path("/var/lib/etcd-restored") is None
    assert pod.host_path("/cache") is None


def test_the_deepest_mount_counts():
    text = POD.replace("mountPath: /cache", "mountPath: /var/lib/etcd/member").replace(
        "emptyDir: {}", "hostPath: {path: /x}"
    )
    assert parse_pod("p", text.encode()).host_path("/var/lib/etcd/member/wal") == "/x/wal"


def test_command_and_args_are_one():
    text = POD.replace("    - --name=controlplane\n", "    args:\n    - --name=other\n")
    assert parse_pod("p", text.encode()).flags == {"data-dir": "/var/lib/etcd", "name": "other"}


def test_a_kubelet_reads_everything_but_dot_files():
    node = node_with(etcd__yaml=POD, etcd__yaml__bak=POD, __hidden=POD, notes__txt="no pod", broken="a: [")
    assert [pod.path.rsplit("/", 1)[-1] for pod in pod_files(node)] == ["etcd.yaml", "etcd.yaml.bak"]


@pytest.mark.parametrize(
    "text", ["", "a: [", "kind: Service", "- 1", "kind: Pod", "kind: Pod\nspec: {containers: []}", "\x00"]
)
def test_what_is_no_pod_says_why(text):
    node = node_with(x=text)
    assert isinstance(read_pod(node, f"{MANIFESTS}/x"), str)
    assert isinstance(read_pod(node, f"{MANIFESTS}/none"), str)


def test_a_pod_is_found_by_its_name_not_its_files():
    node = node_with(a__yaml=POD.replace("name: etcd\n  namespace", "name: other\n  namespace"), zz=POD)
    assert manifest_of(node, "etcd") == f"{MANIFESTS}/zz"
    with pytest.raises(LabFailure, match="kube-apiserver"):
        manifest_of(node, "kube-apiserver")


def flags_of(text):
    return yaml.safe_load(text)["spec"]["containers"][0]["command"][1:]


def test_flags_are_set_added_and_removed_and_the_rest_stays():
    text = edit_args(POD, {"name": "x", "quota-backend-bytes": "1048576"}, ["data-dir"])
    assert flags_of(text) == ["--name=x", "--quota-backend-bytes=1048576"]
    assert [line for line in POD.splitlines() if "--" not in line] == [
        line for line in text.splitlines() if "--" not in line
    ]


def test_a_flag_that_stands_last_can_be_removed_while_another_comes():
    assert flags_of(edit_args(POD, {"snapshot-count": "5"}, ["name"])) == [
        "--data-dir=/var/lib/etcd",
        "--snapshot-count=5",
    ]


def test_the_last_flag_can_be_set_while_another_comes():
    assert flags_of(edit_args(POD, {"zeta": "1", "name": "x"})) == ["--data-dir=/var/lib/etcd", "--name=x", "--zeta=1"]


def test_what_can_not_be_edited_is_said():
    with pytest.raises(LabFailure, match="no-such"):
        edit_args(POD, {}, ["no-such"])
    with pytest.raises(LabFailure, match="no flags"):
        edit_args("kind: Pod\n", {"a": "b"})
