// Modules of Node.js that take memory in every thread that loads them, whether it uses them or not:
// loaded at their first use. An `import` of node:http costs most. It reads every export, also
// those behind getters, and with that loads fetch and WebSocket: in Node 24 that is 3.6 MiB of
// heap, and 17 MiB resident; loaded like this it is 0.7 and 3.

export const nodeHttp = () => process.getBuiltinModule('node:http');
export const nodeHttps = () => process.getBuiltinModule('node:https');
export const nodeHttp2 = () => process.getBuiltinModule('node:http2');
export const nodeTls = () => process.getBuiltinModule('node:tls');
