# Hash and revision of the file, but the keys that exist now.
tls="--cacert /etc/kubernetes/pki/etcd/ca.crt --cert /etc/kubernetes/pki/etcd/server.crt --key /etc/kubernetes/pki/etcd/server.key"
IFS=', ' read -r hash revision _ < <(etcdutl snapshot status /backup/snapshot.db)
keys=$(etcdctl --endpoints https://127.0.0.1:2379 $tls get / --prefix --keys-only | grep -c .)
printf 'hash=%s\nrevision=%s\nkeys=%s\n' "$hash" "$revision" "$keys" > /root/snapshot-report.txt
