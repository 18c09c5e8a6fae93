import type { JSX } from 'preact'
import type { Exemption } from '../../api/schemas/exemption.ts'
import { KIND_LABELS } from '../words.ts'
import { At } from './moment.tsx'

export function ExemptionLine({ exemption }: { exemption: Exemption }): JSX.Element {
  return (
    <p class="said">
      <b>Exempted</b> until <At at={exemption.endsAt} />, {exemption.owner} answers for it: {exemption.reason}
    </p>
  )
}

/** What an exemption covers, in words. */
export function coveredBy({ kind, identity, system, credential }: Exemption): string {
  const things = [credential?.label, identity?.name, system?.name].filter((each) => each !== undefined)
  return `${kind === null ? 'Any finding' : KIND_LABELS[kind]} about ${things.join(' at ') || 'anything'}`
}
