import * as React from 'react';

/** Colours `code` into `element`; Lab's own highlighter, in the theme of its editors. */
export type Highlight = (code: string, element: HTMLElement) => Promise<void>;

/** Source text, coloured where Lab can; text until then. */
export function Source(props: {
  code: string;
  label: string;
  highlight: Highlight | null;
}): React.JSX.Element {
  const { code, label, highlight } = props;
  const ref = React.useRef<HTMLElement>(null);
  React.useEffect(() => {
    const element = ref.current;
    if (!element) {
      return;
    }
    element.textContent = code;
    if (highlight && code) {
      const coloured = document.createElement('code');
      void highlight(code, coloured).then(() => {
        if (ref.current === element) {
          element.replaceChildren(...coloured.childNodes);
        }
      });
    }
  }, [code, highlight]);
  return (
    // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- what scrolls must be reachable by key
    <pre className="jp-cloudml-Source cm-editor" tabIndex={0} role="region" aria-label={label}>
      <code ref={ref} />
    </pre>
  );
}
