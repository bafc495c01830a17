import * as React from 'react';

const OVERSCAN = 8;

/** What a scroller is taken to show before it was measured. */
const GUESS_PX = 480;

export interface Sight {
  first: number;
  last: number;
}

/** The rows of a long list that are in sight (and some around), so that only they are drawn. */
export function useSight(
  scroller: React.RefObject<HTMLElement>,
  count: number,
  rowHeight: number
): Sight {
  const [[top, height], setView] = React.useState([0, GUESS_PX]);
  React.useLayoutEffect(() => {
    const element = scroller.current;
    if (!element) {
      return;
    }
    const measure = (): void => setView([element.scrollTop, element.clientHeight || GUESS_PX]);
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    element.addEventListener('scroll', measure, { passive: true });
    measure();
    return () => {
      observer.disconnect();
      element.removeEventListener('scroll', measure);
    };
  }, [scroller]);
  const first = Math.max(0, Math.min(count - 1, Math.floor(top / rowHeight)) - OVERSCAN);
  const last = Math.min(count - 1, Math.ceil((top + height) / rowHeight) + OVERSCAN);
  return { first, last };
}

/** Scrolls just as far as needed to show the row. */
export function reveal(element: HTMLElement, index: number, rowHeight: number): void {
  const top = index * rowHeight;
  const height = element.clientHeight || GUESS_PX;
  if (top < element.scrollTop) {
    element.scrollTop = top;
  } else if (top + rowHeight > element.scrollTop + height) {
    element.scrollTop = top + rowHeight - height;
  }
}

/** Draws anew each second while `isTicking` and the tab is seen; the time in ms. */
export function useNow(isTicking: boolean): number {
  const [now, setNow] = React.useState(Date.now);
  React.useEffect(() => {
    if (!isTicking) {
      return;
    }
    const timer = window.setInterval(() => {
      if (!document.hidden) {
        setNow(Date.now());
      }
    }, 1000);
    return () => window.clearInterval(timer);
  }, [isTicking]);
  return isTicking ? Math.max(now, Date.now()) : now;
}
