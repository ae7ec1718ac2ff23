# Stops etcd, removes its data, and restores into the old place.
mv /etc/kubernetes/manifests/etcd.yaml /root/
for _ in $(seq 90); do
    [ -z "$(crictl ps -q --name etcd)" ] && break
    sleep 1
done
flag() { sed -n "s/^ *- --$1=//p" /root/etcd.yaml; }
rm -rf /var/lib/etcd
etcdutl snapshot restore /opt/etcd-backup.db --data-dir /var/lib/etcd --name "$(flag name)" \
    --initial-cluster "$(flag initial-cluster)" --initial-advertise-peer-urls "$(flag initial-advertise-peer-urls)"
mv /root/etcd.yaml /etc/kubernetes/manifests/
systemctl restart kubelet 2>/dev/null || true
