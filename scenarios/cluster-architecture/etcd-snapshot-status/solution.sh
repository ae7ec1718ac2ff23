#!/usr/bin/env bash
# Read a snapshot's own numbers into a report.
set -euo pipefail

# The table is for people ...
etcdutl snapshot status /backup/snapshot.db --write-out table

# ... the plain form is `hash, revision, total keys, size`, easy to take apart.
IFS=', ' read -r hash revision keys _ < <(etcdutl snapshot status /backup/snapshot.db)
printf 'hash=%s\nrevision=%s\nkeys=%s\n' "$hash" "$revision" "$keys" > /root/snapshot-report.txt
cat /root/snapshot-report.txt
