import type { ScanAnswer } from '../api/schemas/actions.ts'
import { local } from './time.ts'
import { countOf, humane } from './words.ts'

/** What came of "scan now", in words: what begins, and what keeps the rest away. */
export function scanned({ due, trials, held }: ScanAnswer): string {
  const begun =
    due === 0
      ? 'Nothing there can be tried.'
      : `${countOf(due, 'credential')} due now, ${countOf(trials.length, 'trial')} on the way.`
  const kept = held.map(
    ({ system, hold, until }) =>
      `${system.name}: ${HOLDS[hold] ?? humane(hold)}${until === null ? '' : ` until ${local(until)}`}`,
  )
  return kept.length === 0 ? begun : `${begun} Held back – ${kept.join('; ')}.`
}

const HOLDS: Readonly<Record<string, string>> = {
  paused: 'paused',
  held: 'it asked to be left alone',
  window: 'its schedule',
  rebind: 'its address changed, rebind it first',
  lockout_budget: 'an account could be locked',
  second_proof: 'a refusal waits for its second proof',
}
