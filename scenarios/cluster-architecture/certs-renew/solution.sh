#!/usr/bin/env bash
# Renew the API server's certificate and have it presented.
set -euo pipefail

# 1. What ends when?
kubeadm certs check-expiration 2>/dev/null | grep -E '^(CERT|apiserver )' || true

# 2. A new certificate for a year, signed by the cluster's CA.
kubeadm certs renew apiserver

# 3. A current API server notices the new file by itself; kubeadm asks for a restart all the same, and that is certain.
crictl stop "$(crictl ps -q --name kube-apiserver)"

# 4. The day on which the new one ends.
openssl x509 -noout -enddate -in /etc/kubernetes/pki/apiserver.crt | cut -d= -f2 > /root/apiserver-expiry.txt

# 5. What is presented now?
for _ in $(seq 60); do
    kubectl --request-timeout=2s get --raw=/readyz 2>/dev/null && break
    sleep 1
done
openssl s_client -connect 127.0.0.1:6443 </dev/null 2>/dev/null | openssl x509 -noout -enddate
