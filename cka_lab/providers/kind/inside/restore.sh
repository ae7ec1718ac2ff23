# Puts a node's saved state back, however broken it is: a compressed tar on standard input. $1: etcd's data directory, or "".
set -u
cd /
umask 022
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin

# 1. nothing may work against us: learner's processes, immutable files, masked units
loginctl kill-user candidate 2>/dev/null
pkill -9 -u candidate 2>/dev/null
mine=" 1 $$ $BASHPID "
up=$$
while [ "${up:-0}" -gt 1 ]; do
    mine+="$up "
    up=$(awk '/^PPid:/ { print $2 }' "/proc/$up/status")
done
for p in /proc/[0-9]*; do # whatever runs in no unit and in no pod was started from a shell; our agent may stay
    pid=${p#/proc/}
    [[ $mine == *" $pid "* ]] && continue
    grep -qsE '(name=systemd:|^0::).*(\.service|kubepods|cri-containerd)' "$p/cgroup" && continue
    grep -qsz 'cka-lab-agent' "$p/cmdline" || kill -9 "$pid"
done 2>/dev/null
for path in @PATHS@ ${1#/}; do
    [ -e "/$path" ] && chattr -R -ia "/$path" 2>/dev/null
done
systemctl unmask -q kubelet containerd etcd 2>/dev/null
systemctl stop etcd 2>/dev/null
rm -rf /run/systemd/system/kubelet.service* /run/systemd/system/containerd.service*
systemctl stop kubelet 2>/dev/null

# small disks of faults, and what anybody mounted in the places that are put back
awk '$5 ~ "^/(var/lib/etcd|etc/|opt|root|home|srv|mnt|backup|tmp/)" && $5 !~ "^/etc/(hosts|hostname|resolv.conf)$" { print $5 }' \
    /proc/self/mountinfo | sort -r | xargs -r -n1 umount -l 2>/dev/null

# 2. the control plane ends, its pods go, so that no back-off is left
pkill -9 -x 'etcd|kube-apiserver|kube-controller|kube-scheduler'

# 3. files
for path in @PATHS@; do
    # folders stay themselves: containerd watches that of its network plugins
    if [ -d "/$path" ] && [ ! -L "/$path" ]; then find "/$path" -mindepth 1 -delete; else rm -rf "/${path:?}"; fi
done 2>/dev/null
rm -rf /var/lib/etcd* "${1:-/var/lib/etcd}"
find /tmp -mindepth 1 -delete 2>/dev/null
tar -xpSzf - -C / --same-owner || exit 9
iptables-restore /run/.cka-lab-iptables 2>/dev/null

# 4. start again
systemctl daemon-reload
systemctl restart containerd
for i in 1 2 3 4 5 6 7 8 9 10; do crictl version >/dev/null 2>&1 && break; sleep 0.3; done
pods=$(crictl pods -q --name '^(etcd|kube-apiserver|kube-controller-manager|kube-scheduler)-')
[ -z "$pods" ] || crictl rmp -f $pods >/dev/null 2>&1
systemctl enable -q kubelet containerd 2>/dev/null
[ ! -e /etc/systemd/system/multi-user.target.wants/etcd.service ] || systemctl start --no-block etcd
systemctl reset-failed kubelet 2>/dev/null
systemctl start kubelet
systemctl start ssh 2>/dev/null
exit 0
