#!/bin/sh
# Renders the kustomize bases beside it from the chart, for Kubernetes 1.31 and later. Run it after
# a change of the chart. Needs helm (HELM names it).
#   config/kubernetes/render.sh [TARGET DIRECTORY]
set -eu
here=$(cd "$(dirname "$0")" && pwd)
target=${1:-$here}
helm=${HELM:-helm}

render() {
  mode=$1
  shift
  "$helm" template unloop "$here/chart" --namespace kube-system --kube-version 1.31.0 \
    --set mode="$mode" --set clusterKey.existingSecret=unloop "$@" |
    sed -e '/^# Source: /d' -e '/app.kubernetes.io\/managed-by: /d'
}

# A chart reads no file outside its folder.
if [ "$target" = "$here" ]; then
  mkdir -p "$here/chart/files"
  cp "$here/../prometheus/alerts.yaml" "$here/../grafana/unloop.json" "$here/chart/files/"
fi

mkdir -p "$target/sidecar" "$target/node-local" "$target/cluster-wide"
render sidecar -s templates/config.yaml -s templates/metrics.yaml >"$target/sidecar/unloop.yaml"
# The patches stand in a ConfigMap, indented by four.
render sidecar -s templates/sidecar-patch.yaml >"$target/sidecar/patches"
sed -n -e '/^  patch.yaml: |/,/^  remove.yaml: |/ { /^  [a-z]*.yaml: |/d; s/^    //; p; }' \
  "$target/sidecar/patches" >"$target/sidecar/coredns-patch.yaml"
sed -n -e '1,/^  remove.yaml: |/d' -e 's/^    //; p' "$target/sidecar/patches" >"$target/sidecar/remove.yaml"
rm "$target/sidecar/patches"
render nodeLocal >"$target/node-local/unloop.yaml"
render clusterWide >"$target/cluster-wide/unloop.yaml"
