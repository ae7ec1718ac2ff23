# Taken rightly, then moved by something that broke off: nobody verified the copy.
etcdctl --endpoints https://127.0.0.1:2379 --cacert /etc/kubernetes/pki/etcd/ca.crt \
    --cert /etc/kubernetes/pki/etcd/server.crt --key /etc/kubernetes/pki/etcd/server.key snapshot save /tmp/full.db
head -c 14000 /tmp/full.db > /opt/etcd-backup.db
