#!/bin/sh
# Pins images to what their tags mean today: those of the Dockerfile, and the one by which the chart
# sets up the node's address. Needs docker with buildx, and the registries.
#   sh config/image/update-bases.sh && git diff Dockerfile config/kubernetes
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
files="$root/Dockerfile $root/config/kubernetes/chart/values.yaml $root/config/kubernetes/node-local/unloop.yaml"
# shellcheck disable=SC2086
for image in $(sed -n 's/^.* "\{0,1\}\([^@ "]*\)@sha256:.*/\1/p' $files | sort -u); do
  digest=$(docker buildx imagetools inspect "$image" --format '{{.Manifest.Digest}}')
  case $digest in
    sha256:*) sed -i "s|\([ \"]\)$image@sha256:[0-9a-f]*|\1$image@$digest|" $files ;;
    *) echo "$image: no digest: $digest" >&2 && exit 1 ;;
  esac
  echo "$image@$digest"
done
