# All right but for the owner: etcd ends with “permission denied”.
setting() { sed -n "s/^$1: //p" /etc/etcd/etcd.conf.yml; }
etcdutl snapshot restore /opt/backup/etcd.db --data-dir /var/lib/etcd-new --name "$(setting name)" \
    --initial-cluster "$(setting initial-cluster)" --initial-advertise-peer-urls "$(setting initial-advertise-peer-urls)"
sed -i 's#^data-dir:.*#data-dir: /var/lib/etcd-new#' /etc/etcd/etcd.conf.yml
systemctl reset-failed etcd
systemctl enable etcd
timeout 10 systemctl start etcd
