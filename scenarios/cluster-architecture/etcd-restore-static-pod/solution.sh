#!/usr/bin/env bash
# Restore the snapshot into a new directory and run etcd on it.
set -euo pipefail

# Name and URLs of the member stand in its manifest.
flag() { sed -n "s/^ *- --$1=//p" /etc/kubernetes/manifests/etcd.yaml; }

# 1. A new data directory out of the snapshot.
etcdutl snapshot status /opt/etcd-backup.db -w table
etcdutl snapshot restore /opt/etcd-backup.db --data-dir /var/lib/etcd-restored --name "$(flag name)" \
    --initial-cluster "$(flag initial-cluster)" --initial-advertise-peer-urls "$(flag initial-advertise-peer-urls)"

# 2. Let the pod's volume be that directory.
sed -i 's#path: /var/lib/etcd$#path: /var/lib/etcd-restored#' /etc/kubernetes/manifests/etcd.yaml

# 3. The kubelet follows by itself. A real one takes one or two minutes, since its API server hangs without etcd.

# 4. Wait until etcd serves it.
tls="--cacert /etc/kubernetes/pki/etcd/ca.crt --cert /etc/kubernetes/pki/etcd/server.crt --key /etc/kubernetes/pki/etcd/server.key"
for _ in $(seq 120); do
    etcdctl --endpoints https://127.0.0.1:2379 $tls endpoint health && break
    sleep 1
done

# 5. An API server that ran through it remembers a later time, and tells nobody of what is written before that comes
#    again; scheduler and controllers listen to it. All three begin anew.
crictl ps -q --name 'kube-(apiserver|controller-manager|scheduler)' | xargs -r crictl stop
