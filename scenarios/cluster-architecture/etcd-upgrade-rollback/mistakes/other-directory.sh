# Everything works, but not where it was asked for.
manifest=/etc/kubernetes/manifests/etcd.yaml
flag() { sed -n "s/^ *- --$1=//p" $manifest; }
etcdutl snapshot restore /var/backups/pre-upgrade/etcd.db --data-dir /var/lib/etcd-2 --name "$(flag name)" \
    --initial-cluster "$(flag initial-cluster)" --initial-advertise-peer-urls "$(flag initial-advertise-peer-urls)"
sed -i -e '/--wal-compression/d' -e 's#path: /var/lib/etcd$#path: /var/lib/etcd-2#' $manifest
systemctl restart kubelet 2>/dev/null || true
