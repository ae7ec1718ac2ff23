# The right port, but etcd speaks TLS there.
sed -i 's#--etcd-servers=.*#--etcd-servers=http://127.0.0.1:2379#' /etc/kubernetes/manifests/kube-apiserver.yaml
