import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import type { Exemption } from '../../api/schemas/exemption.ts'
import { textOf } from '../act.ts'
import { send } from '../api.ts'
import { filters } from '../navigate.ts'
import { Badge } from '../parts/badge.tsx'
import { Ask } from '../parts/dialog.tsx'
import { coveredBy } from '../parts/exemption-line.tsx'
import { Field, FilterSelect, FilterText } from '../parts/field.tsx'
import { AskGrant } from '../parts/grant-exemption.tsx'
import { Head } from '../parts/head.tsx'
import { Ago, At } from '../parts/moment.tsx'
import { List } from '../parts/table.tsx'
import { FindingTabs } from '../parts/tabs.tsx'
import { say } from '../parts/toast.tsx'
import { hrefOf } from '../place.ts'
import { useList } from '../read.ts'
import { may } from '../session.ts'
import { figure, KIND_LABELS } from '../words.ts'

const STATES: Record<Exemption['state'], string> = {
  coming: 'Coming',
  in_force: 'In force',
  ended: 'Ended',
  revoked: 'Taken back',
}

/** What is accepted for a while, by whom, why and until when. */
export function ExemptionsView(): JSX.Element {
  const list = useList<Exemption>('/v1/exemptions', { query: filters(), topics: ['operator', 'finding'] })
  const [revoking, setRevoking] = useState<Exemption>()
  const [granting, setGranting] = useState(false)
  const isFiltered = Object.values(filters()).some((value) => value !== '')
  return (
    <>
      <Head
        title="Exemptions"
        lead="What is accepted for a while. It is tried and recorded all the same, and stands in every report."
      >
        {may('operate') ? (
          <button type="button" class="button first" onClick={() => setGranting(true)}>
            New exemption
          </button>
        ) : undefined}
      </Head>
      <FindingTabs current="exemptions" />
      <section class="panel" aria-label="Exemptions">
        <search class="filters">
          <FilterSelect name="state" label="State" choices={STATES} />
          <FilterSelect name="kind" label="Kind" choices={KIND_LABELS} />
          <FilterText name="identity" label="Identity" hint="External id, exactly" />
          <FilterText name="system" label="System" hint="Name, exactly" />
          <FilterText name="owner" label="Answers for it" hint="Exactly" />
        </search>
        <List
          label="Exemptions"
          list={list}
          rowKey={({ id }) => id}
          columns={[
            {
              head: 'Covers',
              cell: (exemption) => (
                <>
                  <span class="strong">{coveredBy(exemption)}</span>
                  <span class="under">{exemption.reason}</span>
                </>
              ),
            },
            {
              head: 'State',
              cell: ({ state }) => <Badge look="plain" label={STATES[state]} icon={state === 'in_force' ? 'mute' : 'dash'} />,
            },
            { head: 'Answers for it', cell: ({ owner }) => <span class="wrap">{owner}</span> },
            {
              head: 'Ends',
              cell: ({ state, startsAt, endsAt, revokedAt }) => (
                <>
                  <At at={revokedAt ?? endsAt} />
                  {state !== 'coming' ? undefined : (
                    <span class="under">
                      begins <At at={startsAt} />
                    </span>
                  )}
                </>
              ),
            },
            {
              head: 'Granted',
              cell: ({ createdAt, createdBy }) => (
                <>
                  <Ago at={createdAt} />
                  <span class="under">by {createdBy}</span>
                </>
              ),
            },
            { head: 'Silences', number: true, cell: ({ silenced }) => figure(silenced) },
            {
              head: '',
              isVoid: ({ state }) => !may('operate') || state === 'ended' || state === 'revoked',
              cell: (exemption) =>
                may('operate') && (exemption.state === 'in_force' || exemption.state === 'coming') ? (
                  <button type="button" class="button" onClick={() => setRevoking(exemption)}>
                    Take back
                  </button>
                ) : undefined,
            },
          ]}
          empty={
            <>
              <p class="strong">{isFiltered ? 'Nothing fits.' : 'Nothing is exempted.'}</p>
              <p>
                To accept a finding for a while, open it among the <a href={hrefOf('findings')}>findings</a> and choose Exempt;
                what has not been found yet can be exempted here.
              </p>
            </>
          }
        />
      </section>
      {granting ? <AskGrant onClose={() => setGranting(false)} onDone={list.reload} /> : undefined}
      {revoking === undefined ? undefined : (
        <Ask
          title="Take the exemption back"
          what={<p>{coveredBy(revoking)}. Findings that it silences speak again at once.</p>}
          action="Take back"
          onClose={() => setRevoking(undefined)}
          submit={async (form) => {
            await send('POST', `/v1/exemptions/${revoking.id}/revoke`, { body: { reason: textOf(form, 'reason') ?? '' } })
            say('The exemption is taken back.')
            list.reload()
          }}
        >
          <Field label="Why, for the record">
            <textarea name="reason" required maxLength={1_000} />
          </Field>
        </Ask>
      )}
    </>
  )
}
