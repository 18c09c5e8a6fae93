import type { StatementSays } from '../../domain/feed.ts'
import type { SaidStanding } from './said.ts'

/** What is kept of a statement that waits for a person. */
export interface KeptWord {
  says: StatementSays
  effectiveAt: Temporal.Instant | null
  /** When the source told of it. */
  at: Temporal.Instant
  standing: SaidStanding
}

/**
 * The standing that is written where a person applies a statement: what he is shown before he decides, and what is done then. Nobody
 * whom the source calls active leaves by it.
 */
export function appliedStanding(
  { says, effectiveAt, at, standing }: KeptWord,
  departure?: 'terminate' | 'suspend' | undefined,
): SaidStanding {
  if (standing.is === 'active' || standing.is === 'unsaid') return standing
  const isSuspension = standing.is === 'suspended' || says === 'suspended'
  if ((departure ?? (isSuspension ? 'suspend' : 'terminate')) === 'suspend') return { is: 'suspended' }
  const dated = standing.is === 'terminated' ? standing.at : undefined
  return { is: 'terminated', at: effectiveAt ?? dated ?? at }
}

/** A standing as it is told before it is applied. */
export interface AppliedTo {
  standing: 'active' | 'suspended' | 'terminated' | 'unsaid'
  /** When they leave, RFC 3339; null: they do not. */
  at: string | null
}

/** What each answer to a statement comes to: it is who is known here; it is somebody else, who is added. */
export interface Answers {
  same: AppliedTo
  other: AppliedTo
}

/** What applying a statement comes to, as the store tells it. */
export function answersTo(told: {
  says: StatementSays
  effectiveAt: string | null
  at: string
  said: { is: SaidStanding['is']; at: string | null }
}): Answers {
  const { is, at } = told.said
  const applied = appliedStanding({
    says: told.says,
    effectiveAt: told.effectiveAt === null ? null : Temporal.Instant.from(told.effectiveAt),
    at: Temporal.Instant.from(told.at),
    standing: is === 'terminated' ? { is, ...(at === null ? {} : { at: Temporal.Instant.from(at) }) } : { is },
  })
  const same = appliedTo(applied)
  return { same, other: same.standing === 'unsaid' ? { standing: 'active', at: null } : same }
}

function appliedTo(standing: SaidStanding): AppliedTo {
  switch (standing.is) {
    case 'terminated':
      return { standing: 'terminated', at: standing.at?.toString() ?? null }
    case 'active':
    case 'suspended':
    case 'unsaid':
      return { standing: standing.is, at: null }
    default:
      // `appliedStanding` leaves neither `inactive` nor `deleted`.
      return { standing: 'terminated', at: null }
  }
}
