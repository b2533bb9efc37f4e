#!/bin/sh
# Lays out the files of the image in the directory given: node, the program, its dependencies. Run
# by the Dockerfile in a tree where `npm ci`, `npm run build:native` and `npm run build` were run.
set -eu
target=${1:?usage: assemble.sh DIRECTORY}
app=$target/app
mkdir -p "$app" "$target/usr/local/bin"

cp package.json package-lock.json LICENSE "$app/"
cp -R dist build "$app/"
cp -R node_modules "$app/node_modules"
(cd "$app" && npm prune --omit=dev --ignore-scripts --no-audit --no-fund >/dev/null)
# npm keeps it for valibot's sake, which takes types from it where it is there.
rm -rf "$app/node_modules/typescript" "$app/node_modules/@typescript"
# What no program reads.
find "$app" -type f \( -name '*.map' -o -name '*.d.ts' -o -name '*.d.mts' -o -name '*.d.cts' -o -name '*.md' \
  -o -name '*.ts' -o -name '.package-lock.json' -o -name '.tsbuildinfo' -o -name '*.markdown' \) -delete
# Our imports take the ES modules; the other builds of the same are dead weight.
rm -rf "$app/node_modules/lru-cache/dist/commonjs" "$app/node_modules/yaml/browser" "$app/node_modules/.bin"
find "$app/node_modules" -type d \( -name test -o -name tests -o -name docs -o -name examples -o -name benchmarks \
  -o -name .github \) -prune -exec rm -rf {} +
rm "$app/package-lock.json"
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
du -sk "$target" "$node" "$app" "$app"/* "$app"/node_modules/* | sort -rn
