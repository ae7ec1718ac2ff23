# The youngest file is a copy of the oldest snapshot.
file=$(ls -t /backup/hourly/*.db | head -1)
etcdutl snapshot restore "$file" --data-dir /var/lib/etcd-restored --name controlplane \
    --initial-cluster controlplane=https://127.0.0.1:2380 --initial-advertise-peer-urls https://127.0.0.1:2380
echo "$file" > /root/restored-from.txt
sed -i 's#path: /var/lib/etcd$#path: /var/lib/etcd-restored#' /etc/kubernetes/manifests/etcd.yaml
