# Right, as far as it goes; etcd never hears of it.
flag() { sed -n "s/^ *- --$1=//p" /etc/kubernetes/manifests/etcd.yaml; }
etcdutl snapshot restore /opt/etcd-backup.db --data-dir /var/lib/etcd-restored --name "$(flag name)" \
    --initial-cluster "$(flag initial-cluster)" --initial-advertise-peer-urls "$(flag initial-advertise-peer-urls)"
