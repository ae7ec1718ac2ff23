"""The files of a fresh node: what a kubeadm control plane shows, as far as etcd goes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from cka_lab.api import ClusterSpec

if TYPE_CHECKING:
    from cka_lab.providers.sandbox.etcd import EtcdTools

NODE = "controlplane"
NODE_ADDRESS = "127.0.0.1"
TOP = ("etc", "var", "opt", "root", "tmp", "backup", "srv", "home", "mnt", "usr-local")
"""The node's own top-level folders; the rest of its root is the host's /usr, read-only."""
MEMBERS = {"m1": "127.0.0.11", "m2": "127.0.0.12", "m3": "127.0.0.13"}
FOLDERS = (
    "etc/kubernetes/manifests", "etc/ssl", "etc/alternatives", "var/lib", "var/log/pods", "var/log/containers",
    "var/tmp", "var/backups", "usr-local/bin", "usr-local/sbin",
)  # fmt: skip


def make(root: Path, private: Path, spec: ClusterSpec, tools: EtcdTools, keys: str) -> None:
    """Write a node's files under ``root``, and the graders' own client pair under ``private``."""
    for folder in (*TOP, *FOLDERS):
        (root / folder).mkdir(parents=True, exist_ok=True)
    (root / "tmp").chmod(0o1777)
    (root / "var/tmp").chmod(0o1777)
    (root / "root").chmod(0o700)
    for name, text in FILES.items():
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    _certificates(root / "etc/kubernetes/pki", private, spec, keys)
    for name, text in manifests(spec, tools).items():
        file = root / "etc/kubernetes/manifests" / name
        file.write_text(text)
        file.chmod(0o600)
    for member in members(spec):
        data = root / member.data_dir.lstrip("/")
        data.mkdir(parents=True, mode=0o700)
    (root / "var/run").symlink_to("/run")


class Member:
    """One etcd member: its pod's name, address, and where its files are on the node."""

    def __init__(self, name: str, address: str, *, alone: bool) -> None:
        self.name, self.address = name, address
        self.pod = "etcd" if alone else f"etcd-{name}"
        self.data_dir = "/var/lib/etcd" if alone else f"/var/lib/etcd-{name}"
        self.pair = "" if alone else f"{name}-"

    @property
    def client_url(self) -> str:
        return f"https://{self.address}:2379"

    @property
    def peer_url(self) -> str:
        return f"https://{self.address}:2380"


def members(spec: ClusterSpec) -> list[Member]:
    if spec.etcd_members == 1:
        return [Member(NODE, NODE_ADDRESS, alone=True)]
    return [Member(name, address, alone=False) for name, address in MEMBERS.items()]


def _certificates(pki: Path, private: Path, spec: ClusterSpec, keys: str) -> None:
    from cka_lab.pki import CLIENT, SERVER, Authority, pem, write_pair

    ca = Authority.make("etcd-ca", keys)
    write_pair(pki / "etcd", "ca", (ca.pem, pem(ca.key)))
    for member in members(spec):
        sans = list(dict.fromkeys([member.name, NODE, "localhost", member.address, "127.0.0.1", "::1"]))
        for role in ("server", "peer"):
            pair = ca.pair(member.name, [SERVER, CLIENT], sans)
            write_pair(pki / "etcd", f"{member.pair}{role}", pair)
    write_pair(pki / "etcd", "healthcheck-client", ca.pair("kube-etcd-healthcheck-client", [CLIENT]))
    write_pair(pki, "apiserver-etcd-client", ca.pair("kube-apiserver-etcd-client", [CLIENT]))
    write_pair(private, "client", ca.pair("cka-lab-grader", [CLIENT]))
    (private / "ca.crt").write_bytes(ca.pem)


def manifests(spec: ClusterSpec, tools: EtcdTools) -> dict[str, str]:
    """The static pods' manifests by file name, as kubeadm writes them for this etcd."""
    all_members = members(spec)
    cluster = ",".join(f"{m.name}={m.peer_url}" for m in all_members)
    return {f"{m.pod}.yaml": _manifest(m, cluster, tools) for m in all_members}


