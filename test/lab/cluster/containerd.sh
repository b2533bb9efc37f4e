#!/bin/sh
# containerd with mounts, network and processes of its own: nothing of the machine changes. It ends
# when standard input does, and takes the containers' cgroups away.
#   usage: containerd.sh FOLDER (for its state; not on an overlay)
set -eu
folder=$1
mount --make-rprivate /
mount -t proc proc /proc
mount -t sysfs sysfs /sys
if [ ! -e /sys/fs/cgroup/cgroup.controllers ]; then
  . "$(dirname "$0")/../support/mount-cgroups.sh"
fi
mount -t tmpfs -o mode=755 tmpfs /run
ip link set lo up
containerd --root "$folder/root" --state /run/containerd --address /run/containerd.sock > "$folder/log" 2>&1 < /dev/null &
until [ -S /run/containerd.sock ]; do sleep 0.05; done
echo up
cat
for name in $(ctr --address /run/containerd.sock tasks ls -q); do
  ctr --address /run/containerd.sock tasks rm -f "$name" > /dev/null 2>&1 || true
done
find /sys/fs/cgroup -depth -type d -path '*/unloop-lab*' -exec rmdir {} + 2> /dev/null || true
