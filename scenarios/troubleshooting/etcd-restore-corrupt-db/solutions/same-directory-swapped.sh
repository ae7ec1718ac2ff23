#!/usr/bin/env bash
# Another right way: stop etcd by moving its manifest away, swap the directories, move the manifest back.
set -euo pipefail

# Name and URLs of the member stand in its manifest.
flag() { sed -n "s/^ *- --$1=//p" /root/etcd.yaml; }

mv /etc/kubernetes/manifests/etcd.yaml /root/etcd.yaml
while pgrep -x etcd >/dev/null; do sleep 0.2; done

mv /var/lib/etcd /var/lib/etcd.broken
etcdutl snapshot restore /opt/backup/etcd-snapshot.db \
    --data-dir /var/lib/etcd \
    --name "$(flag name)" \
    --initial-cluster "$(flag initial-cluster)" \
    --initial-advertise-peer-urls "$(flag initial-advertise-peer-urls)"

mv /root/etcd.yaml /etc/kubernetes/manifests/etcd.yaml

# While the API server has no etcd, a kubelet may take minutes to follow; a restart makes it look at once.
systemctl restart kubelet 2>/dev/null || true
tls="--cacert /etc/kubernetes/pki/etcd/ca.crt --cert /etc/kubernetes/pki/etcd/server.crt --key /etc/kubernetes/pki/etcd/server.key"
for _ in $(seq 60); do
    etcdctl --endpoints https://127.0.0.1:2379 $tls endpoint health && break
    sleep 1
done
