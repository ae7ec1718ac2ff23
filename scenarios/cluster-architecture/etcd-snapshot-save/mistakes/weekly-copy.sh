# An intact snapshot, but of last week.
cp /var/backups/etcd-weekly.db /opt/etcd-backup.db
