#!/usr/bin/env bash
# Another right way: the flag, the mountPath and the hostPath all name the new directory.
set -euo pipefail

etcdutl snapshot restore /opt/backup/etcd-snapshot.db --data-dir /var/lib/etcd-new --name controlplane \
    --initial-cluster controlplane=https://127.0.0.1:2380 --initial-advertise-peer-urls https://127.0.0.1:2380

# Edited elsewhere and moved in: an editor's own files in the manifests folder would be read, too.
sed 's#/var/lib/etcd$#/var/lib/etcd-new#' /etc/kubernetes/manifests/etcd.yaml > /root/etcd.yaml
mv /root/etcd.yaml /etc/kubernetes/manifests/etcd.yaml
tls="--cacert /etc/kubernetes/pki/etcd/ca.crt --cert /etc/kubernetes/pki/etcd/server.crt --key /etc/kubernetes/pki/etcd/server.key"
for _ in $(seq 60); do
    etcdctl --endpoints https://127.0.0.1:2379 $tls endpoint health && break
    sleep 1
done
