#!/usr/bin/env bash
# Restore the snapshot for the unit etcd.service.
set -euo pipefail

# 1. Why does it not start, how is it started, and on what?
journalctl -u etcd -n 3 --no-pager || true
systemctl cat etcd | grep -E 'User=|ExecStart='
grep -E '^(name|data-dir|initial)' /etc/etcd/etcd.conf.yml

# 2. A new data directory, with the member's own name and URLs ...
setting() { sed -n "s/^$1: //p" /etc/etcd/etcd.conf.yml; }
etcdutl snapshot restore /opt/backup/etcd.db --data-dir /var/lib/etcd-new --name "$(setting name)" \
    --initial-cluster "$(setting initial-cluster)" --initial-advertise-peer-urls "$(setting initial-advertise-peer-urls)"

# 3. ... that belongs to whoever runs etcd.
chown -R etcd:etcd /var/lib/etcd-new

# 4. The configuration file names the directory.
sed -i 's#^data-dir:.*#data-dir: /var/lib/etcd-new#' /etc/etcd/etcd.conf.yml

# 5. Now, and at every boot.
systemctl reset-failed etcd || true
systemctl enable --now etcd

# 6. The API server comes back by itself.
for _ in $(seq 120); do
    kubectl --request-timeout=2s get --raw=/readyz 2>/dev/null && break
    sleep 1
done
