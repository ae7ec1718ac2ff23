# The database file looks like a snapshot, and `snapshot status` even counts its keys.
cp /var/lib/etcd/member/snap/db /opt/etcd-backup.db
