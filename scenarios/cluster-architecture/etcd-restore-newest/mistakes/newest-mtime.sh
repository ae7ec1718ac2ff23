# The youngest file is a copy of the oldest snapshot.
flag() { sed -n "s/^ *- --$1=//p" /etc/kubernetes/manifests/etcd.yaml; }
file=$(ls -t /backup/hourly/*.db | head -1)
etcdutl snapshot restore "$file" --data-dir /var/lib/etcd-restored --name "$(flag name)" \
    --initial-cluster "$(flag initial-cluster)" --initial-advertise-peer-urls "$(flag initial-advertise-peer-urls)"
echo "$file" > /root/restored-from.txt
sed -i 's#path: /var/lib/etcd$#path: /var/lib/etcd-restored#' /etc/kubernetes/manifests/etcd.yaml
systemctl restart kubelet 2>/dev/null || true
