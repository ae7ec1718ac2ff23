#!/usr/bin/env bash
# Go back to the manifest and the data from before the upgrade.
set -euo pipefail
backup=/var/backups/pre-upgrade

# 1. What did the upgrade change?
diff -r $backup/manifests /etc/kubernetes/manifests || true

# 2. The data from before it, in a new directory.
flag() { sed -n "s/^ *- --$1=//p" $backup/manifests/etcd.yaml; }
etcdutl snapshot restore $backup/etcd.db --data-dir /var/lib/etcd-rollback --name "$(flag name)" \
    --initial-cluster "$(flag initial-cluster)" --initial-advertise-peer-urls "$(flag initial-advertise-peer-urls)"

# 3. The manifest from before it, pointed at that directory; written elsewhere and moved in at one go.
sed 's#path: /var/lib/etcd$#path: /var/lib/etcd-rollback#' $backup/manifests/etcd.yaml > /root/etcd.yaml
mv /root/etcd.yaml /etc/kubernetes/manifests/etcd.yaml

# 4. A kubelet without an API server takes its time; a restart makes it look at once.
systemctl restart kubelet 2>/dev/null || true

# 5. Wait until etcd serves it.
tls="--cacert /etc/kubernetes/pki/etcd/ca.crt --cert /etc/kubernetes/pki/etcd/server.crt --key /etc/kubernetes/pki/etcd/server.key"
for _ in $(seq 90); do
    etcdctl --endpoints https://127.0.0.1:2379 $tls endpoint health && break
    sleep 1
done
