# The image: Node.js, unloop, and nothing else; no shell, no package manager, no root.
# docs/kubernetes/image.md has its sizes.
#   docker buildx build --platform linux/amd64,linux/arm64 --build-arg VERSION=0.1.0 -t REGISTRY/unloop:0.1.0 --push .
# `npm run image` follows these instructions without Docker (packaging/image): it knows the forms
# that are used here.

# Base images are pinned by digest (of the index of all architectures), which
# `sh config/image/update-bases.sh` updates. Node 24 is the release that is supported longest. Every
# stage runs for the target's own architecture: the addon is compiled in it.
FROM node:24-bookworm@sha256:6dac556d980b7f0e5498d08f08cee0ca67798b4ad6c23964a9214920e67758d0 AS build
WORKDIR /src
RUN command -v setcap >/dev/null || (apt-get update && apt-get install -y --no-install-recommends libcap2-bin)
COPY package.json package-lock.json ./
# Scripts come later, with the sources: a change of a source leaves this layer as it is.
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY tsconfig.json tsconfig.build.json LICENSE ./
COPY config ./config
COPY src ./src
RUN npm run build:native && npm run build
RUN sh config/image/assemble.sh /image

# glibc, libstdc++, certificates and time zones. The user 65532 is "nonroot" there; it is given as a
# number, so that Kubernetes can tell it from root.
FROM gcr.io/distroless/cc-debian12:nonroot@sha256:9dac0a79194e45a7da0158a9c6da57b217585af0786db3845d1f0ec1a0dd182f
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="unloop" org.opencontainers.image.description="A DNS forwarder that cannot be looped" org.opencontainers.image.licenses="Apache-2.0" org.opencontainers.image.version="$VERSION" org.opencontainers.image.revision="$REVISION"
COPY --from=build /image /
ENV NODE_ENV=production
USER 65532:65532
WORKDIR /
EXPOSE 5300/udp 5300/tcp 9530/tcp
STOPSIGNAL SIGTERM
# For Docker alone; Kubernetes has probes of its own. Set UNLOOP_CONFIG, so that this finds the
# admin address too.
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s --retries=3 CMD ["/usr/local/bin/node", "/app/dist/unloop/main.js", "health"]
ENTRYPOINT ["/usr/local/bin/node", "/app/dist/unloop/main.js"]
CMD ["run"]
