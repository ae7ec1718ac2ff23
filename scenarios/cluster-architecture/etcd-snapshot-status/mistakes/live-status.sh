# Asks the running etcd, which has moved on since.
tls="--cacert /etc/kubernetes/pki/etcd/ca.crt --cert /etc/kubernetes/pki/etcd/server.crt --key /etc/kubernetes/pki/etcd/server.key"
revision=$(etcdctl --endpoints https://127.0.0.1:2379 $tls endpoint status -w json | grep -o '"revision":[0-9]*' | cut -d: -f2)
hash=$(etcdctl --endpoints https://127.0.0.1:2379 $tls endpoint hashkv -w json | grep -o '"hash":[0-9]*' | cut -d: -f2)
keys=$(etcdctl --endpoints https://127.0.0.1:2379 $tls get / --prefix --keys-only | grep -c .)
printf 'hash=%s\nrevision=%s\nkeys=%s\n' "$hash" "$revision" "$keys" > /root/snapshot-report.txt
