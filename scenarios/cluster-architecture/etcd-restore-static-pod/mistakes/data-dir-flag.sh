# The flag names a place inside the container; the mount decides which directory of the node it is.
flag() { sed -n "s/^ *- --$1=//p" /etc/kubernetes/manifests/etcd.yaml; }
etcdutl snapshot restore /opt/etcd-backup.db --data-dir /var/lib/etcd-restored --name "$(flag name)" \
    --initial-cluster "$(flag initial-cluster)" --initial-advertise-peer-urls "$(flag initial-advertise-peer-urls)"
sed -i 's#--data-dir=.*#--data-dir=/var/lib/etcd-restored#' /etc/kubernetes/manifests/etcd.yaml
systemctl restart kubelet 2>/dev/null || true
