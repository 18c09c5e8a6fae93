import { SEVERITIES } from '../../domain/finding.ts'
import { moment } from '../describe.ts'
import type { Heartbeat } from '../subject.ts'
import type { Fact } from './facts.ts'

/** What a sign of life says, for people. */
export function heartbeatFacts({ at, nextBy, open, coverage, deliveries }: Heartbeat): Fact[] {
  return [
    { label: 'At', value: `${moment(at)}; the next one is due by ${moment(nextBy)}` },
    {
      label: 'Open findings',
      value: [...SEVERITIES]
        .reverse()
        .map((severity) => `${open[severity]} ${severity}`)
        .join(', '),
    },
    {
      label: 'Credentials of leavers',
      value: `${coverage.verified} judged in time, ${coverage.unverified} not judged, ${coverage.overdue} overdue`,
    },
    { label: 'Deliveries', value: `${deliveries.pending} waiting, ${deliveries.dead} dead` },
  ]
}

/** How well it is: the coverage has a hole, or alerts do not arrive. */
export function healthOf({ coverage, deliveries }: Heartbeat): 'well' | 'degraded' | 'failing' {
  if (coverage.overdue > 0 || deliveries.dead > 0) return 'failing'
  return coverage.unverified > 0 ? 'degraded' : 'well'
}
