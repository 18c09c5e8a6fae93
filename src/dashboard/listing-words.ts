import type { Inventory, Listing } from '../api/schemas/grant.ts'
import type { ListingFault, TurnOutcome } from '../domain/grant.ts'
import type { Mark } from './mark.ts'
import { countOf, figure, humane } from './words.ts'

/** Why a list was not read to its end, or nobody was asked for. */
const FAULTS: Record<ListingFault, string> = {
  forbidden: "the administrator's credential may not look there",
  unauthenticated: "the administrator's credential was refused",
  rate_limited: 'the system asked to be left alone',
  server_error: 'the system failed',
  unreachable: 'the system did not answer',
  timeout: 'the system took too long',
  tls_error: 'its certificate does not hold',
  unexpected_answer: 'the answer is not the documented one',
  paging_cut: 'the list goes on for longer than is read',
  paging_loop: 'the list goes round in a circle',
  paging_origin: 'the list goes on at another address',
  redirected: 'it was sent elsewhere',
  credential_unavailable: "the administrator's credential could not be read",
  no_name: 'it has no name by which it could be looked for',
  several_accounts: 'more than one account answers to its name',
  decoy_listed: 'a made-up person was found there: it does not tell people apart',
  canary_empty: 'somebody who has grants was listed without any: it does not see them',
  stopped: 'it was called off',
}

/** A fault in words; one that is newer than this list by its own name. */
export function faultWords(fault: string): string {
  return Object.entries(FAULTS).find(([name]) => name === fault)?.[1] ?? humane(fault)
}

/** What to do about an inventory that could not ask. */
export function faultAdvice(fault: string): string {
  switch (fault) {
    case 'forbidden':
      return "Give the administrator's credential the permissions that the inventory needs, or leave that list out (without)."
    case 'unauthenticated':
    case 'credential_unavailable':
      return "Renew the administrator's credential where its reference points."
    case 'decoy_listed':
      return 'Look whether its address is that of the right API: nothing that it lists can be believed.'
    case 'canary_empty':
      return 'Look whether the canary still has a grant, and whether the credential still sees it.'
    case 'rate_limited':
      return 'Nothing: it is asked again when the time is over. If it comes back, ask more seldom (every).'
    case 'tls_error':
      return 'Look at its certificate, and at ca in the target.'
    default:
      return 'It is asked again by itself. If it stays so, look whether the address is reachable from here.'
  }
}

const OUTCOMES: Record<TurnOutcome, Mark> = {
  completed: { label: 'Completed', look: 'closed', icon: 'check', means: 'Everybody who was due was looked at.' },
  unfinished: {
    label: 'Not finished',
    look: 'plain',
    icon: 'reload',
    means: 'Its time was over before everybody was looked at.',
  },
  blind: { label: 'Could not look', look: 'doubt', icon: 'question', means: 'Nobody could be looked at.' },
  held: { label: 'Held back', look: 'doubt', icon: 'question', means: 'It was left alone before everybody was looked at.' },
  paused: { label: 'Paused', look: 'plain', icon: 'mute', means: 'An operator paused the system.' },
  stopped: { label: 'Called off', look: 'plain', icon: 'dash', means: 'The daemon ended, or read its configuration anew.' },
  failed: { label: 'Broke off', look: 'doubt', icon: 'question', means: 'A fault of Revenant ended it: its log tells more.' },
}

/** How an inventory stands: whether what it does not list proves anything. */
export function inventoryMark({ inventory, running, fault, last, looks }: Inventory): Mark {
  if (inventory === null)
    return { label: 'Not configured', look: 'none', icon: 'dash', means: 'Nobody is looked for there any more.' }
  if (fault !== null) return couldNotLook(fault)
  if (running) return { label: 'Being asked', look: 'plain', icon: 'reload', means: 'A turn runs now.' }
  if (last === null)
    return looks?.people === 0
      ? { label: 'Nobody to look for', look: 'none', icon: 'dash', means: 'Nobody who has left is looked for there.' }
      : { label: 'Not asked yet', look: 'doubt', icon: 'question', means: 'Nothing is known yet of what is listed there.' }
  // Everybody had a turn, and not everybody was looked at.
  if (last.outcome === 'completed' && last.inconclusive > 0)
    return {
      ...{ label: 'Not all read', look: 'doubt', icon: 'question' },
      means: `Of ${countOf(last.people, 'identity', 'identities')} it could not read every list of ${figure(last.inconclusive)}.`,
    }
  return OUTCOMES[last.outcome]
}

/**
 * What the last look at one identity says: that nothing is left, that something is, or that nobody could look.
 *
 * @param without lists that the configuration leaves out
 */
export function lookMark(listing: Listing, without: readonly string[]): Mark {
  const { outcome, reason, known, listed, standing, parts, assurance } = listing
  if (outcome === 'inconclusive') {
    const why = reason === null ? 'a list was not read to its end' : faultWords(reason)
    const label = listed === 0 ? 'Could not look' : 'Not all read'
    const means =
      listed === 0 ? `Nothing is proven: ${why}.` : `${countOf(listed, 'grant')} listed; what is missing proves nothing: ${why}.`
    return { label, look: 'doubt', icon: 'question', means }
  }
  const left = without.filter((list) => !Object.hasOwn(parts, list))
  const omitted = left.length === 0 ? '' : ` Not asked for: ${left.map(humane).join(', ')}.`
  if (listed > 0) {
    const more = standing > listed ? ` ${figure(standing - listed)} more stand that it did not show.` : ''
    const means = `${left.length === 0 ? 'Every list' : 'Every list that is asked for'} was read to its end.${more}${omitted}`
    return { label: `${countOf(listed, 'grant')} left`, look: 'open', icon: 'door', means }
  }
  // Gone is what two looks in a row miss, where they looked.
  if (standing > 0) {
    const why = known === false ? 'Not every name of it is known there any more' : 'This look did not show them'
    const means = `${why}, which is no proof yet that they are gone.${omitted}`
    return { label: `${countOf(standing, 'grant')} on record`, look: 'doubt', icon: 'question', means }
  }
  if (known === false)
    return {
      label: 'No account found',
      look: 'none',
      icon: 'dash',
      means: 'Of its names at least one is not known there; it may go by another.',
    }
  if (left.length > 0)
    return {
      label: 'Nothing listed',
      look: 'plain',
      icon: 'check',
      means: `The lists that are asked for show nothing.${omitted}`,
    }
  const canary = assurance === 'explicit' ? ' No canary: a list that has gone blind would look the same.' : ''
  return {
    label: 'Nothing left',
    look: 'closed',
    icon: 'check',
    means: `Every list was read to its end, and none shows anything.${canary}`,
  }
}

function couldNotLook(fault: Parameters<typeof faultWords>[0]): Mark {
  return { label: 'Could not look', look: 'doubt', icon: 'question', means: `Its last turn could not ask: ${faultWords(fault)}.` }
}

/** An identity at a system where no look at it is on record. */
export function noLookMark({ inventory, fault }: Inventory): Mark {
  if (fault !== null) return couldNotLook(fault)
  const means =
    inventory?.by === 'principal'
      ? 'It is looked for by the accounts of its credentials there: without one, never.'
      : 'Nobody has looked yet: nothing is known.'
  return { label: 'Not looked at', look: 'doubt', icon: 'question', means }
}
