#!/usr/bin/env bash
# Repair the paths of etcd's certificates.
set -euo pipefail

# 1. How did the last try end?
crictl ps -a --name etcd
crictl logs --tail 3 "$(crictl ps -a -q --name etcd | head -1)" || true

# 2. Compare every path in the manifest with what is there, not only the one in the log.
grep -o '/etc/kubernetes/pki/[^ ]*\.[a-z]*$' /etc/kubernetes/manifests/etcd.yaml | while read -r file; do
    [ -e "$file" ] || echo "does not exist: $file"
done
ls /etc/kubernetes/pki/etcd

# 3. Repair both. The kubelet sees the change and starts etcd anew.
sed -i -e 's#--cert-file=/etc/kubernetes/pki/etcd/server.cert$#--cert-file=/etc/kubernetes/pki/etcd/server.crt#' \
    -e 's#--trusted-ca-file=/etc/kubernetes/pki/etcd-ca.crt$#--trusted-ca-file=/etc/kubernetes/pki/etcd/ca.crt#' \
    /etc/kubernetes/manifests/etcd.yaml

# While the API server has no etcd, a kubelet may take minutes to follow; a restart makes it look at once.
systemctl restart kubelet 2>/dev/null || true

# 4. Wait until it serves.
tls="--cacert /etc/kubernetes/pki/etcd/ca.crt --cert /etc/kubernetes/pki/etcd/server.crt --key /etc/kubernetes/pki/etcd/server.key"
for _ in $(seq 60); do
    etcdctl --endpoints https://127.0.0.1:2379 $tls endpoint health && break
    sleep 1
done
