import { dirname, join, resolve } from 'node:path'
import { brotliCompressSync, constants, gzipSync } from 'node:zlib'
import { defineConfig, type Plugin } from 'vite'

/** Files smaller than this gain nothing from being packed. */
const PACKED_FROM = 1_024

/** Writes `.br` and `.gz` beside what is built: the daemon sends them as they are and packs nothing itself. */
function packed(): Plugin {
  return {
    name: 'packed',
    generateBundle: {
      order: 'post',
      handler(_options, bundle) {
        for (const file of Object.values(bundle)) {
          const bytes = Buffer.from(file.type === 'chunk' ? file.code : file.source)
          if (bytes.length < PACKED_FROM || !/\.(?:js|css|svg|html)$/.test(file.fileName)) continue
          const quality = { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } }
          this.emitFile({ type: 'asset', fileName: `${file.fileName}.br`, source: brotliCompressSync(bytes, quality) })
          this.emitFile({ type: 'asset', fileName: `${file.fileName}.gz`, source: gzipSync(bytes, { level: 9 }) })
        }
      },
    },
  }
}

/** The verifier of evidence, as the daemon's and the command's, and what of it a browser does otherwise. */
const CRYPTO = join(import.meta.dirname, 'src/evidence/crypto.ts')
const BROWSER_CRYPTO = join(import.meta.dirname, 'src/dashboard/verify/crypto.ts')

/** Puts the browser's cryptography in the place of Node's. Whatever else of Node's a file of ours asks for fails the build. */
function inBrowser(): Plugin {
  return {
    name: 'in-browser',
    enforce: 'pre',
    resolveId(source, importer) {
      if (source.startsWith('node:')) throw new Error(`${importer} needs ${source}, which no browser has`)
      if (importer === undefined || !source.startsWith('.')) return undefined
      return resolve(dirname(importer), source) === CRYPTO ? BROWSER_CRYPTO : undefined
    },
  }
}

/** The page of the daemon: `npm run build:page` writes it to dist/dashboard. */
export default defineConfig({
  root: join(import.meta.dirname, 'src/dashboard'),
  base: '/',
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  build: {
    outDir: join(import.meta.dirname, 'dist/dashboard'),
    emptyOutDir: true,
    // Browsers that know light-dark() and <dialog>: all since the spring of 2024.
    target: ['chrome123', 'firefox120', 'safari17.5'],
    // The strict policy allows no data: addresses.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    sourcemap: false,
    reportCompressedSize: false,
  },
  plugins: [packed()],
  worker: {
    // One file: the worker may load no other (src/dashboard/verify/worker.ts).
    format: 'es',
    plugins: () => [inBrowser()],
    rolldownOptions: { transform: { inject: { Buffer: ['buffer/', 'Buffer'] } }, output: { codeSplitting: false } },
  },
})
