import type { JSX } from 'preact'
import type { ConfigurationAnswer, DoctorAnswer, DoctorCheck } from '../../api/schemas/setup.ts'
import { Badge } from '../parts/badge.tsx'
import type { IconName } from '../parts/icon.tsx'
import { Panel } from '../parts/panel.tsx'
import { Shown } from '../parts/states.tsx'
import { Table } from '../parts/table.tsx'
import { useRead } from '../read.ts'
import type { Look } from '../words.ts'

const LEVELS: Record<DoctorCheck['level'], { look: Look; label: string; icon: IconName }> = {
  ok: { look: 'closed', label: 'Well', icon: 'check' },
  warn: { look: 'doubt', label: 'Look', icon: 'question' },
  fail: { look: 'open', label: 'Broken', icon: 'close' },
}

/** What `revenant doctor` says, here. */
export function Doctor(): JSX.Element {
  const reading = useRead<DoctorAnswer>('/v1/setup/doctor')
  return (
    <Panel
      title="Doctor"
      note={
        <>
          what <code>revenant doctor</code> says on the machine
        </>
      }
      flush
    >
      <Shown reading={reading} rows={10}>
        {({ checks }) => (
          <>
            <Table
              label="Checks"
              rows={checks.toSorted((a, b) => rank(a) - rank(b))}
              rowKey={({ name }) => name}
              columns={[
                { head: 'Checked', cell: ({ name }) => <b>{name}</b> },
                { head: 'State', cell: ({ level }) => <Badge {...LEVELS[level]} /> },
                {
                  head: 'Found',
                  cell: ({ detail, mend }) => (
                    <>
                      {detail}
                      {mend === undefined ? undefined : <span class="under">{mend}</span>}
                    </>
                  ),
                },
              ]}
            />
            <div class="row body edge more">
              <span class="soft small">{checks.length} checks</span>
              <button type="button" class="button" onClick={reading.reload}>
                Check again
              </button>
            </div>
          </>
        )}
      </Shown>
    </Panel>
  )
}

function rank({ level }: DoctorCheck): number {
  return ['fail', 'warn', 'ok'].indexOf(level)
}

/** The configuration in force. Secrets are references, and references are cut to their scheme. */
export function Configuration(): JSX.Element {
  const reading = useRead<ConfigurationAnswer>('/v1/setup/configuration')
  return (
    <Shown reading={reading} rows={10}>
      {({ settings, systems, alerts }) => (
        <div class="stack">
          <Panel title="Settings" note="with all defaults; durations are milliseconds">
            {Object.entries(settings).map(([name, section]) => (
              <Section key={name} name={name} value={section} />
            ))}
          </Panel>
          <Panel title="Systems">
            {systems.map((system) => (
              <Section key={String(system.name)} name={String(system.name)} value={system} />
            ))}
            {systems.length === 0 ? <p class="soft">None.</p> : undefined}
          </Panel>
          <Panel title="Receivers">
            {alerts.map((alert) => (
              <Section key={String(alert.name)} name={String(alert.name)} value={alert} />
            ))}
            {alerts.length === 0 ? <p class="soft">None.</p> : undefined}
          </Panel>
        </div>
      )}
    </Shown>
  )
}

function Section({ name, value }: { name: string; value: unknown }): JSX.Element {
  return (
    <details>
      <summary>{name}</summary>
      <pre class="said" tabIndex={0}>
        {JSON.stringify(value, undefined, 2)}
      </pre>
    </details>
  )
}
