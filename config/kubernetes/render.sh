#!/bin/sh
# Renders the kustomize bases beside it from the chart. Run after a change of the chart; needs helm (HELM names it).
#   config/kubernetes/render.sh [TARGET DIRECTORY]
set -eu
here=$(cd "$(dirname "$0")" && pwd)
target=${1:-$here}
helm=${HELM:-helm}

render() {
  mode=$1
  shift
  "$helm" template unloop "$here/chart" --namespace kube-system --kube-version 1.30.0 \
    --set mode="$mode" --set clusterKey.existingSecret=unloop "$@" |
    sed -e '/^# Source: /d' -e '/app.kubernetes.io\/managed-by: /d'
}

mkdir -p "$target/sidecar" "$target/node-local" "$target/cluster-wide"
render sidecar -s templates/config.yaml -s templates/metrics.yaml >"$target/sidecar/unloop.yaml"
# The patch stands in a ConfigMap, indented by four.
render sidecar -s templates/sidecar-patch.yaml |
  sed -n -e '/^  patch.yaml: |/,$ { /^  patch.yaml: |/d; s/^    //; p; }' >"$target/sidecar/coredns-patch.yaml"
render nodeLocal >"$target/node-local/unloop.yaml"
render clusterWide >"$target/cluster-wide/unloop.yaml"
