# etcd's own serving pair is signed for clients, too.
sed -i -e 's#--etcd-cafile=.*#--etcd-cafile=/etc/kubernetes/pki/etcd/ca.crt#' \
    -e 's#--etcd-certfile=.*#--etcd-certfile=/etc/kubernetes/pki/etcd/server.crt#' \
    -e 's#--etcd-keyfile=.*#--etcd-keyfile=/etc/kubernetes/pki/etcd/server.key#' /etc/kubernetes/manifests/kube-apiserver.yaml
