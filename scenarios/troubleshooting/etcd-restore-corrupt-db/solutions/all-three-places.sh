#!/usr/bin/env bash
# Another right way: the flag, the mountPath and the hostPath all name the new directory.
set -euo pipefail

# Name and URLs of the member stand in its manifest.
flag() { sed -n "s/^ *- --$1=//p" /etc/kubernetes/manifests/etcd.yaml; }

etcdutl snapshot restore /opt/backup/etcd-snapshot.db --data-dir /var/lib/etcd-new --name "$(flag name)" \
    --initial-cluster "$(flag initial-cluster)" --initial-advertise-peer-urls "$(flag initial-advertise-peer-urls)"

# Edited elsewhere and moved in: an editor's own files in the manifests folder would be read, too.
sed 's#/var/lib/etcd$#/var/lib/etcd-new#' /etc/kubernetes/manifests/etcd.yaml > /root/etcd.yaml
mv /root/etcd.yaml /etc/kubernetes/manifests/etcd.yaml

# While the API server has no etcd, a kubelet may take minutes to follow; a restart makes it look at once.
systemctl restart kubelet 2>/dev/null || true
tls="--cacert /etc/kubernetes/pki/etcd/ca.crt --cert /etc/kubernetes/pki/etcd/server.crt --key /etc/kubernetes/pki/etcd/server.key"
for _ in $(seq 60); do
    etcdctl --endpoints https://127.0.0.1:2379 $tls endpoint health && break
    sleep 1
done
