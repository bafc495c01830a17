import * as React from 'react';

/** The width of an element, followed; `first` until it is known. */
export function useWidth<T extends Element>(first: number): [React.RefObject<T>, number] {
  const ref = React.useRef<T>(null);
  const [width, setWidth] = React.useState(first);
  React.useLayoutEffect(() => {
    const element = ref.current;
    if (!element || typeof ResizeObserver === 'undefined') {
      return;
    }
    const observer = new ResizeObserver(entries => {
      const found = Math.floor(entries[0].contentRect.width);
      if (found > 0) {
        setWidth(found);
      }
    });
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  return [ref, width];
}
