import { readFile } from 'node:fs/promises'
import { errnoWords } from '../domain/errno.ts'
import { errorCode, RevenantError, toError } from '../domain/error.ts'
import type { Config } from './config.ts'
import { type ConfigDocument, readDocument } from './document.ts'
import { explain, type Problem } from './explain.ts'
import { ConfigError, type Fault, inOrder } from './fault.ts'
import { configJsonSchema } from './json-schema.ts'
import { resolveConfig } from './resolve.ts'
import { type ConfigChecks, checkRules } from './rules.ts'
import { fileSchema } from './schema.ts'

/**
 * Reads and checks a configuration file.
 * Throws `CONFIG_UNREADABLE`, and a ConfigError (`CONFIG_INVALID`) that lists every fault with its line.
 */
export async function loadConfig(path: string, checks: ConfigChecks): Promise<Config> {
  return parseConfig(await readText(path), path, checks)
}

/** Checks the text of a configuration file, see `loadConfig`; `fileName` is for the messages. */
export async function parseConfig(text: string, fileName: string, checks: ConfigChecks): Promise<Config> {
  const document = readDocument(text)
  if (document.faults.length > 0) throw new ConfigError(fileName, document.faults)
  const parsed = fileSchema.safeParse(document.value)
  const problems = [
    ...(parsed.success ? [] : explain(parsed.error.issues, document.value, configJsonSchema())),
    ...(await checkRules(document.value, checks)),
  ]
  if (!parsed.success || problems.length > 0) throw new ConfigError(fileName, faultsOf(document, problems))
  return resolveConfig(parsed.data)
}

/**
 * Reads the file again while the daemon runs: the new configuration, or the one that is kept and why.
 *
 * @param current what the daemon runs on
 */
export async function reloadConfig(current: Config, path: string, checks: ConfigChecks): Promise<Reloaded> {
  try {
    return { config: await loadConfig(path, checks) }
  } catch (error) {
    if (error instanceof RevenantError) return { kept: current, fault: error }
    // A reload must never end the daemon, whatever a check throws.
    return {
      kept: current,
      fault: new RevenantError('INTERNAL', `${path} could not be checked: ${toError(error).name}`, { cause: error }),
    }
  }
}

export type Reloaded = { config: Config } | { kept: Config; fault: RevenantError }

async function readText(path: string): Promise<string> {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(await readFile(path))
  } catch (error) {
    const code = errorCode(error) ?? 'unknown error'
    const hint = code === 'ENOENT' ? 'no such file: pass --config FILE or set REVENANT_CONFIG' : (errnoWords(error) ?? code)
    throw new RevenantError('CONFIG_UNREADABLE', `${path} cannot be read (${hint})`)
  }
}

function faultsOf(document: ConfigDocument, problems: readonly Problem[]): Fault[] {
  const seen = new Set<string>()
  const faults = problems
    .map((problem) => document.fault(problem.path, problem.message, problem.at))
    .filter((fault) => {
      const key = `${fault.path} ${fault.message}`
      return !seen.has(key) && seen.add(key) !== undefined
    })
  return inOrder(faults)
}
