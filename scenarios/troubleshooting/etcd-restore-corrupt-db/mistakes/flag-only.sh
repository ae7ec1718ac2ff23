# Only the flag: inside the container that directory is not mounted, so etcd starts empty in the container's own layer.
etcdutl snapshot restore /opt/backup/etcd-snapshot.db --data-dir /var/lib/etcd-restored --name controlplane \
    --initial-cluster controlplane=https://127.0.0.1:2380 --initial-advertise-peer-urls https://127.0.0.1:2380
sed -i 's#--data-dir=/var/lib/etcd$#--data-dir=/var/lib/etcd-restored#' /etc/kubernetes/manifests/etcd.yaml
