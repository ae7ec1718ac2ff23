# The right snapshot, but not where it was asked for.
etcdutl snapshot restore /backup/hourly/etcd-1000.db --data-dir /var/lib/etcd-new --name controlplane \
    --initial-cluster controlplane=https://127.0.0.1:2380 --initial-advertise-peer-urls https://127.0.0.1:2380
echo /backup/hourly/etcd-1000.db > /root/restored-from.txt
sed -i 's#path: /var/lib/etcd$#path: /var/lib/etcd-new#' /etc/kubernetes/manifests/etcd.yaml
