import { existsSync } from 'node:fs'

/**
 * Says whether a server that a test needs is installed. With REVENANT_REQUIRE_SERVERS=1 (as `.ci/run` sets it) a missing one is a
 * failure; otherwise the caller skips its tests under a name that says what is missing.
 *
 * @param name what the reader should install, e.g. `slapd`
 * @param files paths that must all exist
 */
export function needs(name: string, ...files: string[]): boolean {
  const missing = files.filter((file) => !existsSync(file))
  if (missing.length === 0) return true
  if (process.env.REVENANT_REQUIRE_SERVERS === '1') throw new Error(`${name} is required here and missing: ${missing.join(', ')}`)
  return false
}
