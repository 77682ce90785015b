#!/usr/bin/env bash
# A Redis script that only reads is refused on a full server if it begins with "#!lua".
#
# Seen with Redis 7.0.15 (Debian 12). Without the first line the script is judged as it
# runs: at maxmemory GET and DEL work, and the first command that needs memory is
# refused. With "#!lua" and no flags the same script is refused before it runs, even
# one that would free memory. It takes "#!lua flags=no-writes" or flags=allow-oom.
#
# Why a receiver of webhooks minds: on a full server a script can still tell that an
# event was handled, and its redelivery can be acknowledged. A comment line takes
# that away.
#
# Needs Debian 12 on x86-64, for its packages. The script fails if Redis behaves in
# another way.
set -euo pipefail
dir=$(mktemp -d)
server=
trap '[ -z "$server" ] || { kill "$server"; wait "$server" || true; }; rm -rf "$dir"' EXIT
cd "$dir"
mkdir debs root
(cd debs && apt-get download -qq -o APT::Sandbox::User=root redis-server=5:7.0.15-1~deb12u10 redis-tools=5:7.0.15-1~deb12u10 liblzf1=3.6-3 libjemalloc2=5.3.0-1)
for deb in debs/*.deb; do dpkg -x "$deb" root; done
export LD_LIBRARY_PATH=$dir/root/usr/lib/x86_64-linux-gnu
root/usr/bin/redis-server --port 0 --unixsocket redis.sock --save '' --dir "$dir" >/dev/null &
server=$!
cli() { root/usr/bin/redis-cli -s redis.sock "$@"; }
for _ in $(seq 100); do
	[ "$(cli ping 2>/dev/null || true)" != PONG ] || break
	sleep 0.1
done
cli set claim handled >/dev/null
cli config set maxmemory 100kb >/dev/null # full
changed=
# expect WANT FIRST-LINE COMMAND runs a script of one command on the key.
expect() {
	local got
	got=$(cli eval "$2"$'\n'"return redis.call('$3', KEYS[1])" 1 claim 2>&1 | head -1)
	printf '%-4s %-24s %s\n' "$3" "${2:-no first line}" "$got"
	case $got in "$1"*) ;; *) changed=yes ;; esac
}
expect handled '' GET
expect OOM '#!lua' GET
expect handled '#!lua flags=no-writes' GET
expect OOM '#!lua' DEL
expect 1 '' DEL
[ -z "$changed" ] || { echo "this differs from what was seen"; exit 1; }
