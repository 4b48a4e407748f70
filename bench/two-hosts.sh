#!/bin/bash
# Two network namespaces as two hosts, each with a process of one training, by Open MPI over TCP; then the network between them is cut
# in the middle, and the training goes on on one host. Needs root (ip netns), iproute2 and openmpi-bin.
#
#   npm run -s build && bench/two-hosts.sh [SECONDS until mpirun is ended by force, 60]
set -uo pipefail
patience=${1:-60}
here=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d)
tag=pk$$
cleanup() {
  ip netns del "$tag-a" 2>/dev/null
  ip netns del "$tag-b" 2>/dev/null
  rm -rf "$work"
}
trap cleanup EXIT
ip netns add "$tag-a" && ip netns add "$tag-b" || { echo "this machine gives no network namespaces (CAP_NET_ADMIN)"; exit 2; }
ip link add "$tag"a netns "$tag-a" type veth peer name "$tag"b netns "$tag-b"
for side in a b; do
  at=$([ $side = a ] && echo 1 || echo 2)
  ip -n "$tag-$side" addr add 10.231.0.$at/24 dev "$tag$side"
  ip -n "$tag-$side" link set "$tag$side" up
  ip -n "$tag-$side" link set lo up
done
# In the place of ssh: a command in the other namespace, under a host name of its own.
cat > "$work/agent" <<AGENT
#!/bin/bash
side=\$([ "\$1" = 10.231.0.1 ] && echo a || echo b)
shift
exec ip netns exec $tag-\$side unshare --uts /bin/sh -c "hostname host-\$side; \$*"
AGENT
chmod +x "$work/agent"
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
recipe='{"recipe":{"steps":400,"checkpoint_every":10,"evaluation":{"every":0}}}'
train="$here/src/test/train-together.mjs"
run="$work/run"
mkdir -p "$run"
ip netns exec "$tag-a" unshare --uts /bin/bash -c "hostname host-a; exec mpirun -n 2 --host 10.231.0.1:1,10.231.0.2:1 --bind-to none \
  --mca plm_rsh_agent $work/agent --mca btl self,tcp --mca btl_tcp_if_include 10.231.0.0/24 --mca oob_tcp_if_include 10.231.0.0/24 \
  --mca odls_base_sigkill_timeout 5 --mca oob_tcp_keepalive_time 5 --mca oob_tcp_keepalive_intvl 2 --mca oob_tcp_keepalive_probes 3 \
  node $train pretrain $run '$recipe'" > "$work/said" 2>&1 &
job=$!
steps() { [ -e "$run/history.jsonl" ] && wc -l < "$run/history.jsonl" || echo 0; }
for _ in $(seq 2400); do
  [ "$(steps)" -ge 40 ] && break
  kill -0 $job 2>/dev/null || break
  sleep 0.05
done
[ "$(steps)" -ge 40 ] || { echo "the training did not begin:"; tail -20 "$work/said"; exit 1; }
echo "two hosts train together: $(steps) steps are done; the network is cut"
ip -n "$tag-b" link set "$tag"b down
began=$(date +%s)
while kill -0 $job 2>/dev/null && [ $(($(date +%s) - began)) -lt "$patience" ]; do sleep 0.5; done
if kill -0 $job 2>/dev/null; then
  echo "after $patience s mpirun had noticed nothing, at step $(steps): it is ended by force"
  for pid in $(ip netns pids "$tag-a") $(ip netns pids "$tag-b"); do kill -9 "$pid" 2>/dev/null; done
else
  echo "mpirun ended after $(($(date +%s) - began)) s, at step $(steps)"
  for pid in $(ip netns pids "$tag-b"); do kill -9 "$pid" 2>/dev/null; done
fi
wait $job
echo "exit code $?; it said:"
tail -15 "$work/said"
echo "one host goes on"
# A lock of another host is not taken away: nobody knows whether its process still runs.
ip netns exec "$tag-a" unshare --uts /bin/bash -c "hostname host-a; exec node $train pretrain $run '$recipe'" || exit 1
echo "done: $(steps) lines of history, $(cat "$run/told.json")"
