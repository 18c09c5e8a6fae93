import type { JSX } from 'preact'
import type { Overview } from '../../api/schemas/overview.ts'
import { hrefOf } from '../place.ts'
import { may } from '../session.ts'
import { countOf, figure, percent } from '../words.ts'
import { Legend, type Part, PartsBar } from './parts-bar.tsx'

export function Doors({ overview: { doors, identities } }: { overview: Overview }): JSX.Element {
  const { terminated, open, unproven, closed, without } = doors
  if (identities === 0 || terminated === 0) return <NobodyLeft identities={identities} />
  const parts: Part[] = [
    {
      label: 'still let in',
      count: open,
      ground: 'open',
      href: hrefOf('identities', undefined, { state: 'terminated', open: 'true' }),
    },
    { label: 'not proven', count: unproven, ground: 'doubt', href: hrefOf('identities', undefined, { state: 'terminated' }) },
    { label: 'proven closed', count: closed, ground: 'closed' },
    { label: 'without a known credential', count: without, ground: 'quiet' },
  ]
  const look = open > 0 ? 'bad' : unproven > 0 ? 'doubtful' : 'good'
  return (
    <section class={`panel doors ${look}`} aria-label="Whoever left and is still let in">
      <p class="figure" aria-hidden="true">
        {percent(open, terminated)}
        <small> %</small>
      </p>
      <div class="stack">
        <p class="sentence">
          {open === 0
            ? unproven === 0
              ? `None of the ${countOf(terminated, 'identity', 'identities')} that left is let in anywhere.`
              : `None of the ${figure(terminated)} that left is known to be let in; of ${figure(unproven)} nobody can say so.`
            : `${figure(open)} of the ${countOf(terminated, 'identity', 'identities')} that left ${open === 1 ? 'is' : 'are'} still let in somewhere.`}
        </p>
        <PartsBar parts={parts} />
        <Legend parts={parts} show={figure} />
      </div>
    </section>
  )
}

function NobodyLeft({ identities }: { identities: number }): JSX.Element {
  return (
    <section class="panel doors" aria-label="Whoever left and is still let in">
      <div class="stack">
        <p class="sentence">
          {identities === 0
            ? 'Nobody is known here yet.'
            : `${countOf(identities, 'identity', 'identities')} known, and none has left.`}
        </p>
        <p class="lead">
          Revenant watches those who have left: people, service accounts, AI agents. Tell it who they are and what they held, and
          it finds out what still lets them in.
        </p>
        {may('operate') ? (
          <p>
            <a class="button first" href={hrefOf('setup')}>
              Begin with the guide
            </a>
          </p>
        ) : undefined}
      </div>
    </section>
  )
}
