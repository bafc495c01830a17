import { RenderMimeRegistry, standardRendererFactories } from '@jupyterlab/rendermime';

import { asUntrusted } from './safe';

const rendermime = new RenderMimeRegistry({ initialFactories: standardRendererFactories });
const safe = (data: Record<string, unknown>): unknown =>
  asUntrusted({ output_type: 'display_data', data, metadata: {} }, rendermime).data;

it('takes scripts and handlers out of HTML, and keeps the table', () => {
  const html =
    '<table><tr><td>1</td></tr></table><script>steal()</script><img src="x" onerror="steal()">';
  const data = safe({ 'text/html': html, 'text/plain': '1' }) as Record<string, string>;
  expect(data['text/html']).toContain('<td>1</td>');
  expect(data['text/html']).not.toContain('steal');
  expect(data['text/plain']).toBe('1');
});

it('takes markup out of Markdown, and leaves its own signs alone', () => {
  expect(safe({ 'text/markdown': '> a *b*' })).toEqual({ 'text/markdown': '> a *b*' });
  expect(JSON.stringify(safe({ 'text/markdown': 'a <script>steal()</script>' }))).not.toContain(
    'steal'
  );
});

it('leaves out what an untrusted notebook does not show', () => {
  expect(
    safe({ 'application/javascript': 'steal()', 'image/svg+xml': '<svg/>', 'text/plain': 'x' })
  ).toEqual({
    'text/plain': 'x'
  });
  expect(safe({ 'image/png': 'iVBO' })).toEqual({ 'image/png': 'iVBO' });
});
