"""However broken a lab is, a reset in place brings it back, and leaves nothing of the attempt."""

import pytest

from cka_lab.api import ClusterSpec
from cka_lab.wait import Progress
from tests.places import home, make_provider, need

KUBECTL = "kubectl --request-timeout=5s"
MANIFESTS = "/etc/kubernetes/manifests"
EVERYWHERE = {
    "etcd's data are gone": "rm -rf /var/lib/etcd; pkill -9 -x etcd",
    "all configuration is gone": "rm -rf /etc/kubernetes",
    "etcd runs elsewhere": f"sed -i 's#path: /var/lib/etcd$#path: /var/lib/new#' {MANIFESTS}/etcd.yaml",
    "certificates are garbage": "for f in $(find /etc/kubernetes/pki -name '*.crt'); do echo x >$f; done",
    "nobody may read anything": "chmod 000 /etc/kubernetes /var/lib/etcd /opt /root",
    "nothing at all": "",
    "files all over": "mkdir -p /opt/x/y; touch /opt/x/y/z /root/x /tmp/x /var/lib/x /root/.bash_history; "
    "ln -s / /opt/l",
}
"""On every provider."""
MACHINES = {
    "the kubelet is masked": "systemctl disable --now kubelet; systemctl mask kubelet",
    "containerd is stopped": "systemctl disable --now kubelet containerd; pkill -9 containerd-shim",
    "the kubelet's configuration is garbage": "echo x >/var/lib/kubelet/config.yaml; systemctl restart kubelet",
    "no network for pods": "rm -rf /etc/cni/net.d; systemctl restart containerd",
    "a firewall": "iptables -I INPUT -p tcp --dport 6443 -j DROP; iptables -I OUTPUT -p tcp --dport 2379 -j DROP",
    "units and crontabs": "echo '* * * * * root touch /tmp/cron' >/etc/cron.d/x; "
    "printf '[Service]\\nExecStart=/bin/sleep 900\\n' >/etc/systemd/system/x.service; systemctl start x; "
    "systemd-run --unit y sleep 901; sed -i 's/^/#/' /etc/ssh/sshd_config; systemctl stop ssh; setsid sleep 902 &",
    "objects": f"{KUBECTL} taint node --all a=b:NoSchedule; {KUBECTL} label node --all c=d; "
    f"{KUBECTL} cordon $(hostname); {KUBECTL} delete ns shop --wait=false; "
    f"{KUBECTL} create deployment web --image=busybox:1.37 -- sleep 903; "
    f"{KUBECTL} create -f - <<<'{{apiVersion: v1, kind: PersistentVolume, metadata: {{name: x}}, spec: {{capacity: "
    "{storage: 1Gi}, accessModes: [ReadWriteOnce], hostPath: {path: /data}}}'; mkdir /data",
    "immutable files": f"chattr +i {MANIFESTS}/etcd.yaml /opt; sed -i 's/2379/2399/' {MANIFESTS}/kube-apiserver.yaml",
    "programs are replaced": "printf '#!/bin/sh\\nexit 0\\n' >/usr/bin/x; mv /usr/bin/x /usr/bin/kubelet; "
    "chmod +x /usr/bin/kubelet; rm /usr/local/bin/etcdctl /usr/local/bin/crictl; touch /usr/local/bin/x; "
    "rm -rf /opt/cni; systemctl restart kubelet",
    "a full small disk": "mount -t tmpfs -o size=1m tmpfs /opt; head -c 2M /dev/zero >/opt/x; "
    "mkdir /mnt/x; mount -t tmpfs tmpfs /mnt/x",
    "frozen pods": "for f in $(find /sys/fs/cgroup -path '*kubepods*' -name freezer.state); do echo FROZEN >$f; done; "
    "for f in $(find /sys/fs/cgroup -path '*kubepods*' -name cgroup.freeze); do echo 1 >$f; done",
    "kernel settings": "sysctl -qw net.ipv4.ip_forward=0; ip route del default",
}
"""Where there is systemd and an API server."""
LEFT = (
    "ls -d /opt/x /opt/l /root/x /tmp/x /tmp/cron /var/lib/x /root/.bash_history /data /mnt/x /usr/local/bin/x "
    "/etc/cron.d/x /etc/systemd/system/x.service 2>/dev/null"
)
PLACES = ["sandbox-3.5", "kind"]


