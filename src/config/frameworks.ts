import { readFile } from 'node:fs/promises'
import { z } from 'zod'
import { errnoWords } from '../domain/errno.ts'
import { errorCode, RevenantError } from '../domain/error.ts'
import type { FrameworkMapping } from '../domain/framework.ts'
import { readDocument } from './document.ts'
import { explain } from './explain.ts'
import { ConfigError } from './fault.ts'
import { frameworksSchema } from './frameworks-schema.ts'

/** The file that comes with Revenant. */
const SHIPPED = new URL('../../config/frameworks.yaml', import.meta.url)

/**
 * Reads the mapping of findings and checks to frameworks.
 * Throws `CONFIG_UNREADABLE`, and a ConfigError (`CONFIG_INVALID`) that lists every fault with its line.
 *
 * @param path what the configuration names; left out: the shipped file
 * @returns undefined where no file is named and the installation has none
 */
export async function loadFrameworks(path: string | undefined): Promise<FrameworkMapping | undefined> {
  try {
    return parseFrameworks(await readFile(path ?? SHIPPED, 'utf8'), path ?? 'config/frameworks.yaml')
  } catch (error) {
    if (error instanceof RevenantError) throw error
    if (path === undefined && errorCode(error) === 'ENOENT') return undefined
    throw new RevenantError(
      'CONFIG_UNREADABLE',
      `${path ?? 'config/frameworks.yaml'} cannot be read (${errnoWords(error) ?? errorCode(error) ?? 'unknown error'})`,
    )
  }
}

/** Checks the text of a mapping, see `loadFrameworks`; `fileName` is for the messages. */
export function parseFrameworks(text: string, fileName: string): FrameworkMapping {
  const document = readDocument(text)
  if (document.faults.length > 0) throw new ConfigError(fileName, document.faults)
  const parsed = frameworksSchema.safeParse(document.value)
  if (!parsed.success) {
    const schema = z.toJSONSchema(frameworksSchema, { io: 'input' })
    const faults = explain(parsed.error.issues.map(withKeyFault), document.value, schema).map(({ path, message, at }) =>
      document.fault(path, message, at),
    )
    throw new ConfigError(fileName, faults)
  }
  return {
    frameworks: Object.entries(parsed.data.frameworks).map(([name, { title, controls }]) => ({
      name,
      title,
      controls: Object.entries(controls).map(([id, control]) => ({ id, ...control })),
    })),
  }
}

/** What is wrong with a name of a framework or a requirement is said one level below. */
function withKeyFault(issue: z.core.$ZodIssue): z.core.$ZodIssue {
  return issue.code === 'invalid_key' ? { ...issue, message: issue.issues[0]?.message ?? issue.message } : issue
}
