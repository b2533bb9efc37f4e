#!/bin/sh
# Pins the base images of the Dockerfile to what their tags mean today. Needs docker with buildx, and the registries.
#   sh config/image/update-bases.sh && git diff Dockerfile
set -eu
dockerfile=$(cd "$(dirname "$0")/../.." && pwd)/Dockerfile
for image in $(sed -n 's/^FROM \([^@ ]*\)@sha256:.*/\1/p' "$dockerfile"); do
  digest=$(docker buildx imagetools inspect "$image" --format '{{.Manifest.Digest}}')
  case $digest in
    sha256:*) sed -i "s|^FROM $image@sha256:[0-9a-f]*|FROM $image@$digest|" "$dockerfile" ;;
    *) echo "$image: no digest: $digest" >&2 && exit 1 ;;
  esac
  echo "$image@$digest"
done
