import type { Envelope } from '../envelope.ts'
import type { Rendered } from '../formats/rendered.ts'
import { plain } from '../plain.ts'

/** Identifiers are shorter; only names can be longer, and these are for filters, not for reading. */
const MAX_VALUE = 256

/** What a broker carries beside the body: its type, and the facts of the envelope as `revenant-<name>`, printable and short. */
export function factHeaders({ facts }: Envelope, { contentType }: Rendered): Record<string, string> {
  const named = Object.entries(facts).map(([name, value]) => [`revenant-${name}`, plain(value, MAX_VALUE)] as const)
  return Object.fromEntries([['content-type', contentType] as const, ...named.filter(([, value]) => value !== '')])
}
