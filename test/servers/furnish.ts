import { cpSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { inject } from 'vitest'

declare module 'vitest' {
  interface ProvidedContext {
    /** A data folder: see template.ts. */
    embeddedTemplate: string
  }
}

/** Puts an empty embedded database with today's schema into a data folder, which is made where it is not there. Answers the folder. */
export function furnish(dataDir: string): string {
  mkdirSync(dataDir, { recursive: true, mode: 0o700 })
  cpSync(join(inject('embeddedTemplate'), 'pg'), join(dataDir, 'pg'), { recursive: true })
  return dataDir
}
