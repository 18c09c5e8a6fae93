import type { CredentialDetail } from '../api/schemas/credential.ts'
import type { Holders } from '../api/schemas/ownership.ts'
import type { Mark } from './mark.ts'

export interface LifeMark extends Mark {
  /** When it came to that, or will. */
  at: string | null
}

type Lived = Pick<
  CredentialDetail,
  'standing' | 'attempts' | 'rotatedAt' | 'retiredAt' | 'retiredReason' | 'handoverBy' | 'handover' | 'secret' | 'createdAt'
>

/** Where a credential is between the day it became known and the day its secret is destroyed: what its standing does not tell. */
export function lifeOf(credential: Lived, now: number): LifeMark[] {
  const { retiredAt, retiredReason, rotatedAt, standing, attempts, createdAt, secret } = credential
  const marks: LifeMark[] = []
  if (retiredAt !== null) marks.push({ ...RETIRED[retiredReason ?? 'operator'], at: retiredAt })
  else {
    if (standing === 'resting') marks.push({ ...(attempts === 0 ? AHEAD : RESTS), at: createdAt })
    if (rotatedAt !== null) marks.push({ ...REPLACED, at: rotatedAt })
    if (secret.expiresAt !== null) marks.push({ ...(Date.parse(secret.expiresAt) > now ? EXPIRES : PAST), at: secret.expiresAt })
  }
  const handed = handoverMark(credential, now)
  return handed === undefined ? marks : [...marks, handed]
}

type Retired = NonNullable<CredentialDetail['retiredReason']>

const RETIRED: Record<Retired, Mark> = {
  operator: {
    label: 'Taken off the list',
    look: 'none',
    icon: 'dash',
    means: 'An operator did so. Its secret is shredded, its history stays.',
  },
  proven_dead: {
    label: 'Minimised',
    look: 'closed',
    icon: 'shut',
    means: 'It was refused, with proof, for long enough: its secret is shredded, its history stays.',
  },
  expired: {
    label: 'Expired',
    look: 'none',
    icon: 'clock',
    means: 'It is past its own date. Its secret is shredded, its history stays.',
  },
  rotated: {
    label: 'Replaced',
    look: 'closed',
    icon: 'shut',
    means: 'Another value took its place, and this one was refused, with proof. Its secret is shredded, its history stays.',
  },
}

const AHEAD: Mark = {
  label: 'Registered ahead',
  look: 'plain',
  icon: 'clock',
  means: 'Its holder is here: it is kept for the day of the departure, and was never replayed.',
}

const RESTS: Mark = {
  label: 'Rests again',
  look: 'none',
  icon: 'mute',
  means: 'Its holder is here again: it was tried before, and is not any more.',
}

const REPLACED: Mark = {
  label: 'Replaced',
  look: 'plain',
  icon: 'reload',
  means: 'Another value was registered for those who are here. This one stays on watch until it is refused, with proof.',
}

const EXPIRES: Mark = {
  label: 'Expires',
  look: 'plain',
  icon: 'clock',
  means: 'By its own date. Until then it may open its door.',
}

const PAST: Mark = {
  label: 'Past its date',
  look: 'plain',
  icon: 'clock',
  means: 'Its own date has passed. It stays on watch until that is proven, or was long enough ago.',
}

/** Undefined for one that nobody takes over. `at` is the date. */
export function handoverMark(
  { handoverBy, handover, standing }: Pick<Lived, 'handoverBy' | 'handover' | 'standing'>,
  now: number,
): LifeMark | undefined {
  if (handoverBy === null) return undefined
  const isOver = handover === null ? standing === 'closed' || standing === 'retired' : handover.state === 'done'
  if (isOver)
    return {
      label: 'Handed over',
      look: 'closed',
      icon: 'check',
      means: 'The old secret is refused, or off the list.',
      at: handoverBy,
    }
  if (handover?.state === 'overdue' || Date.parse(handoverBy) <= now)
    return {
      label: 'Handover overdue',
      look: 'open',
      icon: 'findings',
      means: 'The date has passed, and it is not proven refused.',
      at: handoverBy,
    }
  return {
    label: 'Handed over',
    look: 'plain',
    icon: 'pass',
    means: 'Until the date it may still work; from then on it must be refused.',
    at: handoverBy,
  }
}

export type Holder = Holders['holders'][number]

export interface Rotation extends Mark {
  /** By when what leavers know must be refused; null: nothing has to be. */
  by: string | null
}

/** Whether a secret that several people know has to be changed, or was. */
export function rotationOf(holders: readonly Holder[], now: number): Rotation {
  const gone = holders.filter(({ identity }) => identity.terminatedAt !== null && Date.parse(identity.terminatedAt) <= now)
  if (gone.length === 0)
    return {
      ...{ label: 'Nothing to change', look: 'none', icon: 'dash', by: null },
      means: 'Everybody who knows it is here. When one leaves, it has to be changed.',
    }
  const loose = gone.filter((holder) => !isRefused(holder))
  if (loose.length === 0)
    return {
      ...{ label: 'Changed', look: 'closed', icon: 'check', by: null },
      means: 'What those who left know is refused, with proof.',
    }
  if (loose.every(({ standing }) => standing === 'retired'))
    return {
      ...{ label: 'Not proven', look: 'doubt', icon: 'question', by: null },
      means: 'Somebody who left knows a value that went off the list unproven: it may work still, and nobody tries it.',
    }
  const by =
    loose.flatMap(({ deadline }) => deadline?.revokeBy ?? []).toSorted((a, b) => Date.parse(a) - Date.parse(b))[0] ?? null
  const isLate = by !== null && Date.parse(by) <= now
  // Whose value is replaced knows an old one: what is left is its proof.
  const means = loose.every(({ rotatedAt }) => rotatedAt !== null)
    ? 'A new value is registered. What those who left know is not proven refused yet.'
    : 'Somebody who left knows the value in use: change it there, and register the new one.'
  return isLate
    ? { label: 'Overdue', look: 'open', icon: 'findings', means, by }
    : { label: 'To be changed', look: 'plain', icon: 'clock', means, by }
}

/** What it knows is refused, with proof. What went off the list for another reason may open its door still. */
function isRefused({ standing, retiredReason }: Holder): boolean {
  return standing === 'retired' ? retiredReason === 'proven_dead' || retiredReason === 'rotated' : standing === 'closed'
}

/** What a holder knows, in words. */
export function knowsWords({ current, rotatedAt, retiredAt }: Holder): string {
  if (retiredAt !== null) return rotatedAt === null ? 'off the list' : 'an old value, off the list'
  return current ? 'the value in use' : 'an old value'
}
