# The restore is run by the user that will own it, from a copy that this user may read.
install -o etcd -g etcd -m 600 /opt/backup/etcd.db /tmp/etcd.db
install -d -o etcd -g etcd -m 700 /var/lib/etcd-new
setting() { sed -n "s/^$1: //p" /etc/etcd/etcd.conf.yml; }
runuser -u etcd -- etcdutl snapshot restore /tmp/etcd.db --data-dir /tmp/restored --name "$(setting name)" \
    --initial-cluster "$(setting initial-cluster)" --initial-advertise-peer-urls "$(setting initial-advertise-peer-urls)"
mv /tmp/restored/member /var/lib/etcd-new/
rm /tmp/etcd.db
mkdir -p /etc/systemd/system/etcd.service.d
sed -i '/^data-dir:/d' /etc/etcd/etcd.conf.yml
echo 'data-dir: /var/lib/etcd-new' >> /etc/etcd/etcd.conf.yml
systemctl reset-failed etcd || true
systemctl enable etcd
systemctl restart etcd
