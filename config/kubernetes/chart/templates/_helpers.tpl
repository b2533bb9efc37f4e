{{/* Names and labels. */}}
{{- define "unloop.name" -}}
{{- .Values.fullnameOverride | default .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- end -}}

{{- define "unloop.selectorLabels" -}}
app.kubernetes.io/name: unloop
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{/* On pods. In a sidecar they are CoreDNS's pods, whose own labels other things select by. */}}
{{- define "unloop.podSelector" -}}
{{- if eq .Values.mode "sidecar" -}}
unloop/release: {{ .Release.Name }}
{{- else -}}
{{ include "unloop.selectorLabels" . }}
{{- end -}}
{{- end -}}

{{- define "unloop.labels" -}}
{{ include "unloop.selectorLabels" . }}
app.kubernetes.io/component: {{ kebabcase .Values.mode }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end -}}

{{- define "unloop.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}{{ .repository }}@{{ .digest }}{{- else -}}{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}{{- end -}}
{{- end -}}
{{- end -}}

{{- define "unloop.secretName" -}}
{{- .Values.clusterKey.existingSecret | default (include "unloop.name" .) -}}
{{- end -}}

{{/* Whether the cluster has native sidecars (1.29), or is said to have them. */}}
{{- define "unloop.isNative" -}}
{{- if eq (toString .Values.sidecar.native) "auto" -}}
{{- semverCompare ">=1.29.0-0" .Capabilities.KubeVersion.Version -}}
{{- else -}}
{{- .Values.sidecar.native -}}
{{- end -}}
{{- end -}}

{{/* The volume of a directory of the node. */}}
{{- define "unloop.hostVolume" -}}
{{- printf "unloop-host-%s" (. | lower | regexFind "[^/].*" | replace "." "-" | replace "_" "-" | replace "/" "-" | trimSuffix "-") | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{/* The detour's ways: for each of the Services' addresses, the node's address of its family. */}}
{{- define "unloop.detours" -}}
{{- $ways := list -}}
{{- $detour := .Values.nodeLocal.detour -}}
{{- range $service := $detour.services -}}
{{- if eq $service $.Values.nodeLocal.clusterDns -}}
{{- fail "nodeLocal.clusterDns must not be one of nodeLocal.detour.services: unloop would ask itself. It is the address of kube-dns-for-unloop (docs/kubernetes/node-local.md)" -}}
{{- end -}}
{{- $own := "" -}}
{{- range $detour.addresses -}}
{{- if eq (contains ":" .) (contains ":" $service) -}}{{- $own = . -}}{{- end -}}
{{- end -}}
{{- if not $own -}}
{{- fail (printf "nodeLocal.detour.addresses has none of the family of %s" $service) -}}
{{- end -}}
{{- range $ways -}}
{{- if eq .own $own -}}
{{- fail (printf "nodeLocal.detour.services has %s and %s: one of a family, as answers come from one" .service $service) -}}
{{- end -}}
{{- end -}}
{{- $ways = append $ways (dict "service" $service "own" $own) -}}
{{- end -}}
{{- $ways | toJson -}}
{{- end -}}

{{/* The node's addresses that unloop listens on. */}}
{{- define "unloop.nodeAddresses" -}}
{{- $addresses := list .Values.nodeLocal.address -}}
{{- range include "unloop.detours" . | fromJsonArray -}}
{{- $addresses = append $addresses .own -}}
{{- end -}}
{{- $addresses | toJson -}}
{{- end -}}

{{/* What the mode needs. */}}
{{- define "unloop.modeConfig" -}}
{{- $config := dict "discovery" (dict "root" "/host") "admin" (dict "listen" "[::]:9530" "coredns" true) -}}
{{- $loop := dict "clusterKeyFile" "secrets/cluster-key" -}}
{{- if eq .Values.mode "sidecar" -}}
{{- $_ := set $config "listen" (list (printf "127.0.0.1:%v" (int .Values.sidecar.port))) -}}
{{- /* A native sidecar is stopped after CoreDNS. Stopped with it, it has to outlive CoreDNS's own lameduck. */ -}}
{{- $_ := set $config "lameduck" (ternary "0s" "6s" (eq (include "unloop.isNative" .) "true")) -}}
{{- $_ := set $loop "ring" "sidecar" -}}
{{- else if eq .Values.mode "nodeLocal" -}}
{{- $listen := list -}}
{{- range include "unloop.nodeAddresses" . | fromJsonArray -}}
{{- $listen = append $listen (ternary (printf "[%s]:53" .) (printf "%s:53" .) (contains ":" .)) -}}
{{- end -}}
{{- $_ := set $config "listen" $listen -}}
{{- $cluster := dict "upstreams" (list .Values.nodeLocal.clusterDns) -}}
{{- $_ := set $config "zones" (dict .Values.nodeLocal.clusterDomain $cluster "in-addr.arpa" $cluster "ip6.arpa" $cluster) -}}
{{- $_ := set $config "lameduck" "5s" -}}
{{- $_ := set $config "takeOver" true -}}
{{- $_ := set $loop "ring" .Values.nodeLocal.ring -}}
{{- else -}}
{{- $_ := set $config "listen" (list "0.0.0.0:5300" "[::]:5300") -}}
{{- $_ := set $config "lameduck" "15s" -}}
{{- $_ := set $loop "ring" "cluster-wide" -}}
{{- end -}}
{{- $_ := set $config "loop" $loop -}}
{{- with .Values.podNetworks -}}
{{- /* limits.allow takes the place of the default, whose networks are these. */ -}}
{{- $private := list "127.0.0.0/8" "10.0.0.0/8" "172.16.0.0/12" "192.168.0.0/16" "100.64.0.0/10" "169.254.0.0/16" "198.18.0.0/15" "240.0.0.0/4" "::1/128" "fc00::/7" "fe80::/10" -}}
{{- $_ := set $config "limits" (dict "allow" (concat $private .)) -}}
{{- end -}}
{{- $config | toYaml -}}
{{- end -}}

{{/* The configuration file: what the mode needs, and over it the user's. */}}
{{- define "unloop.config" -}}
{{- $config := include "unloop.modeConfig" . | fromYaml -}}
{{- if .Values.admin.existingSecret -}}
{{- $_ := set $config.admin "tokenFile" "secrets/admin-token" -}}
{{- end -}}
{{- if .Values.pods.enabled -}}
{{- if eq .Values.mode "sidecar" -}}
{{- fail "pods.enabled: a sidecar is asked by CoreDNS alone, over loopback, so there are no pods to name (use nodeLocal or clusterWide)" -}}
{{- end -}}
{{- $_ := set $config "kubernetes" (dict "pods" true) -}}
{{- end -}}
{{- mergeOverwrite $config (deepCopy .Values.config) | toYaml -}}
{{- end -}}

{{/* What a pod starts with whose file is faulty or missing. Without the node's files only the user knows an upstream. */}}
{{- define "unloop.fallbackConfig" -}}
{{- $config := include "unloop.modeConfig" . | fromYaml -}}
{{- /* Probes, Service and monitoring go by the ports and the token of config:, whichever configuration is in force. */ -}}
{{- $listen := list -}}
{{- range $config.listen -}}
{{- $listen = append $listen (regexReplaceAll "[0-9]+$" . (include "unloop.dnsPort" $)) -}}
{{- end -}}
{{- $_ := set $config "listen" $listen -}}
{{- with include "unloop.adminPort" . -}}
{{- $_ := set $config.admin "listen" (regexReplaceAll "[0-9]+$" $config.admin.listen .) -}}
{{- end -}}
{{- $admin := (include "unloop.config" . | fromYaml).admin -}}
{{- range $key := list "token" "tokenFile" -}}
{{- with get $admin $key -}}
{{- $_ := set $config.admin $key . -}}
{{- end -}}
{{- end -}}
{{- if and (empty .Values.host.directories) (hasKey .Values.config "upstreams") -}}
{{- $_ := set $config "upstreams" .Values.config.upstreams -}}
{{- end -}}
{{- $config | toYaml -}}
{{- end -}}

{{/* The rights of what changes the node's network: that one, and nothing else. */}}
{{- define "unloop.netAdmin" -}}
runAsUser: 0
readOnlyRootFilesystem: true
allowPrivilegeEscalation: false
capabilities: { drop: [ALL], add: [NET_ADMIN] }
{{- end -}}

{{/* The container, as an item of a list. */}}
{{- define "unloop.container" -}}
- name: unloop
  image: {{ include "unloop.image" . | quote }}
  imagePullPolicy: {{ .Values.image.pullPolicy }}
  args: ["run", "--config", "/etc/unloop/config.yaml"]
  env:
    # A faulty or missing configuration file must not keep the pod from starting: it starts with the last good one, or
    # with this, and says so (metric unloop_config_fallback, one error line).
    - name: UNLOOP_LAST_GOOD
      value: /var/lib/unloop/last-good.yaml
    - name: UNLOOP_FALLBACK_CONFIG
      value: |
        {{- include "unloop.fallbackConfig" . | nindent 8 }}
    {{- if and (eq .Values.mode "nodeLocal") .Values.nodeLocal.detour.services }}
    # Where `unloop status` asks for the detour's state.
    - name: UNLOOP_DETOUR
      value: /var/lib/unloop/detour
    {{- end }}
    {{- if and (eq .Values.mode "nodeLocal") .Values.pods.enabled }}
    # Only the pods of its own node ask it.
    - name: UNLOOP_NODE_NAME
      valueFrom: { fieldRef: { fieldPath: spec.nodeName } }
    {{- end }}
    {{- with .Values.extraEnv }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- if ne .Values.mode "nodeLocal" }}
  ports:
    {{- if eq .Values.mode "clusterWide" }}
    - { name: dns, containerPort: {{ include "unloop.dnsPort" . }}, protocol: UDP }
    - { name: dns-tcp, containerPort: {{ include "unloop.dnsPort" . }}, protocol: TCP }
    {{- end }}
    - { name: unloop-admin, containerPort: {{ include "unloop.adminPort" . }}, protocol: TCP }
  {{- end }}
  # The pod keeps answering, from its cache if need be, while upstreams are down or loop: that is no reason to restart
  # it, nor to take it (and with it, in a sidecar, the cluster's own names) out of service.
  livenessProbe:
    httpGet: { path: /health, port: {{ include "unloop.adminPort" . }} }
    initialDelaySeconds: {{ eq .Values.mode "nodeLocal" | ternary 10 5 }}
    {{- with .Values.livenessProbe }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- if ne .Values.mode "sidecar" }}
  {{- if eq .Values.mode "clusterWide" }}
  # 200 as soon as all listeners are open, until the pod stops: while it still answers then, kube-proxy has to learn that
  # new and running flows belong to another pod.
  {{- else }}
  # /health answers as soon as all listeners are open.
  {{- end }}
  readinessProbe:
    httpGet: { path: {{ eq .Values.mode "clusterWide" | ternary "/serving" "/health" }}, port: {{ include "unloop.adminPort" . }} }
    initialDelaySeconds: {{ eq .Values.mode "nodeLocal" | ternary 5 1 }}
    {{- with .Values.readinessProbe }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- end }}
  resources:
    {{- toYaml .Values.resources | nindent 4 }}
  securityContext:
    runAsNonRoot: true
    runAsUser: 65532
    runAsGroup: 65532
    readOnlyRootFilesystem: true
    allowPrivilegeEscalation: false
    capabilities:
      drop: [ALL]
      {{- if eq .Values.mode "nodeLocal" }}
      add: [NET_BIND_SERVICE] # port 53
      {{- end }}
    seccompProfile: { type: RuntimeDefault }
  volumeMounts:
    - { name: unloop-config, mountPath: /etc/unloop, readOnly: true }
    - { name: unloop-state, mountPath: /var/lib/unloop }
    {{- with .Values.extraVolumeMounts }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
    {{- range .Values.host.directories }}
    - name: {{ include "unloop.hostVolume" . }}
      mountPath: /host{{ . }}
      readOnly: true
      {{- if semverCompare ">=1.31.0-0" $.Capabilities.KubeVersion.Version }}
      recursiveReadOnly: IfPossible
      {{- end }}
    {{- end }}
{{- end -}}

{{/*
Its volumes, as items of a list. One mount holds configuration and key, so that both change as one; neither has to be
there for the pod to start. Directories, not files: a file would be the one that was there when the pod started, for ever.
*/}}
{{- define "unloop.volumes" -}}
- name: unloop-config
  projected:
    sources:
      - configMap:
          name: {{ include "unloop.name" . }}
          items: [{ key: config.yaml, path: config.yaml }]
          optional: true
      - secret:
          name: {{ include "unloop.secretName" . }}
          items: [{ key: cluster-key, path: secrets/cluster-key }]
          optional: true
      {{- with .Values.admin.existingSecret }}
      - secret:
          name: {{ . }}
          items: [{ key: admin-token, path: secrets/admin-token }]
          optional: true
      {{- end }}
- name: unloop-state
  emptyDir: { sizeLimit: 4Mi }
{{- with .Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- range .Values.host.directories }}
- name: {{ include "unloop.hostVolume" . }}
  hostPath: { path: {{ . }}, type: DirectoryOrCreate }
{{- end }}
{{- end -}}

{{/* Longer than lameduck and what is in flight then. */}}
{{- define "unloop.graceSeconds" -}}
{{- if .Values.terminationGracePeriodSeconds -}}
{{- int .Values.terminationGracePeriodSeconds -}}
{{- else -}}
{{- $lameduck := (include "unloop.config" . | fromYaml).lameduck | toString -}}
{{- if regexMatch "^[0-9]+s$" $lameduck -}}{{- add 20 (trimSuffix "s" $lameduck | int) -}}{{- else -}}60{{- end -}}
{{- end -}}
{{- end -}}

{{/* The port of an address to listen on. */}}
{{- define "unloop.portOf" -}}
{{- regexFind "[0-9]+$" . -}}
{{- end -}}

{{/* The ports of the configuration in force, for what leads to them. */}}
{{- define "unloop.dnsPort" -}}
{{- include "unloop.portOf" (first (include "unloop.config" . | fromYaml).listen) -}}
{{- end -}}
{{- define "unloop.adminPort" -}}
{{- include "unloop.portOf" (include "unloop.config" . | fromYaml).admin.listen -}}
{{- end -}}

{{/* Empty: the namespace's default. To read pods, one of its own. */}}
{{- define "unloop.serviceAccount" -}}
{{- .Values.serviceAccountName | default (ternary (include "unloop.name" .) "" .Values.pods.enabled) -}}
{{- end -}}

{{/* What the pods of the DaemonSet and the Deployment have in common. */}}
{{- define "unloop.podSettings" -}}
automountServiceAccountToken: {{ .Values.pods.enabled }}
enableServiceLinks: false
dnsPolicy: Default
terminationGracePeriodSeconds: {{ include "unloop.graceSeconds" . }}
{{- with include "unloop.serviceAccount" . }}
serviceAccountName: {{ . }}
{{- end }}
{{- with .Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  runAsNonRoot: {{ ne .Values.mode "nodeLocal" }}
  seccompProfile: { type: RuntimeDefault }
{{- end -}}

{{- define "unloop.podMetadata" -}}
labels:
  {{- include "unloop.labels" . | nindent 2 }}
  {{- with .Values.podLabels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- with .Values.podAnnotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}
