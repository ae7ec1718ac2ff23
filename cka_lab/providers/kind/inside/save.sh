# Writes a node's state to standard output, as a compressed tar. etcd is frozen for the moment of the copy: what lies on
# disk then is what a crash at that moment would leave, which etcd is made to survive. $1: etcd's data directory, or "".
set -u
cd /
umask 077
kept=/var/lib/.cka-lab-save
rm -rf $kept
if [ "$1" ] && [ -d "$1" ]; then
    pids=$(pgrep -x etcd)
    [ -z "$pids" ] || kill -STOP $pids
    mkdir -p "$kept/$1" && cp -a --sparse=always "$1/." "$kept/$1/"
    code=$?
    [ -z "$pids" ] || kill -CONT $pids
    [ $code = 0 ] || exit $code
fi
iptables-save >/run/.cka-lab-iptables 2>/dev/null
list=()
for path in @PATHS@ run/.cka-lab-iptables; do
    [ -e "/$path" ] && list+=("$path")
done
if [ -d $kept ]; then
    tar -cSf - --format=posix --warning=no-file-changed -C / "${list[@]}" -C $kept "$(cd $kept && echo *)" | gzip -1
else
    tar -cSf - --format=posix --warning=no-file-changed -C / "${list[@]}" | gzip -1
fi
rm -rf $kept
