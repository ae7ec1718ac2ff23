# Refused: the directory is not empty. etcd goes on failing.
etcdutl snapshot restore /opt/backup/etcd-snapshot.db --data-dir /var/lib/etcd --name controlplane \
    --initial-cluster controlplane=https://127.0.0.1:2380 --initial-advertise-peer-urls https://127.0.0.1:2380
true