def _manifest(member: Member, cluster: str, tools: EtcdTools) -> str:
    pki = "/etc/kubernetes/pki/etcd"
    flags = {
        "advertise-client-urls": member.client_url,
        "cert-file": f"{pki}/{member.pair}server.crt",
        "client-cert-auth": "true",
        "data-dir": member.data_dir,
        "initial-advertise-peer-urls": member.peer_url,
        "initial-cluster": cluster,
        "key-file": f"{pki}/{member.pair}server.key",
        "listen-client-urls": member.client_url,
        "listen-metrics-urls": f"http://{member.address}:2381",
        "listen-peer-urls": member.peer_url,
        "name": member.name,
        "peer-cert-file": f"{pki}/{member.pair}peer.crt",
        "peer-client-cert-auth": "true",
        "peer-key-file": f"{pki}/{member.pair}peer.key",
        "peer-trusted-ca-file": f"{pki}/ca.crt",
        "snapshot-count": "10000",
        "trusted-ca-file": f"{pki}/ca.crt",
    } | tools.kubeadm_flags
    if member.pod != "etcd":
        flags["initial-cluster-state"] = "new"
    command = "\n".join(f"    - --{name}={value}" for name, value in sorted(flags.items()))
    return MANIFEST.format(
        pod=member.pod, url=member.client_url, command=command, version=tools.version, data=member.data_dir, pki=pki,
        address=member.address,
    )  # fmt: skip


MANIFEST = """\
apiVersion: v1
kind: Pod
metadata:
  annotations:
    kubeadm.kubernetes.io/etcd.advertise-client-urls: {url}
  labels:
    component: etcd
    tier: control-plane
  name: {pod}
  namespace: kube-system
spec:
  containers:
  - command:
    - etcd
{command}
    image: registry.k8s.io/etcd:{version}-0
    imagePullPolicy: IfNotPresent
    livenessProbe:
      failureThreshold: 8
      httpGet:
        host: {address}
        path: /livez
        port: 2381
        scheme: HTTP
      initialDelaySeconds: 10
      periodSeconds: 10
      timeoutSeconds: 15
    name: etcd
    resources:
      requests:
        cpu: 100m
        memory: 100Mi
    volumeMounts:
    - mountPath: {data}
      name: etcd-data
    - mountPath: {pki}
      name: etcd-certs
  hostNetwork: true
  priority: 2000001000
  priorityClassName: system-node-critical
  securityContext:
    seccompProfile:
      type: RuntimeDefault
  volumes:
  - hostPath:
      path: {pki}
      type: DirectoryOrCreate
    name: etcd-certs
  - hostPath:
      path: {data}
      type: DirectoryOrCreate
    name: etcd-data
status: {{}}
"""

FILES = {
    "etc/hostname": f"{NODE}\n",
    "etc/hosts": f"127.0.0.1 localhost {NODE}\n::1 localhost\n",
    "etc/passwd": "root:x:0:0:root:/root:/bin/bash\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n",
    "etc/group": "root:x:0:\ntty:x:5:\nnogroup:x:65534:\n",
    "etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files\n",
    "etc/os-release": 'NAME="cka-lab sandbox"\nID=cka-lab\nPRETTY_NAME="cka-lab sandbox node"\n',
    "etc/profile": '[ -n "$BASH_VERSION" ] && [ -r /etc/bash.bashrc ] && . /etc/bash.bashrc\n',
    "etc/bash.bashrc": """\
case $- in *i*) ;; *) return ;; esac
PS1='\\u@\\h:\\w\\$ '
HISTCONTROL=ignoredups
shopt -s checkwinsize
alias ls='ls --color=auto' ll='ls -l' grep='grep --color=auto' k=kubectl
[ -r /usr/share/bash-completion/bash_completion ] && . /usr/share/bash-completion/bash_completion
""",
    "etc/inputrc": """\
set bell-style none
"\\e[1~": beginning-of-line
"\\e[4~": end-of-line
"\\e[3~": delete-char
"\\e[1;5C": forward-word
"\\e[1;5D": backward-word
""",
    "root/.bashrc": "[ -r /etc/bash.bashrc ] && . /etc/bash.bashrc\n",
    "root/.profile": "",
    "etc/crictl.yaml": "runtime-endpoint: unix:///run/containerd/containerd.sock\n",
    "var/log/kubelet.log": "",
}
