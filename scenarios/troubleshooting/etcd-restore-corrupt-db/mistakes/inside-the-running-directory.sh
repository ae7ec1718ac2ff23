# Refused for the directory itself, so one goes a level deeper: etcd reads member/ at the top only.
flag() { sed -n "s/^ *- --$1=//p" /etc/kubernetes/manifests/etcd.yaml; }
etcdutl snapshot restore /opt/backup/etcd-snapshot.db --data-dir /var/lib/etcd/restored --name "$(flag name)" \
    --initial-cluster "$(flag initial-cluster)" --initial-advertise-peer-urls "$(flag initial-advertise-peer-urls)"
