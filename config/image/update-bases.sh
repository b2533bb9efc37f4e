#!/bin/sh
# Pins the images of the Dockerfile to what their tags mean today. Needs docker with buildx, and the
# registries.
#   sh config/image/update-bases.sh && git diff Dockerfile
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
file="$root/Dockerfile"
for image in $(sed -n 's/^.* "\{0,1\}\([^@ "]*\)@sha256:.*/\1/p' "$file" | sort -u); do
  digest=$(docker buildx imagetools inspect "$image" --format '{{.Manifest.Digest}}')
  case $digest in
    sha256:*) sed -i "s|\([ \"]\)$image@sha256:[0-9a-f]*|\1$image@$digest|" "$file" ;;
    *) echo "$image: no digest: $digest" >&2 && exit 1 ;;
  esac
  echo "$image@$digest"
done
