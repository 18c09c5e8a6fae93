import { z } from 'zod'
import { id, instant, pageOf, text } from './common.ts'
import { ledgerPlace } from './observation.ts'

/** What somebody did, or looked at. */
export const auditItem = z.strictObject({
  id: id().describe('Of the row'),
  at: instant().describe('When'),
  actor: text().describe('Who: a name, `token:NAME`, an account of the machine'),
  action: text().describe('`noun.verb`'),
  subject: text().describe('Whom or what it was done to'),
  detail: z.record(z.string(), z.unknown()).describe('Facts, never a secret'),
  ledger: ledgerPlace.nullable().describe('Its entry in the log; null: not sequenced yet'),
})
export type AuditItem = z.infer<typeof auditItem>
export const auditPage = pageOf(auditItem)
export type AuditPage = z.infer<typeof auditPage>
