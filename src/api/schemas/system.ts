import { z } from 'zod'
import { GAP_REASONS } from '../../domain/gap.ts'
import {
  assurance,
  control,
  count,
  instant,
  pageOf,
  pause,
  reason,
  severity,
  standingCounts,
  systemRef,
  text,
  verdict,
} from './common.ts'
import { trial } from './trial.ts'

/**
 * What trials of a system are doing, the first that applies. `retired`: no longer in the configuration. `paused`: by an operator.
 * `rebind`: its address changed, and its secrets wait for an operator. `open`: it accepted a decoy. `blind`: its canary fails.
 * `held`: its way failed too often, or it asked to be left alone. `untried`: its controls have said nothing yet. `active`: none of these.
 */
export const SYSTEM_STATES = ['retired', 'paused', 'rebind', 'open', 'blind', 'held', 'untried', 'active'] as const

export const system = z.strictObject({
  ...systemRef.shape,
  state: z.enum(SYSTEM_STATES).describe('What trials of it are doing'),
  probe: text().describe('How it is asked: a protocol, or a system of the catalogue'),
  origin: text().describe('Where the configuration says that it is'),
  boundOrigin: text().describe('What its secrets were registered for'),
  zone: text().describe('Only replicas that serve this zone try it'),
  pause: pause.nullable().describe('Its own pause, or that of everything'),
  hold: z
    .strictObject({ until: instant().describe('No trial before'), reason: reason().nullable().describe('Why') })
    .nullable()
    .describe('Kept away by the breaker, or by the system itself'),
  breakerFailures: count().describe('Trials in a row that failed'),
  schedule: z
    .strictObject({
      expression: text().describe('Cron expression and time zone'),
      nextAt: instant().nullable().describe('When the window opens next'),
    })
    .nullable()
    .describe('When trials may start; null: whenever something is due'),
  controls: z
    .strictObject({
      at: instant().describe('When they were asked'),
      validUntil: instant().describe('Until when they serve trials'),
      assurance: assurance(),
      answers: z
        .array(
          z.strictObject({
            control: control(),
            verdict: verdict(),
            reason: reason(),
            at: instant().describe('When it was asked'),
          }),
        )
        .describe('What each said'),
    })
    .nullable()
    .describe('The last controls; null: none since its configuration changed'),
  credentials: standingCounts.describe('How the credentials there stand. At most a few seconds old'),
  dueNow: count().describe('Credentials that are due. At most a few seconds old'),
  nextDueAt: instant().nullable().describe('When the next credential is due, or was. At most a few seconds old'),
  findings: z
    .strictObject({
      unresolved: count().describe('Not resolved'),
      worst: severity().nullable().describe('The highest severity among them'),
    })
    .describe('What was found there'),
  blindSince: instant().nullable().describe('Since when what is due there has not been tried; null: it is'),
  lastTrialAt: instant().nullable().describe('When its last trial began'),
})
export type System = z.infer<typeof system>
export const systemPage = pageOf(system)
export type SystemPage = z.infer<typeof systemPage>

const rate = z.strictObject({ count: count().describe('So many'), perMs: count().describe('in so many milliseconds') })

/** A time in which what was due was not tried. */
export const gap = z.strictObject({
  reason: z.enum(GAP_REASONS).describe('Why, the first that applied'),
  from: instant().describe('When the first credential was due'),
  to: instant().nullable().describe('Null: it lasts'),
  credentials: count().describe('Overdue at most'),
})
export type Gap = z.infer<typeof gap>

export const systemDetail = z.strictObject({
  ...system.shape,
  limits: z
    .strictObject({
      concurrency: count().describe('Tries at the same time'),
      rate: rate.describe('Tries at most'),
      failuresPerPrincipal: rate.describe('Wrong tries that one account may suffer'),
      timeoutMs: count().describe('How long an answer is waited for'),
      shards: count().describe('Parts that are tried by themselves'),
    })
    .nullable()
    .describe('Of the configuration in force; null: it does not name the system'),
  lockoutBudget: z
    .strictObject({
      realm: text().describe('Systems of one realm share it'),
      limit: count().describe('Wrong tries of one account in a window'),
      accounts: count().describe('Accounts that have spent some of it'),
      mostSpent: count().describe('The most that one of them has spent'),
      exhausted: count().describe('Accounts that have spent all of it: not tried until their window ends'),
      locked: count().describe('Accounts that a system called locked: not tried for a while'),
      nextFreeAt: instant().nullable().describe('When the first of these may be tried again'),
    })
    .nullable()
    .describe('Wrong tries of accounts, over all systems of the realm; null: the configuration does not name the system'),
  canary: z
    .enum(['configured', 'missing'])
    .nullable()
    .describe('A live credential that must be accepted; null: the configuration does not name the system'),
  runbook: z.url().nullable().describe('What to do about a finding there'),
  allowEffects: z.array(text()).describe('What a replay may change there'),
  pinnedPeer: text().nullable().describe('The host key of first use'),
  gaps: z.array(gap).describe('When what was due was not tried, the newest first, at most 50'),
  trials: z.array(trial).describe('The last trials, the newest first, at most 20'),
  retiredAt: instant().nullable().describe('When it left the configuration'),
  createdAt: instant().describe('When the configuration first named it'),
})
export type SystemDetail = z.infer<typeof systemDetail>
