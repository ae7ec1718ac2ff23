# The present manifest is repaired instead: without the flag, and with all three places pointed at the restored directory.
manifest=/etc/kubernetes/manifests/etcd.yaml
flag() { sed -n "s/^ *- --$1=//p" $manifest; }
etcdutl snapshot restore /var/backups/pre-upgrade/etcd.db --data-dir /var/lib/etcd-rollback --name "$(flag name)" \
    --initial-cluster "$(flag initial-cluster)" --initial-advertise-peer-urls "$(flag initial-advertise-peer-urls)"
sed -i -e '/--wal-compression/d' -e 's#/var/lib/etcd$#/var/lib/etcd-rollback#' $manifest
systemctl restart kubelet 2>/dev/null || true
