# Puts a node's saved state back, however broken it is: a tar on standard input. $1: etcd's data directory, or "". $2: when
# the node was last known to be as saved, in seconds since the epoch, or "". $3: units that stay stopped, by blanks. $4: small
# disks to mount, as PATH=BYTES. $5: not empty where the API server was ready. $6: not empty where the kubelet is to go on: one
# that is started while there is no API server follows no change of a static pod until there is one.
# Where something was changed that only the image has, it stops halfway and writes the folders' paths; else it writes
# `since SECONDS`. Files that were not touched since $2 are left alone: a change of a file's times can be forged, but for
# the one of its last change (ctime).
set -u
cd /
umask 022
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C
notes=/run/.cka-lab saved=/run/.cka-lab.tar before=/run/.cka-lab.before
CONTROL_PLANE='etcd|kube-apiserver|kube-controller-manager|kube-scheduler'
shopt -s nullglob dotglob
rm -rf $notes
cat >$saved && tar -xf $saved -i -C / "${notes#/}" || exit 9
since=${2:-$(<$notes/when)}

# -- nothing may work against us: units, processes of the learner's, mounts --------------------------------------------

kubelets() { cat /var/lib/kubelet/{config.yaml,kubeadm-flags.env} /etc/default/kubelet /etc/kubernetes/kubelet.conf \
    /etc/systemd/system/kubelet.service{,.d/*} 2>/dev/null; }
mine=" 1 $$ $BASHPID "
thaw() { # what is frozen can't be ended: a kubelet that was stopped at the wrong moment leaves its pods so
    find /sys/fs/cgroup -path '*kubepods*' -name freezer.state -exec grep -l FR {} + |
        while read -r state; do echo THAWED >"$state"; done
    find /sys/fs/cgroup -path '*kubepods*' -name cgroup.freeze -exec grep -l 1 {} + |
        while read -r state; do echo 0 >"$state"; done
} 2>/dev/null
systemctl kill -s KILL etcd 2>/dev/null
if [ "${6:-}" ]; then
    kubelet=$(kubelets | md5sum)
    timeout 20 systemctl stop etcd 2>/dev/null
    pkill -STOP -x kubelet
    mine+="$(pgrep -x kubelet) "
else
    timeout 20 systemctl stop etcd kubelet 2>/dev/null
fi
thaw
up=$$
while [ "${up:-0}" -gt 1 ]; do
    mine+="$up "
    while read -r word up _; do [ "$word" = PPid: ] && break; done <"/proc/$up/status"
done
for p in /proc/[0-9]*; do
    pid=${p#/proc/}
    [[ $mine == *" $pid "* ]] && continue
    cgroup=''
    { IFS= read -r -d '' cgroup <"$p/cgroup"; } 2>/dev/null
    [[ $cgroup =~ (name=systemd:|0::)[^$'\n']*(containerd|kubepods|journald|dbus|logind)[^$'\n']* ]] && continue
    { tr '\0' ' ' <"$p/cmdline" | grep -q cka-lab-agent; } 2>/dev/null && continue # may stay
    kill -9 "$pid" 2>/dev/null
done
pkill -9 -x 'etcd|kube-apiserver|kube-controller|kube-scheduler'
OWN='^/((proc|sys|dev|run|tmp|usr/lib/modules|lib/modules|var/lib/(kubelet|containerd))(/|$)|etc/(hosts|hostname|resolv.conf)$|var$|$)'
while read -r _ _ _ _ at _; do
    [[ $at =~ $OWN ]] || echo "$at"
done </proc/self/mountinfo | sort -r | xargs -r -n1 umount -l 2>/dev/null

# -- the pods of the control plane go, so that no back-off is left, and those that came later --------------------------

remove_pods() {
    { timeout 5 crictl pods -q --name "^($CONTROL_PLANE)-" && timeout 5 crictl pods -q | sort | comm -23 - $notes/pods; } 2>/dev/null |
        sort -u | xargs -r -P4 -n2 timeout 20 crictl rmp -f >/dev/null 2>&1
    # etcd's revision goes back: who watches the API from a later one on (kube-proxy, CoreDNS ...) would hear nothing more
    [ -z "$watched" ] || timeout 5 crictl ps -a -o json 2>/dev/null | jq -r ".containers[]
        | select(.labels[\"io.kubernetes.pod.namespace\"] | IN(\"kube-system\", \"local-path-storage\", \"traefik\")) | .id" |
        xargs -r -P4 -n2 timeout 20 crictl rm -f >/dev/null 2>&1
    rm -rf /var/log/pods/kube-system_{etcd,kube-apiserver,kube-controller-manager,kube-scheduler}-* # restarts are counted there
    [ -z "$watched" ] || rm -rf /var/log/pods/{kube-system,local-path-storage,traefik}_*
    # the kubelet waits 3 s for each group of processes without any
    find /sys/fs/cgroup -depth -type d -name 'cri-containerd-*.scope' -exec rmdir {} + 2>/dev/null
}
watched=${5:-}
alive=
# a containerd that lost sight of its network plugins' folder has to begin anew
[ -d /etc/cni/net.d ] && systemctl is-active -q containerd && timeout 2 crictl pods -q >/dev/null 2>&1 && alive=yes
[ ! $alive ] || remove_pods &

# -- files -------------------------------------------------------------------------------------------------------------

places=()
for path in @PATHS@; do [ -e "/$path" ] || [ -L "/$path" ] && places+=("/$path"); done
KEEP='/etc/(hosts|hostname|resolv.conf)$|/opt/cni(/|$)'
find "${places[@]}" -newerct "@$since" -printf '%y %p\n' | grep -vE "$KEEP" | sort >$notes/touched
cut -d' ' -f2- $notes/touched | xargs -r -d '\n' chattr -f -ia
for disk in ${4:-}; do
    mkdir -p "${disk%=*}" && mount -t tmpfs -o "size=${disk#*=}" tmpfs "${disk%=*}" || exit 8
done
find "${places[@]}" -printf '%y %p\n' | sort >$notes/now
comm -13 $notes/files $notes/now | cut -d' ' -f2- | grep -vE "$KEEP" | xargs -r -d '\n' rm -rf
{ comm -23 $notes/files $notes/now; comm -12 $notes/files $notes/touched; } | grep -vE "$KEEP" >$notes/again
sed -n 's/^[^d] //p' $notes/again | xargs -r -d '\n' rm -rf
cut -d' ' -f2- $notes/again | sed 's#^/##' | sort >$notes/again-paths
find /tmp -mindepth 1 -delete 2>/dev/null
chattr -R -f -ia /var/lib/etcd* "${1:-/var/lib/etcd}" 2>/dev/null
rm -rf /var/lib/etcd* "${1:-/var/lib/etcd}"
# (without a name tar would bring back all there is)
[ ! -s $notes/again-paths ] || tar -xpSif $saved -C / --same-owner --numeric-owner --no-recursion -T $notes/again-paths || exit 9
rest=()
[ -z "$1" ] || rest+=("${1#/}")
for disk in ${4:-}; do disk=${disk%=*} && rest+=("${disk#/}"); done
[ ${#rest[@]} = 0 ] || tar -xpSif $saved -C / --same-owner --numeric-owner "${rest[@]}" 2>/dev/null
find / /var /var/lib /var/log -mindepth 1 -maxdepth 1 ! -path '/run*' | sort | comm -23 - $notes/names | xargs -r -d '\n' rm -rf
for root in @IMAGES@; do [ -d $root ] && [ ! -L $root ] || { rm -rf $root && mkdir $root; }; done
# programs: what was touched goes; what was saved of them comes back
find @IMAGES@ -xdev \( -type f -o -type l \) -newerct "@$since" -print0 | xargs -r -0 rm -f
changed=$(find @IMAGES@ -xdev -type d -newerct "@$since")
mapfile -t gone < <(while IFS= read -r path; do [ -e "/$path" ] || [ -L "/$path" ] || echo "$path"; done <$notes/changed-files)
[ ${#gone[@]} = 0 ] || tar -xpSif $saved -C / --same-owner --numeric-owner "${gone[@]}"
[ -z "$changed" ] || { wait; cat $notes/again $notes/touched >$before; echo "$changed"; exit 0; }
was() { cat $notes/again $notes/touched $before 2>/dev/null | grep -qE "$1"; } # changed, here or before it stopped halfway

# -- start again -------------------------------------------------------------------------------------------------------

runtime_units=(/run/systemd/system/* /run/systemd/transient/*.{service,timer,socket,path}) # pods have scopes and slices there
if [ ${#runtime_units[@]} != 0 ] || was '/systemd/'; then
    rm -rf "${runtime_units[@]}"
    systemctl daemon-reload
fi
active() { systemctl list-units --plain --no-legend --state=active,activating,failed --type=service,timer,socket,path | cut -d' ' -f1 | sort; }
active | comm -23 - $notes/units | xargs -r timeout 20 systemctl stop 2>/dev/null
if [ ! $alive ] || was '/etc/containerd/|^d /etc/cni/net.d$'; then
    systemctl restart containerd
    for i in {1..30}; do timeout 2 crictl version >/dev/null 2>&1 && break; sleep 0.1; done
    remove_pods
fi
wait
thaw
systemctl reset-failed 2>/dev/null
if [ "${6:-}" ]; then
    pkill -CONT -x kubelet
    [ "$kubelet" = "$(kubelets | md5sum)" ] || systemctl restart kubelet
fi
stay=" ${3:-} "
for unit in kubelet.service $(active | comm -13 - $notes/units); do
    [[ $stay == *" ${unit%.service} "* ]] || systemctl start --no-block "$unit"
done
[[ $'\n'$(<$notes/units) != *$'\n'ssh.service* ]] || systemctl restart --no-block ssh # it may run on another configuration
for unit in $stay; do systemctl stop "$unit" 2>/dev/null; done
iptables-restore $notes/iptables 2>/dev/null
ip6tables-restore $notes/ip6tables 2>/dev/null
sysctl -a --pattern '^net\.' 2>/dev/null | sort | comm -13 - $notes/sysctl | sysctl -q -p - 2>/dev/null
ip -o route show | grep -v ' veth' | cmp -s - $notes/routes || while IFS= read -r route; do ip route replace $route 2>/dev/null; done <$notes/routes
rm -rf $notes $saved $before
echo "since $(date +%s.%N)"
