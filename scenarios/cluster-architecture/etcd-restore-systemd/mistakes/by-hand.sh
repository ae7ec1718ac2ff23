# Runs, as long as nobody starts the machine anew.
setting() { sed -n "s/^$1: //p" /etc/etcd/etcd.conf.yml; }
etcdutl snapshot restore /opt/backup/etcd.db --data-dir /var/lib/etcd-new --name "$(setting name)" \
    --initial-cluster "$(setting initial-cluster)" --initial-advertise-peer-urls "$(setting initial-advertise-peer-urls)"
sed -i 's#^data-dir:.*#data-dir: /var/lib/etcd-new#' /etc/etcd/etcd.conf.yml
systemctl stop etcd
setsid /usr/local/bin/etcd --config-file /etc/etcd/etcd.conf.yml >/var/log/etcd.log 2>&1 </dev/null &
