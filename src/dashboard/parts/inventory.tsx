import type { JSX } from 'preact'
import type { Inventory, InventoryList } from '../../api/schemas/grant.ts'
import type { PersonName } from '../../domain/grant.ts'
import { faultAdvice, inventoryMark } from '../listing-words.ts'
import { hrefOf } from '../place.ts'
import { useRead } from '../read.ts'
import { coarse } from '../time.ts'
import { countOf, figure, humane } from '../words.ts'
import { Badge } from './badge.tsx'
import { MarkLine } from './mark-line.tsx'
import { Ago, MaybeAgo, Next } from './moment.tsx'
import { Panel } from './panel.tsx'
import { Shown } from './states.tsx'

/** What administrators' lists of one system are asked for, and whether that can be relied on. */
export function InventoryPanel({ systemId }: { systemId: string }): JSX.Element {
  const reading = useRead<InventoryList>('/v1/inventories', {
    query: { system: systemId },
    topics: ['listing', 'operator'],
    settleMs: 6_000,
  })
  const [inventory] = reading.value?.items ?? []
  return (
    <Panel title="Inventory" note={inventory?.inventory === null ? undefined : inventory?.inventory.kind}>
      <Shown reading={reading} rows={4}>
        {() => (inventory === undefined ? <None /> : <Facts inventory={inventory} />)}
      </Shown>
    </Panel>
  )
}

const NAMES: Record<PersonName, string> = { email: 'e-mail', externalId: 'external id', principal: 'account' }

function None(): JSX.Element {
  return (
    <p class="soft">
      None: only credentials that are known are tried here. An <code>inventory</code> in its configuration lists what else
      somebody who left still has.
    </p>
  )
}

function Facts({ inventory }: { inventory: Inventory }): JSX.Element {
  const { systemId, inventory: configured, fault, faultAt, last, looks, nextAt, standing } = inventory
  return (
    <dl class="facts">
      <dt>State</dt>
      <dd>
        <MarkLine mark={inventoryMark(inventory)} told />
        {faultAt === null ? undefined : (
          <span class="told">
            <Ago at={faultAt} />
          </span>
        )}
      </dd>
      {fault === null ? undefined : (
        <>
          <dt>What to do</dt>
          <dd>{faultAdvice(fault)} Until then, what is not listed proves nothing.</dd>
        </>
      )}
      <dt>Last turn</dt>
      <dd>{last === null ? <span class="soft">none that had somebody to look at</span> : <LastTurn last={last} />}</dd>
      {configured === null ? undefined : (
        <>
          <dt>Next turn</dt>
          <dd>{nextAt === null ? <span class="soft">nobody is looked for</span> : <Next at={nextAt} />}</dd>
          <dt>Who left</dt>
          <dd>{looks === null || looks.people === 0 ? <span class="soft">nobody to look for</span> : <Looks looks={looks} />}</dd>
        </>
      )}
      <dt>Still listed</dt>
      <dd>
        {standing === 0 ? (
          'nothing'
        ) : (
          <a href={hrefOf('findings', undefined, { kind: 'standing_grant', system: systemId })}>{countOf(standing, 'grant')}</a>
        )}
      </dd>
      {configured === null ? undefined : (
        <>
          <dt>Decoy</dt>
          <dd>
            <Control inventory={inventory} failed="decoy_listed" passes="Unknown" fails="Found" what="a made-up person" />
          </dd>
          <dt>Canary</dt>
          <dd>
            {configured.canary === 'missing' ? (
              <span class="soft">none: a list that has gone blind looks like an empty one</span>
            ) : (
              <Control
                inventory={inventory}
                failed="canary_empty"
                passes="Listed"
                fails="Not listed"
                what="somebody who is here"
              />
            )}
          </dd>
          <dt>Looks for</dt>
          <dd>
            each by {NAMES[configured.by]}, every {coarse(configured.everyMs)}
            {configured.without.length === 0 ? undefined : (
              <span class="told">without {configured.without.map(humane).join(', ')}</span>
            )}
          </dd>
        </>
      )}
    </dl>
  )
}

function LastTurn({
  last: { finishedAt, people, complete, inconclusive, listed },
}: {
  last: NonNullable<Inventory['last']>
}): JSX.Element {
  return (
    <>
      <MaybeAgo at={finishedAt} />: {figure(people)} looked at, {figure(complete)} to the end
      {inconclusive === 0 ? undefined : <b>, {figure(inconclusive)} not</b>}; {countOf(listed, 'grant')} listed
    </>
  )
}

function Looks({ looks: { people, complete, inconclusive, never } }: { looks: NonNullable<Inventory['looks']> }): JSX.Element {
  const words = [
    `${figure(complete)} of ${figure(people)} looked at to the end`,
    inconclusive > 0 ? `${figure(inconclusive)} could not be` : '',
    never > 0 ? `${figure(never)} not looked at yet` : '',
  ].filter(Boolean)
  return <span class={inconclusive + never > 0 ? 'strong' : ''}>{words.join(', ')}</span>
}

interface ControlProps {
  inventory: Inventory
  /** The fault that it is known by. */
  failed: string
  passes: string
  fails: string
  what: string
}

/** Of turns whose controls failed otherwise, or that none has passed, nothing is said. */
function Control({ inventory: { fault, last }, failed, passes, fails, what }: ControlProps): JSX.Element {
  if (fault === failed)
    return (
      <>
        <Badge look="doubt" label={fails} /> <span class="soft">{what}: nothing there is believed</span>
      </>
    )
  const hasPassed = last !== null && ['completed', 'unfinished', 'held', 'paused'].includes(last.outcome)
  if (!hasPassed) return <span class="soft">not judged</span>
  return (
    <>
      <Badge look="plain" icon="check" label={passes} /> <span class="soft">{what}, as it must be</span>
    </>
  )
}
