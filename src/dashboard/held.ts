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
