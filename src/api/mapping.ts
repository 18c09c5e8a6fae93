import type { Config } from '../config/config.ts'
import { loadFrameworks } from '../config/frameworks.ts'
import type { FrameworkMapping } from '../domain/framework.ts'

/** By the configuration in force, which a reload replaces. */
const mappings = new WeakMap<Config, Promise<FrameworkMapping | undefined>>()

/** The mapping to frameworks; undefined: the built-in one, also where the file has gone or is broken since it was last loaded. */
export function mappingOf(config: Config): Promise<FrameworkMapping | undefined> {
  const known = mappings.get(config) ?? loadFrameworks(config.frameworks).catch(() => undefined)
  mappings.set(config, known)
  return known
}
