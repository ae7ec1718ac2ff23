# A healthy etcd, without any of the cluster's data.
rm -rf /var/lib/etcd/member
