# Writes a node's state to standard output, as a tar (to compress it would take longer than to send it). etcd is frozen for
# the moment of the copy: what lies on disk then is what a crash at that moment would leave, which etcd is made to survive.
# $1: etcd's data directory, or "". $2: where small disks of faults are mounted, by blanks.
set -u
cd /
umask 077
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C
kept=/var/lib/.cka-lab-save notes=/run/.cka-lab
rm -rf $kept $notes
mkdir -p $notes
if [ "$1" ] && [ -d "$1" ] && [[ " $2 " != *" $1 "* ]]; then
    pids=$(pgrep -x etcd)
    [ -z "$pids" ] || kill -STOP $pids
    (umask 022 && mkdir -p "$kept/$1") && cp -a --sparse=always "$1/." "$kept/$1/"
    code=$?
    [ -z "$pids" ] || kill -CONT $pids
    [ $code = 0 ] || exit $code
fi

# what is no file, or is known by its name alone
date +%s.%N >$notes/when
iptables-save >$notes/iptables 2>/dev/null
ip6tables-save >$notes/ip6tables 2>/dev/null
sysctl -a --pattern '^net\.' 2>/dev/null | sort >$notes/sysctl &
ip -o route show | grep -v ' veth' >$notes/routes # but for those to pods
timeout 5 crictl pods -q 2>/dev/null | sort >$notes/pods &
systemctl list-units --plain --no-legend --state=active,activating,failed --type=service,timer,socket,path |
    cut -d' ' -f1 | sort >$notes/units &
find / /var /var/lib /var/log -mindepth 1 -maxdepth 1 | sort >$notes/names
list=()
for path in @PATHS@; do
    [ -e "/$path" ] && list+=("$path")
done
find "${list[@]/#//}" -printf '%y %p\n' | sort >$notes/files
# where the image has the files, what differs from it: all that was changed since the machine was made, but for what a
# reset has brought back from the image
read -r up _ </proc/uptime
started=$(sed 's/.*) //' /proc/1/stat | cut -d' ' -f20)
born=$(($(date +%s) - ${up%.*} + started / $(getconf CLK_TCK)))
find @IMAGES@ -xdev -newerct "@$born" -printf '%C@ %y %p\n' | sort | comm -23 - <(sort -u @ORIGINALS@ 2>/dev/null) |
    cut -d' ' -f2- >$notes/changed
sed -n 's/^d //p' $notes/changed | while IFS= read -r folder; do find "$folder" -mindepth 1 -maxdepth 1; done | sort >$notes/changed-names
sed -nE 's/^[fl] \///p' $notes/changed | grep -vE '^usr/(local/bin/etcd(ctl|utl)|bin/u?mount)$' | sort >$notes/changed-files
wait

away=(--exclude=opt/cni --exclude=etc/hosts --exclude=etc/hostname --exclude=etc/resolv.conf)
for disk in $2; do away+=("--exclude=${disk#/}"); done
[ ! -d $kept ] || list+=(-C $kept "$(cd $kept && echo *)")
tar -cSf - --format=posix --numeric-owner --warning=no-file-changed "${away[@]}" -C / "${notes#/}" -T $notes/changed-files "${list[@]}"
code=$?
rm -rf $kept
for disk in $2; do # not sparse: what fills a disk has to fill it again
    tar -cf - --format=posix --numeric-owner --warning=no-file-changed -C / "${disk#/}"
done
[ $code -le 1 ]
