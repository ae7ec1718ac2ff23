#!/usr/bin/env bash
# Let the API server talk to etcd's port for clients.
set -euo pipefail

# 1. kubectl is of no use now; the container runtime knows what ends again and again, and its log why.
crictl ps -a --name kube-apiserver
crictl logs --tail 3 "$(crictl ps -a -q --name kube-apiserver | head -1)" || true

# 2. Where does etcd listen for clients, and where does the API server look for it?
grep -- '--listen-client-urls' /etc/kubernetes/manifests/etcd.yaml
grep -- '--etcd-servers' /etc/kubernetes/manifests/kube-apiserver.yaml

# 3. 2380 is the port for peers.
sed -i 's#--etcd-servers=.*#--etcd-servers=https://127.0.0.1:2379#' /etc/kubernetes/manifests/kube-apiserver.yaml

# 4. The kubelet follows by itself; wait until the API server answers.
for _ in $(seq 120); do
    kubectl --request-timeout=2s get --raw=/readyz 2>/dev/null && break
    sleep 1
done
