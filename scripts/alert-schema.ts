/** Writes the schemas of src/alerts/formats/document.ts into docs/: `node scripts/alert-schema.ts`. */
import { writeFileSync } from 'node:fs'
import { PUBLISHED_SCHEMAS } from '../src/alerts/formats/document.ts'

for (const [file, schema] of Object.entries(PUBLISHED_SCHEMAS)) {
  const path = new URL(`../docs/${file}`, import.meta.url)
  writeFileSync(path, `${JSON.stringify(schema(), null, 2)}\n`)
  console.log(`written: ${path.pathname}`)
}
