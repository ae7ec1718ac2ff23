# The next path is wrong as well.
sed -i 's#--cert-file=/etc/kubernetes/pki/etcd/server.cert$#--cert-file=/etc/kubernetes/pki/etcd/server.crt#' \
    /etc/kubernetes/manifests/etcd.yaml
systemctl restart kubelet 2>/dev/null || true
sleep 3
