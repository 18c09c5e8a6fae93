import type { JSX } from 'preact'
import type { StandingCounts } from '../../api/schemas/common.ts'
import type { Identity } from '../../api/schemas/identity.ts'
import { countOf, figure } from '../words.ts'
import { Badge } from './badge.tsx'
import { PartsBar } from './parts-bar.tsx'

export function Stands({ identity }: { identity: Pick<Identity, 'credentials' | 'state' | 'suspendedAt'> }): JSX.Element {
  const { credentials, state, suspendedAt } = identity
  const { open, unverified, not_tried, refused, closed } = credentials
  if (state === 'active' && suspendedAt !== null)
    return <Badge look="plain" icon="mute" label="Suspended" title="A source says so. It is here: nothing of it is tried" />
  if (state === 'active') return <Badge look="none" label="Is here" />
  if (open > 0) return <Badge look="open" label="Still let in" />
  if (unverified + not_tried > 0) return <Badge look="doubt" label="Not judged" />
  if (refused > 0) return <Badge look="doubt" label="Not proven" />
  if (closed > 0) return <Badge look="closed" label="Closed" />
  return <Badge look="none" label="No credential" />
}

export function Credentials({ counts }: { counts: StandingCounts }): JSX.Element {
  const { open, unverified, not_tried, refused, closed, retired, resting } = counts
  const whole = open + unverified + not_tried + refused + closed + retired + resting
  if (whole === 0) return <span class="soft">none known</span>
  const doubt = unverified + not_tried
  const words = [
    open > 0 ? `${figure(open)} open` : '',
    doubt > 0 ? `${figure(doubt)} not judged` : '',
    refused > 0 ? `${figure(refused)} refused, not proven` : '',
    closed > 0 ? `${figure(closed)} closed` : '',
    resting > 0 ? `${figure(resting)} resting` : '',
    retired > 0 ? `${figure(retired)} retired` : '',
  ].filter(Boolean)
  return (
    <span class="credentials">
      <PartsBar
        thin
        parts={[
          { label: 'open', count: open, ground: 'open' },
          { label: 'not judged', count: doubt, ground: 'doubt' },
          { label: 'refused, not proven', count: refused, ground: 'doubt' },
          { label: 'closed', count: closed, ground: 'closed' },
          { label: 'others', count: retired + resting, ground: 'quiet' },
        ]}
      />
      <span class="under">{words.length === 0 ? countOf(whole, 'credential') : words.join(', ')}</span>
    </span>
  )
}
