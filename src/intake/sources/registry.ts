import type { FeedKind } from '../../domain/feed.ts'
import { FILES } from './files.ts'
import { HRIS } from './hris.ts'
import { LDAP } from './ldap.ts'
import { SCIM } from './scim.ts'
import type { SourceKind } from './source.ts'
import { SSF } from './ssf.ts'
import { WEBHOOK } from './webhook.ts'

/** Every kind of source. A new one is one file and one line, and a name in `src/domain/feed.ts`. */
export const SOURCES: Readonly<Record<FeedKind, SourceKind>> = {
  scim: SCIM,
  files: FILES,
  webhook: WEBHOOK,
  hris: HRIS,
  ssf: SSF,
  ldap: LDAP,
}
