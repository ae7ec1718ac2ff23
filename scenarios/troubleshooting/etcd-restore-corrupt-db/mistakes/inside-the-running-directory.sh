# Refused for the directory itself, so one goes a level deeper: etcd reads member/ at the top only.
etcdutl snapshot restore /opt/backup/etcd-snapshot.db --data-dir /var/lib/etcd/restored --name controlplane \
    --initial-cluster controlplane=https://127.0.0.1:2380 --initial-advertise-peer-urls https://127.0.0.1:2380
