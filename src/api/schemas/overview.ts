import { z } from 'zod'
import { count, findingKind, id, instant, pause, severity, standingCounts, systemRef, text } from './common.ts'

const latency = {
  closed: count().describe('Credentials that were proven closed'),
  medianMs: z.number().nullable().describe('Half of these were closed within it; null: none was closed'),
  p90Ms: z.number().nullable().describe('Nine in ten of these were closed within it; null: none was closed'),
  inTime: count().describe('Closed within what policy.revokeWithin allows'),
  late: count().describe('Closed later'),
  overdue: count().describe('Not closed, and later already'),
  running: count().describe('Not closed, and still within it'),
}

const coverage = {
  credentials: count().describe('Credentials of those who left'),
  verified: count().describe('The last answer proved something, and the next try is not overdue'),
  blind: count().describe('The last answer proved nothing'),
  overdue: count().describe('Should have been tried by now and was not'),
  pending: count().describe('Not tried yet, and not overdue'),
}

/** What a first look has to tell, in one answer. At most a few seconds old; latency and survival at most a minute. */
export const overview = z.strictObject({
  at: instant().describe('When this was counted'),
  doors: z
    .strictObject({
      terminated: count().describe('Identities that have left'),
      open: count().describe('Of these, with a credential that was accepted, and nothing proven since'),
      unproven: count().describe('Of the others, with a credential of which nobody can say that it is closed'),
      closed: count().describe('Of the others, all that they hold proven closed'),
      without: count().describe('Without a credential on the list'),
    })
    .describe('The one number: `open` of `terminated`. The four others add up to it'),
  identities: count().describe('All that are known'),
  credentials: standingCounts.describe('Credentials, by how they stand'),
  findings: z
    .strictObject({
      unresolved: count().describe('Not resolved'),
      unacknowledged: count().describe('Of these, nobody has taken note of, and no exemption covers'),
      counts: z
        .array(
          z.strictObject({
            kind: findingKind(),
            severity: severity(),
            open: count().describe('Not acknowledged'),
            acknowledged: count(),
            exempted: count().describe('Of both, silenced by an exemption'),
          }),
        )
        .describe('Not resolved, by kind and severity; what there is none of has no row'),
    })
    .describe('What is wrong'),
  coverage: z
    .strictObject({
      ...coverage,
      systems: z
        .array(
          z.strictObject({
            system: systemRef,
            ...coverage,
            blindSince: instant().nullable().describe('Since when what is due has not been tried; null: it is'),
          }),
        )
        .describe('By the name of the system'),
    })
    .describe('How much of it can be relied on'),
  latency: z
    .strictObject({
      days: count().describe('Of those who left in the last so many days'),
      ...latency,
      systems: z
        .array(z.strictObject({ system: systemRef, allowedMs: count().describe('What policy.revokeWithin allows'), ...latency }))
        .describe('By the name of the system'),
    })
    .describe('From the termination to the first proven refusal'),
  survival: z
    .strictObject({
      days: count().describe('Of those who left in the last so many days'),
      medianMinutes: z.number().nullable().describe('After which at most half still work; null: it never comes to that'),
      steps: z
        .array(
          z.strictObject({
            minutes: z.number().describe('After the termination'),
            atRisk: count().describe('Credentials still followed just before'),
            closed: count().describe('Proven closed then'),
            censored: count().describe('Last known to be accepted then, and of which nothing is proven since'),
            share: z.number().describe('Estimated to work still, 0 to 1'),
            low: z.number().describe('Lower end of the 95 % interval'),
            high: z.number().describe('Upper end of the 95 % interval'),
          }),
        )
        .describe('In rising order, thinned out to at most 200'),
    })
    .describe('Kaplan–Meier estimate of how long credentials work after the termination'),
  paused: pause.nullable().describe('Everything is paused; null: it is not'),
  pausedSystems: count().describe('Systems that are paused by themselves'),
  held: count().describe('Statements of sources that wait for a decision'),
  dueNow: count().describe('Credentials that are due'),
  nextDueAt: instant().nullable().describe('When the next credential is due, or was'),
  replicas: z.strictObject({
    alive: count().describe('That said so in the last three minutes'),
    lastBeatAt: instant().nullable().describe('When any of them last did; null: none ever did'),
  }),
  events: z
    .array(
      z.strictObject({
        id: id().describe('Of the row behind it'),
        at: instant().describe('When it happened'),
        type: z.enum(['finding', 'operator']).describe('`finding`: an event of a finding. `operator`: what somebody did here'),
        event: text().describe('What: the event of the finding, or the action'),
        actor: text().nullable().describe('Who; null: nobody, it was found, or the audit may not be read'),
        subject: text().nullable().describe('Whom or what an operator did it to; null: the audit may not be read'),
        finding: z
          .strictObject({
            id: id().describe('Of the finding'),
            kind: findingKind(),
            severity: severity().describe('At that time'),
            identity: text().nullable().describe('Name of whom it is about'),
            system: text().nullable().describe('Name of where'),
          })
          .nullable()
          .describe('Which finding'),
      }),
    )
    .describe('What happened last, the newest first, at most 30'),
})
export type Overview = z.infer<typeof overview>
