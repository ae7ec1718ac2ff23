#!/usr/bin/env bash
# Give the API server the pair and the CA that etcd knows.
set -euo pipefail
cd /etc/kubernetes

# 1. What does the last try say?
crictl logs --tail 3 "$(crictl ps -a -q --name kube-apiserver | head -1)" || true

# 2. Who signed what, and for which end of a connection?
for file in pki/apiserver.crt pki/apiserver-etcd-client.crt pki/ca.crt pki/etcd/ca.crt; do
    echo "$file: $(openssl x509 -noout -issuer -subject -in $file | tr '\n' ' ')"
done

# 3. etcd's own CA, and the pair that it signed for the API server.
sed -i -e 's#--etcd-cafile=.*#--etcd-cafile=/etc/kubernetes/pki/etcd/ca.crt#' \
    -e 's#--etcd-certfile=.*#--etcd-certfile=/etc/kubernetes/pki/apiserver-etcd-client.crt#' \
    -e 's#--etcd-keyfile=.*#--etcd-keyfile=/etc/kubernetes/pki/apiserver-etcd-client.key#' manifests/kube-apiserver.yaml

# 4. Wait until it answers.
for _ in $(seq 120); do
    kubectl --request-timeout=2s get --raw=/readyz 2>/dev/null && break
    sleep 1
done
