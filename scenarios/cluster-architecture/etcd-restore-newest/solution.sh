#!/usr/bin/env bash
# Restore the newest snapshot that is intact, and run etcd on it.
set -euo pipefail

# Name and URLs of the member stand in its manifest.
flag() { sed -n "s/^ *- --$1=//p" /etc/kubernetes/manifests/etcd.yaml; }

# Order by the revision inside the files: names and times say nothing.
by_revision=$(for file in /backup/hourly/*.db; do
    revision=$(etcdutl snapshot status "$file" 2>/dev/null | cut -d, -f2) && echo "$revision $file"
done | sort -rn | awk '{print $2}')

# The first one that a restore accepts is the answer: only a restore compares the hash.
for file in $by_revision; do
    rm -rf /var/lib/etcd-restored       # what a refused restore left behind
    if etcdutl snapshot restore "$file" --data-dir /var/lib/etcd-restored \
        --name "$(flag name)" \
        --initial-cluster "$(flag initial-cluster)" \
        --initial-advertise-peer-urls "$(flag initial-advertise-peer-urls)"; then
        echo "$file" > /root/restored-from.txt
        break
    fi
done
cat /root/restored-from.txt

# Let the pod's data volume be the restored directory. The flag --data-dir names a place inside the container: it may stay.
sed -i 's#path: /var/lib/etcd$#path: /var/lib/etcd-restored#' /etc/kubernetes/manifests/etcd.yaml

# While the API server has no etcd, a kubelet may take minutes to follow; a restart makes it look at once.
systemctl restart kubelet 2>/dev/null || true

# Wait until etcd serves it.
tls="--cacert /etc/kubernetes/pki/etcd/ca.crt --cert /etc/kubernetes/pki/etcd/server.crt --key /etc/kubernetes/pki/etcd/server.key"
for _ in $(seq 60); do
    etcdctl --endpoints https://127.0.0.1:2379 $tls endpoint health && break
    sleep 1
done
