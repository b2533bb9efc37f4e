// docs/configuration.md, made from the table of settings. A test fails when the file and the table
// differ, and writes the file again when UPDATE_GENERATED=1 is set (`npm run docs`).
import { Document, isSeq, visit } from 'yaml';
import { SETTINGS } from './schema.ts';
import type { Setting } from './setting.ts';

/** Columns of a line of the page. */
const MAX_COLUMNS = 100;

/** The text of docs/configuration.md. */
export function renderConfigurationPage(): string {
  const sections = [INTRODUCTION, SYNTAX, '## Settings'];
  for (const setting of SETTINGS) sections.push(describe(setting));
  return `${sections.join('\n\n')}\n`;
}

const INTRODUCTION = `<!-- Generated from src/config/schema.ts by \`npm run docs\`: change it there. -->
# Configuration

\`unloop run --config FILE\` reads one YAML file; without it, \`UNLOOP_CONFIG\` names the file; without
both, the defaults hold. Every setting has a default, so an empty file is a good one. What is set
later wins: default, file, environment, flag. \`--zone\` replaces the zone of the same suffix and
leaves the others; the other flags replace the whole setting.

\`unloop check --config FILE\` says \`FILE:LINE:COL: message\` for every fault, and with \`--print\` the
configuration that would be in force. An editor that knows YAML schemas completes and checks the
file with this first line:

\`\`\`yaml
# yaml-language-server: $schema=./unloop.schema.json
\`\`\`

On SIGHUP, and when the file changes, it is read again. A faulty one is refused: the running
configuration stays, the log says why once, and \`unloop_reloads_total{result="failed"}\` counts it.

A faulty file at the start ends \`unloop run\` with exit code 2. That is right for a host, and wrong
for a pod whose other containers need it. There, set \`UNLOOP_FALLBACK_CONFIG\` to the text of a
configuration that always works, and \`UNLOOP_LAST_GOOD\` to a path that unloop may write. Then it
starts with the first of these that has no fault: the file, the last good file, the fallback, the
defaults. A key or token whose file is missing is left out. One error line says why and how to fix
it, \`unloop_config_fallback\` is 1, and a good file takes effect as soon as it is there
([ADR 24](adr/0024-a-pod-starts-with-what-works.md)). The Helm chart sets both.

Each setting says what a reload does with a changed value:

| reload  | a changed value takes effect                                      |
| ------- | ----------------------------------------------------------------- |
| live    | at once; the workers go on                                        |
| worker  | at once, in new workers; no query is lost, the cache starts empty |
| restart | at the next start of the process                                  |`;

const SYNTAX = `## How values are written

| kind                 | written                                                      |                                                                              |
| -------------------- | ------------------------------------------------------------ | ---------------------------------------------------------------------------- |
| duration             | \`500ms\` \`2s\` \`1m\` \`1h\` \`1d\` \`1h30m\`                          | a number without a unit is refused, as it might mean seconds or milliseconds |
| size                 | \`64MiB\` \`10MB\` \`512KiB\`                                      | KiB, MiB, GiB count in 1024s; KB, MB, GB in 1000s                            |
| percentage           | \`10%\`                                                        |                                                                              |
| address to listen on | \`127.0.0.1:5300\` \`[::1]:5300\`                                |                                                                              |
| upstream             | \`10.0.0.2\` \`10.0.0.2:5353\` \`[2001:db8::1]:53\` \`fe80::1%eth0\` | UDP; TCP where an answer does not fit                                        |
|                      | \`tcp://10.0.0.2\`                                             | TCP alone                                                                    |
|                      | \`tls://1.1.1.1#one.one.one.one\`                              | DNS over TLS, port 853; the certificate is checked for the name after \`#\`    |
|                      | \`https://dns.example/dns-query\`                              | DNS over HTTPS, port 443                                                     |
| address block        | \`10.0.0.0/8\` \`fd00::/8\` \`192.0.2.1\`                          |                                                                              |
| zone suffix          | \`cluster.local\`                                              | the name itself and all names below it                                       |`;

function describe(setting: Setting): string {
  const facts = [`Takes ${setting.type.expected.replaceAll('|', '\\|')}.`];
  if (setting.default !== undefined) facts.push(`Default: \`${inline(setting.default)}\`.`);
  else if (setting.sameAs !== undefined) facts.push(`Default: that of \`${setting.sameAs}\`.`);
  else if (setting.defaultText !== undefined) facts.push(`Default: ${setting.defaultText}.`);
  else if (setting.fileOf === undefined) facts.push('Required in a zone.');
  if (setting.flag !== undefined) facts.push(`Flag: \`--${setting.flag}\`.`);
  if (setting.environment !== undefined) facts.push(`Environment: \`${setting.environment}\`.`);
  facts.push(`Reload: ${setting.reload}.`);
  if (setting.secret === true) facts.push('Masked wherever the configuration is shown.');
  const heading = `### ${setting.path.replace('*', 'SUFFIX')}`;
  const lines = [heading, '', wrap(setting.description), '', wrap(facts.join(' '))];
  if (setting.example !== undefined) lines.push('', '```yaml', exampleYaml(setting), '```');
  return lines.join('\n');
}

/** Breaks a paragraph into lines of at most MAX_COLUMNS; what stands in backticks stays whole. */
function wrap(paragraph: string): string {
  const lines: string[] = [];
  let line = '';
  for (const word of paragraph.match(/(?:`[^`]*`|[^\s`])+/g) ?? []) {
    if (line !== '' && line.length + 1 + word.length > MAX_COLUMNS) {
      lines.push(line);
      line = word;
    } else line += line === '' ? word : ` ${word}`;
  }
  return [...lines, line].join('\n');
}

/** The example, at its position in the file. */
function exampleYaml(setting: Setting): string {
  const keys = setting.path.replace('*', 'cluster.local').split(/\.(?!local\b)/);
  const leaf: unknown = setting.example;
  let value = keys.reduceRight((below, key) => ({ [key]: below }), leaf) as Record<string, unknown>;
  // A zone needs its upstreams to be one.
  const [, , key, field] = keys;
  if (keys[0] === 'zones' && key !== 'upstreams') {
    const own = field === undefined ? setting.example : { [field]: setting.example };
    value = { zones: { 'cluster.local': { upstreams: ['10.96.0.10', '10.96.0.11'], [key!]: own } } };
  }
  const document = new Document(value);
  visit(document, {
    Seq(_key, node) {
      if (isSeq(node)) node.flow = true;
    },
  });
  return document.toString({ lineWidth: 0, flowCollectionPadding: false }).trimEnd();
}

function inline(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map((item) => `"${item}"`).join(', ')}]`;
  return value === '' ? '""' : String(value);
}
