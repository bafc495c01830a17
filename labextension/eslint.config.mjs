import jsxA11y from 'eslint-plugin-jsx-a11y';
import reactHooks from 'eslint-plugin-react-hooks';
import tseslint from 'typescript-eslint';

/** A room may import what lies below it: plugins → panels, jobpage, card → components, charts → model → api. */
const below = (files, groups) => ({
  files: [`src/${files}/**/*`],
  ignores: ['**/*.spec.ts', '**/*.spec.tsx'],
  rules: { 'no-restricted-imports': ['error', { patterns: [{ group: groups }] }] }
});

const PAGES = ['**/plugins/*', '**/panels/*', '**/jobpage/*', '**/card/*'];

export default tseslint.config(
  ...tseslint.configs.recommended,
  jsxA11y.flatConfigs.recommended,
  {
    files: ['src/**/*.{ts,tsx}'],
    plugins: { 'react-hooks': reactHooks },
    rules: {
      ...reactHooks.configs.recommended.rules,
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/no-namespace': 'off',
      eqeqeq: ['error', 'always'],
      'no-console': ['error', { allow: ['warn', 'error'] }]
    }
  },
  below('api', [...PAGES, '**/components/*', '**/charts/*', '**/model/*']),
  below('model', [
    ...PAGES,
    '**/components/*',
    '**/charts/*',
    'react',
    '@jupyterlab/ui-components'
  ]),
  below('components', PAGES),
  below('charts', [...PAGES, '**/components/*'])
);
