import { directoryOptions } from '../directory/options.ts'
import { pullDirectory } from '../directory/pull.ts'
import { sourceKind } from './source.ts'

/** It is asked every few minutes: an hour in which it did not answer is noticed. */
const SILENT_MS = 3_600_000

/** A directory that is asked by LDAP: Active Directory, OpenLDAP and others. */
export const LDAP = sourceKind({
  schema: directoryOptions,
  silentAfterMs: SILENT_MS,
  open: (options) => ({ pull: { everyMs: options.every, once: (context) => pullDirectory(options, context) } }),
})
