# /opt inside the container is not /opt of the node.
crictl exec "$(crictl ps -q --name etcd)" sh -c 'mkdir -p /opt; etcdctl --endpoints https://127.0.0.1:2379 \
    --cacert /etc/kubernetes/pki/etcd/ca.crt --cert /etc/kubernetes/pki/etcd/server.crt \
    --key /etc/kubernetes/pki/etcd/server.key snapshot save /opt/etcd-backup.db'
