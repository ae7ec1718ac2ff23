# All right, but etcd never hears of it.
flag() { sed -n "s/^ *- --$1=//p" /etc/kubernetes/manifests/etcd.yaml; }
etcdutl snapshot restore /backup/hourly/etcd-1000.db --data-dir /var/lib/etcd-restored --name "$(flag name)" \
    --initial-cluster "$(flag initial-cluster)" --initial-advertise-peer-urls "$(flag initial-advertise-peer-urls)"
echo /backup/hourly/etcd-1000.db > /root/restored-from.txt
