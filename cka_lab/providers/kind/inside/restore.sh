# Puts a node's saved state back, however broken it is: a tar on standard input. $1: etcd's data directory, or "". $2: when
# the node was last known to be as saved, in seconds since the epoch, or "".
# Where something was changed that only the image has, it stops halfway and writes the folders' paths; else it writes
# `since SECONDS`.
set -u
cd /
umask 022
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C
notes=/run/.cka-lab
CONTROL_PLANE='etcd|kube-apiserver|kube-controller-manager|kube-scheduler'
shopt -s nullglob dotglob

# -- nothing may work against us: units, processes of the learner's, immutable files, mounts ---------------------------

systemctl kill -s KILL etcd 2>/dev/null
timeout 20 systemctl stop etcd kubelet 2>/dev/null
mine=" 1 $$ $BASHPID "
up=$$
while [ "${up:-0}" -gt 1 ]; do
    mine+="$up "
    while read -r word up _; do [ "$word" = PPid: ] && break; done <"/proc/$up/status"
done
for p in /proc/[0-9]*; do
    pid=${p#/proc/}
    [[ $mine == *" $pid "* ]] && continue
    cgroup='' name=''
    { IFS= read -r -d '' cgroup <"$p/cgroup"; } 2>/dev/null
    [[ $cgroup =~ (name=systemd:|0::)[^$'\n']*(containerd|kubepods|journald|dbus|logind)[^$'\n']* ]] && continue
    { tr '\0' ' ' <"$p/cmdline" | grep -q cka-lab-agent; } 2>/dev/null && continue # may stay
    kill -9 "$pid" 2>/dev/null
done
pkill -9 -x 'etcd|kube-apiserver|kube-controller|kube-scheduler'
places=()
for path in @PATHS@ ${1#/}; do [ -e "/$path" ] && places+=("/$path"); done
lsattr -aR "${places[@]}" /usr/local 2>/dev/null | sed -nE 's/^[^ ]*[ia][^ ]* (\/.*)/\1/p' | xargs -r -d '\n' chattr -f -ia
OWN='^/((proc|sys|dev|run|tmp|usr/lib/modules|lib/modules|var/lib/(kubelet|containerd))(/|$)|etc/(hosts|hostname|resolv.conf)$|var$|$)'
while read -r _ _ _ _ at _; do
    [[ $at =~ $OWN ]] || echo "$at"
done </proc/self/mountinfo | sort -r | xargs -r -n1 umount -l 2>/dev/null

# -- the pods of the control plane go, so that no back-off is left, and those that came later --------------------------

remove_pods() { # $1: those that may stay
    { crictl pods -q --name "^($CONTROL_PLANE)-"; crictl pods -q | sort | comm -23 - "$1"; } 2>/dev/null |
        sort -u | xargs -r -P4 -n2 timeout 20 crictl rmp -f >/dev/null 2>&1
}
runtime=$(cat /etc/containerd/* 2>/dev/null | md5sum)
alive=
# a containerd that lost sight of its network plugins' folder has to begin anew
[ -d /etc/cni/net.d ] && systemctl is-active -q containerd && timeout 2 crictl version >/dev/null 2>&1 && alive=yes
if [ $alive ]; then
    crictl pods -q --name "^($CONTROL_PLANE)-" | xargs -r -P4 -n1 timeout 20 crictl rmp -f >/dev/null 2>&1 &
fi

# -- files -------------------------------------------------------------------------------------------------------------

folders=() others=()
for path in "${places[@]}" /tmp; do
    if [ -d "$path" ] && [ ! -L "$path" ]; then folders+=("$path"); else others+=("$path"); fi
done
find "${folders[@]}" -mindepth 1 -regextype posix-extended ! -regex '/etc/(hosts|hostname|resolv.conf|cni|cni/net.d)|/opt/cni(/.*)?' -delete 2>/dev/null
rm -rf "${others[@]}" /var/lib/etcd* "${1:-/var/lib/etcd}" $notes
for disk in ${4:-}; do
    mkdir -p "${disk%=*}" && mount -t tmpfs -o "size=${disk#*=}" tmpfs "${disk%=*}" || exit 8
done
tar -xpSif - -C / --same-owner --numeric-owner || exit 9
find / /var /var/lib /var/log -mindepth 1 -maxdepth 1 ! -path '/run*' | sort | comm -23 - $notes/names | xargs -r -d '\n' rm -rf
since=${2:-$(<$notes/when)}
find @IMAGES@ -xdev \( -type f -o -type l \) -newerct "@$since" -printf '%p\n' | sort |
    comm -23 - <(sed 's#^#/#' $notes/changed-files) | xargs -r -d '\n' rm -f
changed=$(find @IMAGES@ -xdev -type d -newerct "@$since")
[ -z "$changed" ] || { wait; echo "$changed"; exit 0; }

# -- start again -------------------------------------------------------------------------------------------------------

systemctl daemon-reload
active() { systemctl list-units --plain --no-legend --state=active,activating,failed --type=service,timer,socket,path | cut -d' ' -f1 | sort; }
active | comm -23 - $notes/units | xargs -r timeout 20 systemctl stop 2>/dev/null
if [ ! $alive ] || [ "$runtime" != "$(cat /etc/containerd/* 2>/dev/null | md5sum)" ]; then
    systemctl restart containerd
    for i in {1..30}; do timeout 2 crictl version >/dev/null 2>&1 && break; sleep 0.1; done
fi
wait
remove_pods $notes/pods
systemctl reset-failed 2>/dev/null
stay=" ${3:-} "
for unit in kubelet $(active | comm -13 - $notes/units); do
    [[ $stay == *" ${unit%.service} "* ]] || systemctl start --no-block "$unit"
done
[[ $'\n'$(<$notes/units) != *$'\n'ssh.service* ]] || systemctl restart --no-block ssh # it may run on another configuration
for unit in $stay; do systemctl stop "$unit" 2>/dev/null; done
iptables-restore $notes/iptables 2>/dev/null
ip6tables-restore $notes/ip6tables 2>/dev/null
sysctl -a --pattern '^net\.' 2>/dev/null | sort | comm -13 - $notes/sysctl | sysctl -q -p - 2>/dev/null
rm -rf $notes
echo "since $(date +%s.%N)"
