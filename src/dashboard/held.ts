import type { Statement } from '../api/schemas/source.ts'

/** Departures of which one source told of more at once than it may. */
export interface MassGroup {
  key: string
  source: string
  /** They came in one delivery; otherwise one by one, too many within the time that counts. */
  together: boolean
  /** At least one. */
  statements: readonly Statement[]
}

/** The mass events among statements that are held, by delivery. What came one by one (a provider's single requests) is one group for each source. */
export function massGroups(statements: readonly Statement[]): MassGroup[] {
  const mass = statements.filter(({ state, reason }) => state === 'held' && reason === 'mass_event')
  const sizes = Map.groupBy(mass, ({ deliveryId }) => deliveryId)
  const keyOf = ({ deliveryId, source }: Statement) =>
    (sizes.get(deliveryId)?.length ?? 0) > 1 ? deliveryId : `one by one ${source.id}`
  return [...Map.groupBy(mass, keyOf)].flatMap(([key, of]) => {
    const [first] = of
    return first === undefined ? [] : [{ key, source: first.source.name, together: key === first.deliveryId, statements: of }]
  })
}

/** What whoever decides may say to one statement. */
export type Choice = 'left' | 'suspended' | 'same' | 'other' | 'dismiss'

export const CHOICES: Record<Choice, { label: string; means: string }> = {
  left: { label: 'They have left', means: 'Counts from when the source told of it, not from now.' },
  suspended: { label: 'They are suspended', means: 'They may come back: nothing of theirs is tried.' },
  same: { label: 'The same person', means: 'With a new id over there: from now on it speaks of who is known here.' },
  other: { label: 'Somebody else', means: 'Who has the name now: added under an external id of their own.' },
  dismiss: {
    label: 'Neither',
    means: 'Nothing is done, and nobody is asked again until the source takes it back and says it anew.',
  },
}

/** What a choice does with this very statement. @param when tells an instant */
export function meansOf(choice: Choice, { reason, answers, identity, called }: Doubt, when: (at: string) => string): string {
  const { means } = CHOICES[choice]
  if (reason !== 'identifier_reuse' || answers === null || (choice !== 'same' && choice !== 'other')) return means
  return `${means} ${choice === 'other' ? comesTo('They', 'are', answers.other, when) : comesTo(identity?.name ?? called, 'is', answers.same, when)}`
}

type Doubt = Pick<Statement, 'reason' | 'answers' | 'identity' | 'called'>
type Answer = NonNullable<Statement['answers']>['same']

function comesTo(who: string, is: 'is' | 'are', { standing, at }: Answer, when: (at: string) => string): string {
  switch (standing) {
    case 'terminated':
      return `${who} ${is} gone${at === null ? '' : ` as of ${when(at)}`}: what they held is tried.`
    case 'suspended':
      return `${who} ${is} suspended.`
    case 'active':
      return `${who} ${is} here.`
    default:
      return `Of ${who === 'They' ? 'them' : who} nothing changes.`
  }
}

/** True where a choice calls somebody gone who may be here. */
export function isHarm(choice: Choice | undefined, { reason, answers }: Pick<Statement, 'reason' | 'answers'>): boolean {
  return choice === 'same' && reason === 'identifier_reuse' && answers?.same.standing === 'terminated'
}

/** What became of one statement, by name; undefined where that cannot be told. */
export function doneOf(item: DecidedItem, when: (at: string) => string): string | undefined {
  const { outcome, externalId, terminatedAt, suspendedAt } = item
  if (outcome === null || externalId === null) return undefined
  if (terminatedAt !== null) return `${externalId} is gone as of ${when(terminatedAt)}`
  return `${externalId} is ${suspendedAt === null ? 'here' : 'suspended'}`
}

export interface DecidedItem {
  outcome: string | null
  externalId: string | null
  terminatedAt: string | null
  suspendedAt: string | null
}

export function choicesOf({ reason, says }: Pick<Statement, 'reason' | 'says'>): readonly Choice[] {
  if (reason === 'identifier_reuse') return ['same', 'other', 'dismiss']
  return says === 'terminated' ? ['left', 'suspended', 'dismiss'] : ['suspended', 'dismiss']
}

/** What is sent for a choice. @param as the external id of somebody else */
export function decisionOf({ says }: Pick<Statement, 'says'>, choice: Choice, as?: string) {
  switch (choice) {
    case 'dismiss':
      return { decision: 'dismiss' } as const
    case 'suspended':
      // What is one already is taken as it was said.
      return says === 'suspended' ? ({ decision: 'apply' } as const) : ({ decision: 'apply', departure: 'suspend' } as const)
    case 'other':
      // Without a name it would be the same person: the API refuses an empty one.
      return { decision: 'apply', as: as ?? '' } as const
    default:
      return { decision: 'apply' } as const
  }
}

/** Whom a statement is about, for people. */
export function whomOf({ identity, name, called }: Pick<Statement, 'identity' | 'name' | 'called'>): string {
  return identity?.name ?? name ?? called
}

/** `10 terminated, 2 unchanged`: what became of statements, in falling order. */
export function outcomesOf(items: readonly { outcome: string | null }[]): string {
  const counts = Map.groupBy(items, ({ outcome }) => outcome ?? 'dismissed')
  return [...counts]
    .toSorted(([, a], [, b]) => b.length - a.length)
    .map(([outcome, of]) => `${of.length} ${outcome}`)
    .join(', ')
}
