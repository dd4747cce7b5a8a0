// JSX needs no plugin: esbuild, which Vite has, compiles it.
export default { esbuild: { jsx: "automatic" } };
