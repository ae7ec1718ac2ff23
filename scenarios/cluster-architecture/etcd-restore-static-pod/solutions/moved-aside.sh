# The careful way: the whole control plane is stopped while the data are exchanged, and the kubelet is left to itself.
mkdir -p /root/stopped
mv /etc/kubernetes/manifests/*.yaml /root/stopped/
for _ in $(seq 60); do
    [ -z "$(crictl ps -q --name 'etcd|kube-apiserver')" ] && break
    sleep 1
done
flag() { sed -n "s/^ *- --$1=//p" /root/stopped/etcd.yaml; }
etcdutl snapshot restore /opt/etcd-backup.db --data-dir /var/lib/etcd-restored --name "$(flag name)" \
    --initial-cluster "$(flag initial-cluster)" --initial-advertise-peer-urls "$(flag initial-advertise-peer-urls)"
sed -i 's#path: /var/lib/etcd$#path: /var/lib/etcd-restored#' /root/stopped/etcd.yaml
mv /root/stopped/*.yaml /etc/kubernetes/manifests/
