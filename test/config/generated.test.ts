// Files made from the table of settings. UPDATE_GENERATED=1 (`npm run docs`) writes them again
// instead of comparing.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { renderConfigurationPage } from '../../src/config/docs.ts';
import { formatFault } from '../../src/config/fault.ts';
import { renderJsonSchema } from '../../src/config/json-schema.ts';
import { readYaml } from '../../src/config/read-yaml.ts';

const ROOT = join(import.meta.dirname, '../..');

const CHART_SCHEMA = 'config/kubernetes/chart/values.schema.json';

/** The file's text, written again first if that is asked for. */
function readGenerated(file: string, render: () => string): string {
  const path = join(ROOT, file);
  if (process.env.UPDATE_GENERATED === '1') writeFileSync(path, render());
  return readFileSync(path, 'utf8');
}

describe('generated files', () => {
  it('docs/configuration.md says what the table of settings says', () => {
    const text = readGenerated('docs/configuration.md', renderConfigurationPage);
    expect(text, 'run `npm run docs`').toBe(renderConfigurationPage());
  });

  it('config/unloop.schema.json does too, however it is indented', () => {
    const text = readGenerated('config/unloop.schema.json', renderJsonSchema);
    expect(JSON.parse(text), 'run `npm run docs`').toEqual(JSON.parse(renderJsonSchema()));
  });

  it('the chart checks config: by the same schema (config/kubernetes/chart/values.schema.json)', () => {
    const chart = () => JSON.parse(readFileSync(join(ROOT, CHART_SCHEMA), 'utf8'));
    // Go's regular expressions know no lookaround: such a pattern is left to unloop itself.
    const { properties } = JSON.parse(renderJsonSchema(), function (this: unknown, key, value) {
      return key === 'pattern' && typeof value === 'string' && value.includes('(?') ? undefined : value;
    });
    const text = readGenerated(CHART_SCHEMA, () => {
      const schema = chart();
      schema.properties.config.properties = properties;
      return `${JSON.stringify(schema, null, 2)}\n`;
    });
    const { config } = JSON.parse(text).properties;
    expect(config, 'run `npm run docs`').toEqual({
      type: 'object',
      additionalProperties: false,
      properties,
    });
  });

  it('every YAML example of docs/configuration.md is valid', () => {
    const page = readFileSync(join(ROOT, 'docs/configuration.md'), 'utf8');
    const blocks = [...page.matchAll(/```yaml\n(.*?)```/gs)].map((match) => match[1]!);
    expect(blocks.length).toBeGreaterThan(10);
    for (const block of blocks) expect(readYaml(block, block).faults.map(formatFault)).toEqual([]);
  });
});
