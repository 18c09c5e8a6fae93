import type { JSX } from 'preact'
import type { LedgerStatus } from '../../api/schemas/evidence.ts'
import { Badge } from '../parts/badge.tsx'
import { CoverageCalendar } from '../parts/coverage-calendar.tsx'
import { ExportBundle } from '../parts/export-bundle.tsx'
import { Head } from '../parts/head.tsx'
import { Ago, At } from '../parts/moment.tsx'
import { Panel } from '../parts/panel.tsx'
import { Empty, Shown } from '../parts/states.tsx'
import { Table } from '../parts/table.tsx'
import { EvidenceTabs } from '../parts/tabs.tsx'
import { VerifyBundle } from '../parts/verify-bundle.tsx'
import { useRead } from '../read.ts'
import { may } from '../session.ts'
import { countOf, figure } from '../words.ts'

/** What an auditor is given, and what it covers. */
export function EvidenceView(): JSX.Element {
  const reading = useRead<LedgerStatus>('/v1/ledger', { topics: ['trial', 'operator'], settleMs: 6_000 })
  return (
    <>
      <Head
        title="Evidence"
        lead="Every verdict, control, listing, finding and act is an entry of a signed, append-only log. A bundle of it can be checked by anybody, offline."
      />
      <EvidenceTabs current="log" />
      <div class="stack">
        <div class="grid">
          <Panel title="Export a bundle" note="a ZIP with all that is needed to check it">
            {may('evidence') ? (
              <ExportBundle />
            ) : (
              <p class="said">
                Bundles are exported by auditors, operators and administrators; your role sees what they cover, and may check one.
              </p>
            )}
          </Panel>
          <Panel title="Verify a bundle" note="in this browser, not by the daemon">
            <VerifyBundle />
          </Panel>
        </div>
        <CoverageCalendar />
        <Shown reading={reading} rows={8}>
          {(status) => (
            <div class="grid">
              <Checkpoint status={status} />
              <Anchors anchors={status.anchors} />
            </div>
          )}
        </Shown>
      </div>
    </>
  )
}

function Checkpoint({ status: { size, checkpoint, waiting, keys } }: { status: LedgerStatus }): JSX.Element {
  return (
    <Panel title="Newest checkpoint" note={countOf(size, 'entry', 'entries')}>
      <div class="stack tight">
        {checkpoint === null ? (
          <p class="soft">None yet: the first comes within seconds of the first fact.</p>
        ) : (
          <>
            <dl class="facts">
              <dt>Signed</dt>
              <dd>
                <Ago at={checkpoint.at} />, <At at={checkpoint.at} />
              </dd>
              <dt>Waiting</dt>
              <dd>
                {waiting.entries === 0 ? 'nothing' : countOf(waiting.entries, 'fact')}
                {waiting.oldestAt === null ? undefined : (
                  <>
                    , the oldest from <Ago at={waiting.oldestAt} />
                  </>
                )}
              </dd>
            </dl>
            <pre class="said" tabIndex={0}>
              {checkpoint.note}
            </pre>
          </>
        )}
        <h3>Keys</h3>
        <ul class="stack tight small">
          {keys.map(({ vkey, createdAt, signs }) => (
            <li key={vkey} class="wrap">
              <code>{vkey}</code> <span class="soft">since </span>
              <Ago at={createdAt} /> {signs ? <span class="tag">signs today</span> : undefined}
            </li>
          ))}
        </ul>
      </div>
    </Panel>
  )
}

function Anchors({ anchors }: Pick<LedgerStatus, 'anchors'>): JSX.Element {
  return (
    <Panel title="Anchors" note="who else is told of checkpoints" flush>
      {anchors.length === 0 ? (
        <Empty>
          <p class="strong">Nobody else holds a checkpoint.</p>
          <p>
            Whoever holds one can prove later that the log was not rewritten: a witness, a time stamp, a file elsewhere. They
            stand under <code>ledger.anchors</code>.
          </p>
        </Empty>
      ) : (
        <Table
          label="Anchors"
          rows={anchors}
          rowKey={({ anchor }) => anchor}
          columns={[
            {
              head: 'Anchor',
              cell: ({ anchor, kind }) => (
                <>
                  <b>{anchor}</b>
                  <span class="under">{kind}</span>
                </>
              ),
            },
            {
              head: 'State',
              cell: ({ failing, configured }) =>
                failing !== null ? (
                  <>
                    <Badge look="doubt" label="Failing" />
                    <span class="under">{failing.detail}</span>
                  </>
                ) : configured ? (
                  <Badge look="closed" label="Well" icon="check" />
                ) : (
                  <Badge look="none" label="Not configured" />
                ),
            },
            {
              head: 'Holds',
              cell: ({ last }) =>
                last === null ? (
                  <span class="soft">nothing yet</span>
                ) : (
                  <>
                    {figure(last.size)} entries, <Ago at={last.at} />
                  </>
                ),
            },
          ]}
        />
      )}
    </Panel>
  )
}
