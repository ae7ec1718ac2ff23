"""Faults on systemd units, on the kubelet, and an etcd that runs as a unit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from cka_lab.api import LabFailure, LabPath, LabWriter, Node, fault, until
from cka_lab.etcd.manifest import PodFile, read_pod
from cka_lab.injectors.pods import manifest_of

CONFIG = "/var/lib/kubelet/config.yaml"
FLAGS = "/var/lib/kubelet/kubeadm-flags.env"
UNIT = """\
[Unit]
Description=etcd
Documentation=https://etcd.io/docs/
After=network-online.target

[Service]
Type=notify
User={user}
ExecStart=/usr/local/bin/etcd --config-file /etc/etcd/etcd.conf.yml
Restart=on-failure
RestartSec=2
LimitNOFILE=40000

[Install]
WantedBy=multi-user.target
"""


@fault("change_unit")
def change_unit(
    lab: LabWriter, *, name: str, how: Literal["stop", "disable", "mask", "override"], text: str = "",
    node: str | None = None,
) -> None:  # fmt: skip
    """Stop a unit, stop and disable it, mask it, or lay a drop-in with ``text`` over it and restart it."""
    place = lab.node(node)
    unit = name if "." in name else f"{name}.service"
    if how == "override":
        place.write(f"/etc/systemd/system/{unit}.d/10-local.conf", text.encode())
        place.run(["systemctl", "daemon-reload"])
        place.run(["systemctl", "restart", unit], ok=range(256), timeout=60)
        return
    place.run(["systemctl", "stop", unit], timeout=60)
    if how in ("disable", "mask"):
        place.run(["systemctl", "disable", "-q", unit], timeout=60)
    if how == "mask":
        place.run(["bash", "-ec", MASK, "mask", unit], timeout=60)


@fault("set_kubelet")
def set_kubelet(
    lab: LabWriter, *, set_: Mapping[str, Any] | None = None, flags: Mapping[str, str] | None = None,
    node: str | None = None,
) -> None:  # fmt: skip
    """Set fields of the kubelet's configuration file (``a.b`` for nested ones) and flags of its command line, and
    restart it. It may end at once, which is often what is wanted.
    """
    import yaml

    place = lab.node(node)
    config = yaml.safe_load(place.read(CONFIG))
    for path, value in (set_ or {}).items():
        at, (*parents, last) = config, path.split(".")
        for parent in parents:
            at = at.setdefault(parent, {})
        at[last] = value
    place.write(CONFIG, yaml.safe_dump(config).encode(), 0o644)
    if flags:
        words = " ".join(f"--{flag}={value}" for flag, value in flags.items())
        text = place.read(FLAGS).decode().rstrip().removesuffix('"')
        place.write(FLAGS, f'{text} {words}"\n'.encode())
    place.run(["systemctl", "restart", "kubelet"], ok=range(256), timeout=60)


@fault("run_etcd_unit")
def run_etcd_unit(
    lab: LabWriter, *, user: str = "etcd", data_dir: LabPath = "/var/lib/etcd", node: str | None = None
) -> None:
    """Make the control plane's etcd a systemd unit, etcd.service, instead of a static pod: the same data, certificates
    and URLs, in /etc/etcd/etcd.conf.yml, run as ``user``.
    """
    place = lab.node(node)
    pod = read_pod(place, manifest_of(place, "etcd"))
    if not isinstance(pod, PodFile):
        raise LabFailure(f"run_etcd_unit: {pod}")
    old = pod.host_path(pod.flags["data-dir"]) or "/var/lib/etcd"
    place.run(["bash", "-ec", ETCD_BINARY], timeout=60)
    place.run(["bash", "-ec", TAKE_OVER, "take-over", user, pod.path, old, data_dir], timeout=90)
    place.write("/etc/etcd/etcd.conf.yml", _config(pod.flags, data_dir).encode())
    place.write("/etc/systemd/system/etcd.service", UNIT.format(user=user).encode())
    place.run(["bash", "-ec", "systemctl daemon-reload; systemctl enable -q --now etcd; systemctl start kubelet"],
              timeout=60)  # fmt: skip
    until(lambda: _ready(place), "the API server on the etcd of the unit", timeout=120, every=0.5)


def _ready(place: Node) -> bool:
    asked = ["kubectl", "--kubeconfig", "/etc/kubernetes/admin.conf", "--request-timeout=2s", "get", "--raw=/readyz"]
    return place.run(asked, ok=range(256), timeout=10).text.strip() == "ok"


def _config(flags: Mapping[str, str], data_dir: str) -> str:
    """etcd's own configuration file, from the flags of kubeadm's manifest."""
    import yaml

    pki = "/etc/etcd/pki"
    tls = {"cert-file": f"{pki}/server.crt", "key-file": f"{pki}/server.key", "client-cert-auth": True,
           "trusted-ca-file": f"{pki}/ca.crt"}  # fmt: skip
    peer = tls | {"cert-file": f"{pki}/peer.crt", "key-file": f"{pki}/peer.key"}
    names = ("name", "advertise-client-urls", "listen-client-urls", "listen-peer-urls", "initial-advertise-peer-urls",
             "initial-cluster")  # fmt: skip
    return yaml.safe_dump(
        {name: flags[name] for name in names if name in flags}
        | {"data-dir": data_dir, "snapshot-count": 10000, "client-transport-security": tls,
           "peer-transport-security": peer},
        sort_keys=False,
    )  # fmt: skip


@fault("fill_disk")
def fill_disk(
    lab: LabWriter, *, path: LabPath, size: str, files: Mapping[str, str], node: str | None = None
) -> None:  # fmt: skip
    """Put a small file system (tmpfs of ``size``, as in 16m) over a folder, with all that is in it, and ``files`` that
    fill it (NAME: SIZE). It goes with a reset.
    """
    place = lab.node(node)
    place.run(["bash", "-ec", SMALL_DISK, "small-disk", path, size], timeout=60)
    for name, length in files.items():
        place.run(["fallocate", "-l", length, f"{path}/{name}"])


@fault("run")
def run(lab: LabWriter, *, script: str, node: str | None = None, timeout: float = 60.0) -> None:
    """Run a script with bash, as root; it must end with 0. Where no other step says it."""
    lab.node(node).run(["bash", "-euc", script], timeout=timeout)


MASK = """# a unit file in /etc leaves no place for the mask
[ ! -f /etc/systemd/system/$1 ] || mv /etc/systemd/system/$1 /usr/lib/systemd/system/
systemctl mask -q $1
"""
ETCD_BINARY = """
[ -x /usr/local/bin/etcd ] && exit 0
name=$(ctr -n k8s.io images ls -q | grep -m1 '/etcd:')
mkdir -p /run/.cka-lab-etcd
ctr -n k8s.io images mount "$name" /run/.cka-lab-etcd >/dev/null
cp /run/.cka-lab-etcd/usr/local/bin/etcd /usr/local/bin/
ctr -n k8s.io images unmount --rm /run/.cka-lab-etcd >/dev/null 2>&1 || umount /run/.cka-lab-etcd
rmdir /run/.cka-lab-etcd
"""
TAKE_OVER = """
user=$1 manifest=$2 old=$3 new=$4
id "$user" >/dev/null 2>&1 || useradd --system --no-create-home --shell /usr/sbin/nologin "$user"
systemctl stop kubelet
pod=$(crictl pods -q --name '^etcd-')
crictl stopp $pod >/dev/null
crictl rmp -f $pod >/dev/null
rm "$manifest"
[ "$old" = "$new" ] || mv -T "$old" "$new"
chown -R "$user:" "$new"
chmod 700 "$new"
mkdir -p /etc/etcd/pki
cp /etc/kubernetes/pki/etcd/{ca.crt,server.crt,server.key,peer.crt,peer.key} /etc/etcd/pki/
chown -R "$user:" /etc/etcd/pki
"""
SMALL_DISK = """
path=$1 size=$2
mkdir -p "$path" /run/.cka-lab-disk
cp -a "$path/." /run/.cka-lab-disk/
mount -t tmpfs -o size="$size" tmpfs "$path"
cp -a /run/.cka-lab-disk/. "$path/"
rm -rf /run/.cka-lab-disk
"""
