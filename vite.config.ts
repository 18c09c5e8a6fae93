import { join } from 'node:path'
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
})
