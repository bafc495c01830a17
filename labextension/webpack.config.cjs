// The quickstart notebook is loaded as the JSON that it is (src/quickstart/notebook.ts)
module.exports = { module: { rules: [{ test: /\.ipynb$/, type: 'json' }] } };
