# Mounts the hierarchies of cgroup v1 and an empty one of v2, as Debian has them in its hybrid mode.
# Sourced by a script that has mounts of its own.
mount -t tmpfs -o mode=755 tmpfs /sys/fs/cgroup
for hierarchy in cpu cpuacct cpuset memory devices freezer blkio pids; do
  mkdir /sys/fs/cgroup/$hierarchy
  mount -t cgroup -o $hierarchy cgroup /sys/fs/cgroup/$hierarchy
done
mkdir /sys/fs/cgroup/systemd /sys/fs/cgroup/unified
mount -t cgroup -o none,name=systemd cgroup /sys/fs/cgroup/systemd
mount -t cgroup2 cgroup2 /sys/fs/cgroup/unified
