import { z } from 'zod'
import { fileSchema } from './schema.ts'

/** JSON Schema (2020-12) of the file, for editors: `# yaml-language-server: $schema=…`. */
export function configJsonSchema(): Record<string, unknown> {
  return { title: 'Revenant configuration', ...z.toJSONSchema(fileSchema, { io: 'input', target: 'draft-2020-12' }) }
}
