/** Writes docs/alert.schema.json from the schema in src/alerts/formats/document.ts: `node scripts/alert-schema.ts`. */
import { writeFileSync } from 'node:fs'
import { alertSchema } from '../src/alerts/formats/document.ts'

const path = new URL('../docs/alert.schema.json', import.meta.url)
writeFileSync(path, `${JSON.stringify(alertSchema(), null, 2)}\n`)
console.log(`written: ${path.pathname}`)
