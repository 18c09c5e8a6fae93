import { expect } from 'vitest'
import { parseConfig } from '../../../src/config/load.ts'
import { openManagers } from '../../../src/custody/managers/open.ts'
import { openReferences } from '../../../src/custody/references.ts'
import { RevenantError } from '../../../src/domain/error.ts'
import { checks } from '../../config/checks.ts'

/** A reader over one entry of `secretManagers`, as a configuration file has it. */
export async function openReader(entry: Record<string, unknown>) {
  const config = await parseConfig(JSON.stringify({ secretManagers: [entry] }), 'f.yaml', checks)
  const managers = openManagers(config.secretManagers)
  return { read: openReferences(managers), managers, close: () => managers.close() }
}

/** The error of a reading, which quotes none of these. */
export async function errorOf(promise: Promise<unknown>, ...secrets: readonly string[]): Promise<RevenantError> {
  const error = await promise.then(
    (value) => new Error(`it was read: ${String(value).length} characters`),
    (thrown: unknown) => thrown,
  )
  if (!(error instanceof RevenantError)) throw error
  for (const secret of secrets) expect(`${error.message} ${error.stack} ${String(error.cause)}`).not.toContain(secret)
  return error
}
