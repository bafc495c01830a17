// JupyterLab's packages are ES modules: compiled for jest as ours are
const ESM = [
  '@jupyter',
  '@jupyterlab',
  '@jupyter-widgets',
  '@lumino',
  '@codemirror',
  '@lezer',
  '@marijn',
  '@microsoft',
  'crelt',
  'exenv-es6',
  'lib0',
  'marked',
  'nanoid',
  'style-mod',
  'vscode-ws-jsonrpc',
  'w3c-keyname',
  'y-protocols',
  'yjs'
].join('|');

module.exports = {
  testEnvironment: '<rootDir>/jest.env.cjs',
  setupFilesAfterEnv: ['<rootDir>/jest.setup.cjs'],
  testMatch: ['<rootDir>/src/**/*.spec.{ts,tsx}'],
  transform: {
    '\\.(ts|tsx|js|mjs)$': [
      '@swc/jest',
      {
        jsc: {
          parser: { syntax: 'typescript', tsx: true },
          target: 'es2022',
          transform: { react: { runtime: 'classic' } }
        },
        module: { type: 'commonjs' }
      }
    ]
  },
  transformIgnorePatterns: [`/node_modules/(?!(?:${ESM})/)`],
  moduleNameMapper: { '\\.(css|less|svg|png)$': '<rootDir>/jest.stub.cjs' }
};
