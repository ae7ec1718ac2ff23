# The right snapshot, but not where it was asked for.
flag() { sed -n "s/^ *- --$1=//p" /etc/kubernetes/manifests/etcd.yaml; }
etcdutl snapshot restore /backup/hourly/etcd-1000.db --data-dir /var/lib/etcd-new --name "$(flag name)" \
    --initial-cluster "$(flag initial-cluster)" --initial-advertise-peer-urls "$(flag initial-advertise-peer-urls)"
echo /backup/hourly/etcd-1000.db > /root/restored-from.txt
sed -i 's#path: /var/lib/etcd$#path: /var/lib/etcd-new#' /etc/kubernetes/manifests/etcd.yaml
systemctl restart kubelet 2>/dev/null || true