@pytest.fixture(scope="module", params=[pytest.param(p, marks=pytest.mark.xdist_group(p)) for p in PLACES])
def cluster(request):
    need(request.param)
    with home(request.param):
        provider = make_provider(request.param)
        made = provider.create("wrecks", ClusterSpec(), Progress())
        made.node().write("/opt/kept", b"as it was", mode=0o640)
        if request.param == "kind":
            made.node().run(
                ["bash", "-ec", f"{KUBECTL} create namespace shop; {KUBECTL} -n shop create configmap kept"]
            )
        made.save_baseline(Progress())
        yield made
        provider.retire("wrecks")


def sh(cluster, text, node=None, **options):
    return cluster.node(node).run(["bash", "-c", text], ok=range(256), **options).text


def wreck_and_reset(cluster, script):
    modes = "stat -c '%n %a %U' / /var /var/lib /etc /opt /root /usr /usr/local/bin"
    before = sh(cluster, modes)
    sh(cluster, script, timeout=60)
    cluster.reset(Progress())
    assert sh(cluster, modes) == before
    assert cluster.alive()
    assert cluster.node().read("/opt/kept") == b"as it was"
    assert cluster.node().stat("/opt/kept").mode == 0o640
    assert sh(cluster, LEFT) == ""
    assert sh(cluster, "etcdctl version").startswith("etcdctl version")


@pytest.mark.parametrize("wreck", EVERYWHERE)
def test_a_wreck_is_reset_in_place(cluster, wreck):
    wreck_and_reset(cluster, EVERYWHERE[wreck])
    if cluster.provider == "kind":
        works_as_before(cluster)


@pytest.mark.parametrize("wreck", MACHINES)
def test_a_wrecked_machine_is_reset_in_place(cluster, wreck):
    if cluster.provider != "kind":
        pytest.skip("there is neither systemd nor an API server")
    before = sh(cluster, "ip route | grep -v veth")
    wreck_and_reset(cluster, MACHINES[wreck])
    works_as_before(cluster)
    assert sh(cluster, "ip route | grep -v veth") == before
    assert sh(cluster, "pgrep -af 'sleep 90[0-9]'") == ""
    assert sh(cluster, "systemctl is-active x y; sysctl -n net.ipv4.ip_forward") == "inactive\ninactive\n1\n"


def test_what_came_back_from_the_image_is_not_saved(cluster):
    if cluster.provider != "kind":
        pytest.skip("there the image is the host")
    wreck_and_reset(cluster, MACHINES["programs are replaced"])
    cluster.save_baseline(Progress())
    assert (cluster.folder / "baseline" / f"{cluster.node().container}.tar").stat().st_size < 16 << 20
    wreck_and_reset(cluster, MACHINES["programs are replaced"])
    works_as_before(cluster)


def works_as_before(cluster):
    """What a learner sees of the cluster is what it was."""
    about = "{.items[*].spec.taints}{.items[*].metadata.labels.c}{.items[*].spec.unschedulable}"
    assert sh(cluster, f"{KUBECTL} get node -o jsonpath='{about}'") == ""
    assert sh(cluster, f"{KUBECTL} -n shop get configmap kept -o name") == "configmap/kept\n"
    assert sh(cluster, f"{KUBECTL} get deployment,pv -o name") == ""
    login = ["runuser", "-l", "candidate", "-c", "ls ~; ssh controlplane sudo -i kubectl get ns shop -o name"]
    assert cluster.node("base").run(login, timeout=30).text == "namespace/shop\n"
    units = "systemctl is-active kubelet containerd; systemctl is-enabled kubelet"
    assert sh(cluster, units).split() == ["active", "active", "enabled"]
    with cluster.trial_pod():
        pass
