# Lets etcd listen where the API server looks for it.
sed -i -e 's#\(--listen-client-urls=.*\):2379,\(.*\):2379#\1:2380,\2:2380#' -e 's#\(--listen-peer-urls=.*\):2380#\1:2379#' \
    /etc/kubernetes/manifests/etcd.yaml
systemctl restart kubelet
