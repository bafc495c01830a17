import * as React from 'react';

export interface Tab {
  readonly id: string;
  readonly label: string;
  readonly draw: () => React.ReactNode;
}

/** Tabs by the ARIA pattern: arrow keys, Home and End choose; only the chosen panel is drawn. */
export function Tabs(props: { label: string; tabs: readonly Tab[] }): React.JSX.Element {
  const { tabs } = props;
  const [chosen, setChosen] = React.useState(tabs[0].id);
  const base = React.useId();
  const list = React.useRef<HTMLDivElement>(null);
  const index = Math.max(
    0,
    tabs.findIndex(({ id }) => id === chosen)
  );

  const onKeyDown = (event: React.KeyboardEvent): void => {
    const to = {
      ArrowRight: (index + 1) % tabs.length,
      ArrowLeft: (index - 1 + tabs.length) % tabs.length,
      Home: 0,
      End: tabs.length - 1
    }[event.key];
    if (to === undefined) {
      return;
    }
    event.preventDefault();
    setChosen(tabs[to].id);
    list.current?.querySelectorAll<HTMLElement>('[role=tab]')[to]?.focus();
  };

  return (
    <>
      <div ref={list} role="tablist" aria-label={props.label} className="jp-cloudml-Tabs">
        {tabs.map((tab, i) => (
          <button
            key={tab.id}
            type="button"
            role="tab"
            id={`${base}-${tab.id}-tab`}
            aria-controls={`${base}-panel`}
            aria-selected={i === index}
            tabIndex={i === index ? 0 : -1}
            onClick={() => setChosen(tab.id)}
            onKeyDown={onKeyDown}
          >
            {tab.label}
          </button>
        ))}
      </div>
      <div
        role="tabpanel"
        id={`${base}-panel`}
        aria-labelledby={`${base}-${tabs[index].id}-tab`}
        className={`jp-cloudml-Tabs-panel jp-mod-${tabs[index].id}`}
      >
        {tabs[index].draw()}
      </div>
    </>
  );
}
