import { z } from 'zod'
import { GAP_REASONS } from '../../domain/gap.ts'
import { STATEMENT_NAMES } from '../../evidence/statements.ts'
import { count, instant, pageOf, systemRef, text } from './common.ts'

export const ledgerStatus = z.strictObject({
  size: count().describe('Entries under the newest checkpoint'),
  checkpoint: z
    .strictObject({
      at: instant().describe('When it was signed'),
      root: text().describe('Base64'),
      note: text().describe('The signed note (c2sp.org/tlog-checkpoint)'),
    })
    .nullable()
    .describe('The newest one; null: none yet'),
  waiting: z.strictObject({
    entries: count().describe('Facts that are not in the log yet'),
    oldestAt: instant().nullable().describe('Since when the oldest waits'),
  }),
  keys: z
    .array(
      z.strictObject({
        vkey: text().describe('Verifier key (c2sp.org/signed-note)'),
        createdAt: instant().describe('When it began to sign'),
        signs: z.boolean().describe('It signs today'),
      }),
    )
    .describe('Those that have signed, the oldest first'),
  anchors: z
    .array(
      z.strictObject({
        anchor: text().describe('As the configuration names it'),
        kind: text().describe('file, webhook, witness, rfc3161'),
        configured: z.boolean().describe('The configuration names it today'),
        last: z
          .strictObject({
            size: count().describe('Entries under the checkpoint'),
            at: instant().describe('When it was told'),
            statedAt: instant().nullable().describe('The time that the anchor states'),
          })
          .nullable()
          .describe('The newest checkpoint that it took; null: none yet'),
        failing: z
          .strictObject({ at: instant().describe('When it was last tried'), detail: text().nullable().describe('Why it failed') })
          .nullable()
          .describe('The last try, where it failed'),
      }),
    )
    .describe('Who else is told of checkpoints'),
})
export type LedgerStatus = z.infer<typeof ledgerStatus>

export const coverageDay = z.strictObject({
  day: z.iso.date().describe('UTC'),
  system: systemRef,
  trials: count().describe('Trials that began on this day'),
  accepted: count().describe('Their observations that accepted'),
  rejected: count().describe('Their observations that refused'),
  inconclusive: count().describe('Their observations that proved nothing'),
  blindMs: count().describe('How long what was due was not tried'),
  reasons: z.array(z.enum(GAP_REASONS)).describe('Why it was not'),
})
export type CoverageDay = z.infer<typeof coverageDay>

/** What was tried and what was not, by day and system; a day and a system without either has no row. */
export const coverageCalendar = z.strictObject({
  from: z.iso.date().describe('The first day, UTC'),
  to: z.iso.date().describe('The last day, UTC'),
  days: z.array(coverageDay).describe('By day, then by the name of the system'),
})
export type CoverageCalendar = z.infer<typeof coverageCalendar>

export const statement = z.strictObject({
  name: z.enum(STATEMENT_NAMES).describe('As `revenant report statement` names it'),
  title: text().describe('What it answers'),
  columns: z.array(text()).describe('In the order in which they are shown'),
})
export const statementList = z.strictObject({ statements: z.array(statement).describe('All that there are') })
export type StatementList = z.infer<typeof statementList>

const cell = z.union([z.string(), z.number(), z.boolean(), z.null(), z.record(z.string(), z.unknown())])
export const statementRowPage = pageOf(z.record(z.string(), cell).describe('A cell for each column'))
export type StatementRowPage = z.infer<typeof statementRowPage>

/** Which requirements there are, by which a bundle can be narrowed. */
export const frameworkList = z.strictObject({
  frameworks: z
    .array(
      z.strictObject({
        name: text().describe('As alerts and reports name it'),
        title: text().describe('For people'),
        controls: z
          .array(z.strictObject({ id: text().describe('As the framework numbers it'), title: text().describe('For people') }))
          .describe('Its requirements'),
      }),
    )
    .describe('Of the mapping in force (`frameworks`); empty where the installation has none'),
})
export type FrameworkList = z.infer<typeof frameworkList>
