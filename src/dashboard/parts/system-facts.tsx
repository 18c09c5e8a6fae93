import type { JSX } from 'preact'
import type { SystemDetail } from '../../api/schemas/system.ts'
import { coarse } from '../time.ts'
import { ASSURANCE_LABELS, CONTROL_LABELS, countOf, figure, humane } from '../words.ts'
import { ControlBadge } from './badge.tsx'
import { Ago, At, MaybeAgo } from './moment.tsx'
import { Panel } from './panel.tsx'
import { PartsBar } from './parts-bar.tsx'
import { Credentials } from './stands.tsx'

export function Controls({ system: { controls, canary } }: { system: SystemDetail }): JSX.Element {
  return (
    <Panel title="Controls" note={controls === null ? undefined : ASSURANCE_LABELS[controls.assurance]}>
      {controls === null ? (
        <p class="soft">None since its configuration changed: the next trial asks them first.</p>
      ) : (
        <dl class="facts">
          {controls.answers.map(({ control, verdict, reason }) => (
            <>
              <dt key={control}>{CONTROL_LABELS[control]}</dt>
              <dd>
                <ControlBadge control={control} verdict={verdict} /> {humane(reason)}
              </dd>
            </>
          ))}
          <dt>Asked</dt>
          <dd>
            <Ago at={controls.at} />, they serve until <At at={controls.validUntil} />
          </dd>
        </dl>
      )}
      {canary === 'missing' ? (
        <p class="said">
          No canary: a refusal here is explicit, not controlled. A live credential in <code>controls.canary</code> of the
          configuration makes it so.
        </p>
      ) : undefined}
    </Panel>
  )
}

export function Limits({
  system: { limits, lockoutBudget: budget, breakerFailures, schedule },
}: {
  system: SystemDetail
}): JSX.Element {
  return (
    <Panel title="Limits and what is used of them">
      {limits === null ? (
        <p class="soft">The configuration does not name it: it is not tried.</p>
      ) : (
        <dl class="facts">
          <dt>Rate</dt>
          <dd>
            {figure(limits.rate.count)} in {coarse(limits.rate.perMs)}, {limits.concurrency} at a time
          </dd>
          <dt>Wrong tries</dt>
          <dd>
            {figure(limits.failuresPerPrincipal.count)} of one account in {coarse(limits.failuresPerPrincipal.perMs)}
          </dd>
          {budget === null ? undefined : (
            <>
              <dt>Lockout budget</dt>
              <dd>
                <PartsBar
                  thin
                  parts={[
                    { label: 'spent', count: budget.mostSpent, ground: budget.mostSpent >= budget.limit ? 'open' : 'closed' },
                    { label: 'left', count: Math.max(0, budget.limit - budget.mostSpent), ground: 'quiet' },
                  ]}
                />
                {figure(budget.mostSpent)} of {figure(budget.limit)} at most, {countOf(budget.accounts, 'account')}
                <span class="under small soft"> realm {budget.realm}</span>
              </dd>
              <dt>Locked, used up</dt>
              <dd class={budget.locked + budget.exhausted > 0 ? 'strong' : ''}>
                {figure(budget.locked)} locked, {figure(budget.exhausted)} used up
                {budget.nextFreeAt === null ? undefined : (
                  <>
                    , free again <Ago at={budget.nextFreeAt} />
                  </>
                )}
              </dd>
            </>
          )}
          <dt>Answer within</dt>
          <dd>{coarse(limits.timeoutMs)}</dd>
          <dt>Breaker</dt>
          <dd>{breakerFailures === 0 ? 'no failure in a row' : `${countOf(breakerFailures, 'failed trial')} in a row`}</dd>
          <dt>Schedule</dt>
          <dd>
            {schedule === null ? (
              'whenever something is due'
            ) : (
              <>
                <code>{schedule.expression}</code> <MaybeAgo at={schedule.nextAt} otherwise="" />
              </>
            )}
          </dd>
        </dl>
      )}
    </Panel>
  )
}

export function About({ system }: { system: SystemDetail }): JSX.Element {
  return (
    <Panel title="About">
      <dl class="facts">
        <dt>Credentials</dt>
        <dd>
          <Credentials counts={system.credentials} />
        </dd>
        <dt>Next</dt>
        <dd>
          {system.dueNow > 0 ? (
            <b>{figure(system.dueNow)} due now</b>
          ) : (
            <MaybeAgo at={system.nextDueAt} otherwise="nothing due" />
          )}
        </dd>
        <dt>Owner</dt>
        <dd>{system.owner ?? '–'}</dd>
        <dt>Runbook</dt>
        <dd>
          {system.runbook === null ? (
            '–'
          ) : (
            <a href={system.runbook} rel="noopener noreferrer" target="_blank">
              {new URL(system.runbook).host}
            </a>
          )}
        </dd>
        <dt>Zone</dt>
        <dd>{system.zone}</dd>
        <dt>Secrets open for</dt>
        <dd class="mono">{system.boundOrigin}</dd>
        <dt>May change</dt>
        <dd>{system.allowEffects.length === 0 ? 'nothing' : system.allowEffects.join(', ')}</dd>
        {system.pinnedPeer === null ? undefined : (
          <>
            <dt>Host key</dt>
            <dd class="mono">{system.pinnedPeer}</dd>
          </>
        )}
        <dt>Known since</dt>
        <dd>
          <At at={system.createdAt} />
        </dd>
      </dl>
    </Panel>
  )
}
