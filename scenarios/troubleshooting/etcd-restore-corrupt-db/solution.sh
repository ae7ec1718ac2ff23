#!/usr/bin/env bash
# Bring etcd back from a snapshot after its database was destroyed.
set -euo pipefail

# Name and URLs of the member stand in its manifest.
flag() { sed -n "s/^ *- --$1=//p" /etc/kubernetes/manifests/etcd.yaml; }

# 1. What does etcd say? The last container has ended; its log names the reason.
crictl ps -a --name etcd
crictl logs --tail 5 "$(crictl ps -a -q --name etcd | head -1)" || true

# 2. Is the snapshot what it should be?
etcdutl snapshot status /opt/backup/etcd-snapshot.db --write-out table

# 3. Restore into a new directory. Name and peer URL are those of the manifest.
etcdutl snapshot restore /opt/backup/etcd-snapshot.db \
    --data-dir /var/lib/etcd-restored \
    --name "$(flag name)" \
    --initial-cluster "$(flag initial-cluster)" \
    --initial-advertise-peer-urls "$(flag initial-advertise-peer-urls)"

# 4. Let the pod's data volume be that directory. Inside the container nothing changes, so --data-dir stays.
sed -i 's#path: /var/lib/etcd$#path: /var/lib/etcd-restored#' /etc/kubernetes/manifests/etcd.yaml

# While the API server has no etcd, a kubelet may take minutes to follow; a restart makes it look at once.
systemctl restart kubelet 2>/dev/null || true

# 5. The kubelet starts etcd anew by itself; wait for it.
tls="--cacert /etc/kubernetes/pki/etcd/ca.crt --cert /etc/kubernetes/pki/etcd/server.crt --key /etc/kubernetes/pki/etcd/server.key"
for _ in $(seq 60); do
    etcdctl --endpoints https://127.0.0.1:2379 $tls endpoint health && break
    sleep 1
done
etcdctl --endpoints https://127.0.0.1:2379 $tls get /registry/configmaps/shop/ --prefix --keys-only --limit 3
