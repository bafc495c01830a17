require('@testing-library/jest-dom');

// what a browser has and jsdom has not
globalThis.DragEvent ??= class DragEvent extends MouseEvent {};
globalThis.ResizeObserver ??= class ResizeObserver {
  observe() {}
  unobserve() {}
  disconnect() {}
};
globalThis.matchMedia ??= () => ({ matches: false, addListener() {}, addEventListener() {} });
