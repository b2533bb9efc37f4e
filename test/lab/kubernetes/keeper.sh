#!/bin/sh
# Keeps the laboratory's node: builds its network, starts it, and takes all of it away when standard
# input ends, which it does when the test closes it and also when the test dies. What a keeper
# that was killed has left, the next one takes away first.
#
#   node 10.91.1.1 eth0 ──veth── eth0 10.91.1.2 and .3 world: DNS servers that know every name
#   (fd00:91::1)                     (fd00:91::2 and ::3)
#
# usage: keeper.sh FOLDER NODE-SCRIPT; the environment is the node's (node.sh)
set -eu
folder=$1 script=$2
node=unloop-k8s-node world=unloop-k8s-world cgroup=unloop-k8s
hierarchies='cpu cpuacct cpuset memory devices freezer blkio pids systemd unified'

take_away() {
  for name in $node $world; do
    [ -e /run/netns/$name ] || continue
    # The node's first process is among them, and with it go all of the node's.
    ip netns pids $name | xargs -r kill -KILL 2> /dev/null || true
    ip netns del $name
  done
  for hierarchy in $hierarchies; do
    top=/sys/fs/cgroup/$hierarchy/$cgroup
    tries=0
    while [ -d "$top" ] && [ $tries -lt 50 ]; do
      find "$top" -depth -type d -exec rmdir {} \; 2> /dev/null || true
      tries=$((tries + 1))
      [ ! -d "$top" ] || sleep 0.1
    done
  done
  # Mounts of the node were made in its own mount namespace: only its files are left.
  rm -rf "$folder/containerd" "$folder/kubelet"
}
# One node at a time. Nothing that is started below may hold the lock: 9>&-.
exec 9> "${TMPDIR:-/tmp}/unloop-k8s.lock"
flock -w 600 9 || { echo 'another node is running' >&2; exit 1; }
take_away
trap take_away EXIT

[ ! -e /sys/fs/cgroup/cgroup.controllers ] || { echo 'the node needs cgroup v1 here' >&2; exit 1; }
mkdir -p "$folder/containerd" "$folder/kubelet"
ip netns add $node
ip netns add $world
ip -n $node link add eth0 type veth peer name eth0 netns $world
for end in "$node 10.91.1.1 fd00:91::1 10.91.1.2 fd00:91::2" "$world 10.91.1.2 fd00:91::2 10.91.1.1 fd00:91::1"; do
  set -- $end
  ip -n "$1" link set lo up
  [ "$FAMILY" = 6 ] || ip -n "$1" addr add "$2/24" dev eth0
  ip -n "$1" addr add "$3/64" dev eth0 nodad
  ip -n "$1" link set eth0 up
  [ "$FAMILY" = 6 ] || ip -n "$1" route add default via "$4"
  ip -n "$1" -6 route add default via "$5"
done
ip netns exec $node sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
[ "$FAMILY" = 6 ] || ip -n $world addr add 10.91.1.3/24 dev eth0
ip -n $world addr add fd00:91::3/64 dev eth0 nodad
setpriv --pdeathsig KILL nsenter --net=/run/netns/$world "$COREDNS" -conf "$folder/Corefile" > "$folder/world.log" 2>&1 9>&- &

for hierarchy in $hierarchies; do mkdir -p /sys/fs/cgroup/$hierarchy/$cgroup; done
# A new cpuset is empty, and takes no process.
for file in cpus mems; do
  cat /sys/fs/cgroup/cpuset/cpuset.$file > /sys/fs/cgroup/cpuset/$cgroup/cpuset.$file
done
# The subshell enters the node's cgroups, then becomes the parent of the node's first process.
(
  pid=$(exec sh -c 'echo $PPID')
  for hierarchy in $hierarchies; do echo "$pid" > /sys/fs/cgroup/$hierarchy/$cgroup/cgroup.procs; done
  exec setpriv --pdeathsig KILL nsenter --net=/run/netns/$node unshare --mount --pid --uts --ipc --cgroup \
    --fork --kill-child --propagation private --mount-proc "$script"
) > "$folder/node.log" 2>&1 < /dev/null 9>&- &
unshare=$!
tries=0
until grep -q '^up$' "$folder/node.log"; do
  tries=$((tries + 1))
  if [ $tries -gt 300 ] || ! kill -0 $unshare; then cat "$folder/node.log" >&2; exit 1; fi
  sleep 0.1
done
# unshare's only child.
echo "node $(cat /proc/$unshare/task/$unshare/children)"
cat > /dev/null
