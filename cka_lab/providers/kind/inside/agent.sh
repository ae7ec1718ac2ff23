# Answers questions about a node: one line a question (`op base64 base64 ...`), one line an answer (`ok base64` or
# `err KIND base64`). It lives as long as its standard input, and uses what every Debian has: bash, coreutils, findutils.
export LC_ALL=C PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
shopt -s nullglob dotglob

ok() { printf 'ok '; base64 -w0; echo; }
err() { printf 'err %s ' "$1"; printf '%s' "$2" | base64 -w0; echo; }

look() { # mode, size, time, uid, gid, inode, device of what a path leads to
    local out
    if out=$(stat -L --printf '%f %s %.Y %u %g %i %d' -- "$1" 2>&1); then
        ok <<<"$out"
    elif [[ $out == *'No such file'* || $out == *'Not a directory'* ]]; then
        err missing "$1"
    else
        err unreadable "$out"
    fi
}

names() { # what is in a folder, NUL after each
    [ -d "$1" ] && cd -- "$1" 2>/dev/null || { ok </dev/null; return; }
    local all=(*)
    cd /
    ((${#all[@]})) && printf '%s\0' "${all[@]}" | ok || ok </dev/null
}

bytes() { # a regular file, up to a limit and one more
    local size
    if [ ! -e "$1" ]; then err missing "$1"
    elif [ ! -f "$1" ]; then err unreadable "$1 is not a regular file"
    elif size=$(stat -L -c %s -- "$1") && ((size > $2)); then
        err unreadable "$1 is $size bytes, more than the $2 that are looked at"
    else head -c "$(($2 + 1))" -- "$1" 2>/dev/null | ok
    fi
}

processes() { # uptime; then of each: pid, stat, uid, number of arguments, arguments
    local up p line stat uid argv
    read -r up _ </proc/uptime
    printf '%s\0' "$up"
    for p in /proc/[0-9]*; do
        { stat=$(<"$p/stat"); } 2>/dev/null || continue
        uid=0
        { while read -r line; do case $line in Uid:*) read -r _ uid _ <<<"$line"; break ;; esac; done <"$p/status"; } 2>/dev/null
        argv=()
        { mapfile -d '' -t argv <"$p/cmdline"; } 2>/dev/null
        printf '%s\0' "${p#/proc/}" "$stat" "$uid" "${#argv[@]}" "${argv[@]}"
    done
}

folders() { # of each process: pid, working folder
    find /proc -maxdepth 2 -path '/proc/[0-9]*/cwd' -printf '%h\0%l\0' 2>/dev/null
}

pods() { # all that is known of containers, as JSON
    local ids
    ids=$(timeout 5 crictl ps -a -o json 2>&1) || { err runtime "$ids"; return; }
    # of static pods, if jq is there: to ask about the others takes as long again
    ids=$(jq -r --arg suffix "-$NODE" '.containers[] | select(.labels["io.kubernetes.pod.name"] // "" | endswith($suffix)).id' \
        <<<"$ids" 2>&1) || ids=$(timeout 5 crictl ps -a -q 2>&1) || { err runtime "$ids"; return; }
    if [ -z "$ids" ]; then ok </dev/null; else timeout 5 crictl inspect -o json $ids 2>/dev/null | ok; fi
}

unit() { # what systemd knows of a unit
    local out
    out=$(timeout 5 systemctl show -p LoadState,ActiveState,UnitFileState,Result,TriggeredBy,MainPID \
        -p ActiveEnterTimestampMonotonic -- "$1" 2>&1) || { err unit "$out"; return; }
    printf '%s\nuptime=%s\n' "$out" "$(cut -d' ' -f1 /proc/uptime)" | ok
}

pod() { # the process that holds a Pod's network: $1 namespace, $2 name
    local id
    id=$(timeout 5 crictl pods -q --state ready --namespace "^$1\$" --name "^$2\$" 2>&1) || { err runtime "$id"; return; }
    [ "$id" ] || { err missing "$1/$2"; return; }
    timeout 5 crictl inspectp -o go-template --template '{{.info.pid}}' "${id%%$'\n'*}" 2>/dev/null | ok
}

hangup() { # what closing a terminal does to the session that carries a mark in its environment
    local p stat
    for p in /proc/[0-9]*; do
        grep -qsz "^$1\$" "$p/environ" || continue
        stat=$(<"$p/stat") && stat=(${stat##*) })
        [ "${stat[3]}" = "${p#/proc/}" ] && { pkill -HUP -s "${stat[3]}"; pkill -CONT -s "${stat[3]}"; }
    done 2>/dev/null
    ok </dev/null
}

while read -r op a b; do
    a=$(base64 -d <<<"$a"; echo .) b=$(base64 -d <<<"$b")
    a=${a%.}
    case $op in
    stat) look "$a" ;;
    list) names "$a" ;;
    read) bytes "$a" "$b" ;;
    ps) processes | ok ;;
    cwd) folders | ok ;;
    containers) pods ;;
    unit) unit "$a" ;;
    pod) pod "$a" "$b" ;;
    hangup) hangup "$a" ;;
    *) err unknown "$op" ;;
    esac
done
