import { defineConfig } from 'vite';

/** Where `npm run dev` finds a server: the mock, or a real one. */
const server = process.env.MIDGE ?? 'http://127.0.0.1:9983';

export default defineConfig({
  // Relative, so that the page also works behind a proxy that serves it below a folder.
  base: './',
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  build: {
    target: 'es2022',
    outDir: 'dist',
    // Nothing inline: the Content-Security-Policy would refuse scripts, and everything has one hashed file.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: true,
  },
  worker: { format: 'es' },
  server: {
    proxy: {
      '/api': { target: server },
      '/mqtt': { target: server.replace(/^http/, 'ws'), ws: true },
    },
  },
  test: { include: ['src/**/*.test.ts'], environment: 'node' },
});
