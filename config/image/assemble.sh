#!/bin/sh
# Lays out the files of the image in the directory given: node, the program, its addon. Run by the
# Dockerfile in a tree where `npm ci`, `npm run build:native` and `npm run build` were run.
set -eu
target=${1:?usage: assemble.sh DIRECTORY}
app=$target/app
mkdir -p "$app" "$target/usr/local/bin"

cp package.json LICENSE "$app/"
mkdir "$app/dist" "$app/dist/unloop"
cp dist/unloop/*.js "$app/dist/unloop/"
cp dist/third-party-notices.txt "$app/dist/"
cp -R build "$app/"
# What is in here, for scanners: the software bill of materials (CycloneDX).
node config/image/sbom.mjs > "$app/sbom.cdx.json"
find "$app" -type d -empty -delete

node=$target/usr/local/bin/node
cp "$(command -v node)" "$node"
strip --strip-all "$node"
# Permitted, not effective: so a container without this capability still starts
# (src/io/native/bind_capability.c).
setcap cap_net_bind_service=+p "$node"

# The command, for `kubectl exec POD -- unloop status`: here is neither a shell nor env.
command=$target/usr/local/bin/unloop
printf '#!/usr/local/bin/node\nimport("/app/dist/unloop/main.js");\n' > "$command"

# The program that steers pods to the unloop of their node (docs/kubernetes/node-local.md).
detour=$target/usr/local/bin/unloop-detour
mv "$app"/build/unloop-detour-* "$detour"
strip --strip-all "$detour"

# Everybody may read, nobody may write.
chmod -R a=rX,u+w "$target"
chmod a+x "$node" "$command" "$detour"
du -sk "$target" "$node" "$app" "$app"/* | sort -rn
