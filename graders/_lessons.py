"""The known wrong ways with etcd: what happened, why it matters, what to do."""

from __future__ import annotations

from cka_lab.api import Diagnosis

LIVE_COPY = Diagnosis(
    "live-copy",
    "This is a copy of etcd's database file, not a snapshot: it lacks the hash at its end, and it may be torn, because "
    "etcd was writing meanwhile. Take it with `etcdctl snapshot save`.",
)
DAMAGED_SNAPSHOT = Diagnosis(
    "damaged-snapshot",
    "The bytes of this file do not match the hash at its end, or they break off: a restore refuses it. "
    "Take it anew, and try every copy by a restore into a throw-away directory.",
)
STALE_SNAPSHOT = Diagnosis(
    "stale-snapshot",
    "This is an intact snapshot, but an older one: what was written since is missing. "
    "Names and times of files prove nothing; the revision inside does (`etcdutl snapshot status`).",
)
WRONG_TLS_FLAGS = Diagnosis(
    "wrong-tls-flags",
    "etcd refused the connection during the TLS handshake, so nothing was saved. It wants `--cacert`, `--cert` and "
    "`--key`; the flags in its manifest name the CA and a pair that it trusts.",
)
SAVED_IN_CONTAINER = Diagnosis(
    "saved-in-container",
    "The file lies in the container's own layer, which is thrown away with the container. "
    "Run etcdctl on the node, or save below a path that is mounted from it.",
)
UNVERIFIED_SNAPSHOT = Diagnosis(
    "unverified-snapshot",
    "etcd runs on data that only a damaged snapshot holds: its hash check was skipped. "
    "`--skip-hash-check` is for a copied database when nothing better is left; take the newest file that restores "
    "without it.",
)
MANIFEST_NOT_REPOINTED = Diagnosis(
    "manifest-not-repointed",
    "The restored directory is there, but the manifest still mounts another one, so etcd never sees it. "
    "Let the volume's `hostPath` in the manifest name the restored directory.",
)
RESTORED_INTO_RUNNING_DIR = Diagnosis(
    "restored-into-running-dir",
    "The restore went into the directory that etcd uses: into a full one it is refused, below it it is never read, and "
    "a running etcd keeps the old files open. Restore into a new directory, and let the manifest mount that one.",
)
NOT_RESTARTED = Diagnosis(
    "not-restarted",
    "The directory on the node was swapped, but the running etcd still holds the old one open. "
    "Stop it (move its manifest away), swap, and move the manifest back.",
)
EMPTY_STORE = Diagnosis(
    "empty-store",
    "etcd is healthy and empty: it began a new store instead of using the data. "
    "Compare `--data-dir`, the volume's `mountPath` and its `hostPath`, and restore the snapshot if the data is gone.",
)
WRONG_DIRECTORY = Diagnosis(
    "wrong-directory",
    "etcd runs on a restored directory, but not on the one that was asked for. "
    "Restore into the directory that the task names, and let the manifest mount that one.",
)
FAILED_RESTORE_REUSED = Diagnosis(
    "failed-restore-reused",
    "No restore was ever finished in this directory: etcd also starts on the remains of a refused restore, or on a "
    "copied database. Remove the directory and restore into it anew.",
)
PLAIN_HTTP = Diagnosis(
    "plain-http",
    "etcd serves clients without TLS now: whoever reaches the port reads and writes everything, and the API server, "
    "which speaks TLS, gets no answer. Use https URLs with the certificate flags.",
)
CLIENT_AUTH_DISABLED = Diagnosis(
    "client-auth-disabled",
    "etcd takes clients without a certificate: whoever reaches the port reads every Secret. "
    "`--client-cert-auth=true` and the right `--trusted-ca-file` belong together.",
)
LIVE_STATUS_REPORTED = Diagnosis(
    "live-status-reported",
    "This number is the running etcd's, not the file's: the store has moved on since the snapshot. "
    "`etcdutl snapshot status FILE` reads the file itself.",
)
SHA256SUM_AS_HASH = Diagnosis(
    "sha256sum-as-hash",
    "This is a SHA-256 checksum of the file. The hash that etcd's tool reports is another one, of eight hexadecimal "
    "digits: `etcdutl snapshot status FILE`.",
)
LIVE_KEYS_COUNTED = Diagnosis(
    "live-keys-counted",
    "This is the number of keys that exist. Total keys counts every revision that the snapshot holds, overwritten and "
    "deleted ones as well: take it from `etcdutl snapshot status FILE`.",
)
