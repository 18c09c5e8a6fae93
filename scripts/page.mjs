// Run by `npm ci`: builds the page that the daemon serves, into dist/dashboard. Where that cannot be done the installation goes on: without
// the development dependencies (--omit=dev) nothing is said, since nobody asked for it; otherwise why, and the daemon says how at `/`.
async function buildPage() {
  process.env.NODE_ENV = 'production'
  const vite = await import('vite').catch(() => undefined)
  await vite?.build({ logLevel: 'error' })
}

await buildPage().catch((error) => {
  process.stderr.write(`The page was not built: ${error instanceof Error ? error.message : error}\n`)
})
