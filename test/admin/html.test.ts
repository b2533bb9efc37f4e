import { expect, it } from 'vitest';
import { html } from '../../src/admin/html.ts';

it('escapes what is put in, for elements and for quoted attributes', () => {
  const name = `<b a="1" c='2'>&amp;`;
  const escaped = '&lt;b a=&quot;1&quot; c=&#39;2&#39;&gt;&amp;amp;';
  expect(html`<p title="${name}">${name}</p>`.text).toBe(`<p title="${escaped}">${escaped}</p>`);
});

it('takes HTML as it is, one piece or a list', () => {
  const rows = ['<', 'b'].map((text) => html`<li>${text}</li>`);
  expect(html`<ul>${rows}</ul>${html`<hr>`}`.text).toBe('<ul><li>&lt;</li><li>b</li></ul><hr>');
});

it('writes numbers, and nothing around them', () => {
  expect(html`${1}${2.5}`.text).toBe('12.5');
});
