// The table of settings as a JSON Schema, so that editors complete and check the file
// (config/unloop.schema.json, held in step by a test). Syntax inside a text (addresses) is left to
// `unloop check`.
import type { Setting } from './setting.ts';
import { SETTING_TREE, type SettingTree } from './setting-tree.ts';
import type { JsonSchema } from './setting-type.ts';

/** The text of config/unloop.schema.json, before the formatter. */
export function renderJsonSchema(): string {
  const schema = {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'unloop configuration',
    ...describeLevel(SETTING_TREE),
  };
  return `${JSON.stringify(schema, null, 2)}\n`;
}

function describeLevel(tree: SettingTree): JsonSchema {
  const anySuffix = tree.get('*');
  // An empty group (`cache:` with everything below it commented out) is null to YAML, and takes the
  // defaults.
  if (anySuffix !== undefined) {
    const zone = { ...describeLevel(anySuffix as SettingTree), type: 'object', required: ['upstreams'] };
    return { type: ['object', 'null'], additionalProperties: zone };
  }
  const properties = [...tree].map(([key, child]) => [
    key,
    'path' in child ? describeSetting(child) : describeLevel(child),
  ]);
  return {
    type: ['object', 'null'],
    properties: Object.fromEntries(properties),
    additionalProperties: false,
  };
}

function describeSetting(setting: Setting): JsonSchema {
  const described: Record<string, unknown> = { description: setting.description, ...setting.type.jsonSchema };
  if (setting.default !== undefined) described.default = setting.default;
  if (setting.example !== undefined) described.examples = [setting.example];
  return described;
}
