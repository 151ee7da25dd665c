// Bundles one entry for the browser; answers the text of one classic script.
import { build } from 'esbuild';

export async function bundle(entry) {
  const { outputFiles } = await build({
    entryPoints: [entry], bundle: true, write: false, format: 'iife', platform: 'browser', logLevel: 'error',
    define: { 'process.env.NODE_ENV': '"production"' }, loader: { '.css': 'text' },
  });
  return outputFiles[0].text;
}
