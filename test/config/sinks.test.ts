import { describe, expect, it } from 'vitest'
import { ConfigError } from '../../src/config/fault.ts'
import { parseConfig } from '../../src/config/load.ts'
import { CONFIG_CHECKS } from '../../src/daemon/checks.ts'

const hook = (keys: string, format = 'json') =>
  `alerts:\n  - name: a\n    sink: webhook\n    format: ${format}\n    to: "https://hooks.example.com/x"\n    ${keys}\n`

async function faultsOf(text: string): Promise<string[]> {
  const error: unknown = await parseConfig(text, 'f.yaml', CONFIG_CHECKS).then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  if (!(error instanceof ConfigError)) throw error ?? new Error('the file is good')
  return error.faults.map(({ path, message }) => `${path}: ${message}`)
}

describe('who is told, and when', () => {
  it('keeps what the file says', async () => {
    const text = hook(`events: [opened, resolved]
    tiers: [critical]
    owners: [dba@example.com]
    identityKinds: [service, agent]
    after: 4h
    quietHours: { zone: Europe/Berlin, from: "22:00", to: "07:00", days: [fri, sat], except: high }
    group: { by: owner, wait: 2m }
    storm: 20/10m
    heartbeat: 15m`)
    const { alerts } = await parseConfig(text, 'f.yaml', CONFIG_CHECKS)
    expect(alerts).toEqual([
      {
        name: 'a',
        sink: 'webhook',
        format: 'json',
        to: 'https://hooks.example.com/x',
        minSeverity: 'low',
        events: ['opened', 'resolved'],
        tiers: ['critical'],
        owners: ['dba@example.com'],
        identityKinds: ['service', 'agent'],
        afterMs: 4 * 3_600_000,
        quietHours: { zone: 'Europe/Berlin', from: '22:00', to: '07:00', days: ['fri', 'sat'], except: 'high' },
        group: { by: 'owner', waitMs: 120_000 },
        storm: { count: 20, perMs: 600_000 },
        heartbeatMs: 900_000,
        options: {},
      },
    ])
  })

  it('fills in what a block leaves out', async () => {
    const { alerts } = await parseConfig(
      hook('group: {}\n    quietHours: { zone: UTC, from: "20:00", to: "06:00" }'),
      'f.yaml',
      CONFIG_CHECKS,
    )
    expect(alerts[0]).toMatchObject({ group: { by: 'identity', waitMs: 30_000 }, quietHours: { except: 'critical' } })
  })

  const CANNOT = 'cannot hold many alerts in one message; json, ocsf, slack, teams, mail, text can'
  it.each<[string, string, string | RegExp]>([
    ['a zone that is none', hook('quietHours: { zone: Mars/Base, from: "22:00", to: "07:00" }'), /quietHours\.zone: .*time zone/],
    [
      'a clock that is none',
      hook('quietHours: { zone: UTC, from: "24:00", to: "07:00" }'),
      'alerts[0].quietHours.from: must be a time of day such as 07:30',
    ],
    [
      'a clock in another style',
      hook('quietHours: { zone: UTC, from: "22:00", to: 7am }'),
      'alerts[0].quietHours.to: must be a time of day such as 07:30',
    ],
    [
      'a day that is none',
      hook('quietHours: { zone: UTC, from: "22:00", to: "07:00", days: [monday] }'),
      /quietHours\.days\[0\]: is not one of the values/,
    ],
    ['hours that never end', hook('quietHours: { zone: UTC, from: "08:00", to: "08:00" }'), /quietHours: would never end/],
    [
      'a key that is none',
      hook('quietHours: { zone: UTC, from: "22:00", until: "07:00" }'),
      /quietHours\.until: is not a key here/,
    ],
    ['no event at all', hook('events: []'), 'alerts[0].events: must name at least one, or be left out for all'],
    ['an event that is none', hook('events: [closed]'), /events\[0\]: is not one of the values/],
    ['no owner at all', hook('owners: []'), 'alerts[0].owners: must name at least one owner, or be left out for all'],
    ['an age of no time', hook('after: 10s'), 'alerts[0].after: must be between 1m and 365d'],
    ['a group by what is none', hook('group: { by: team }'), /group\.by: is not one of the values/],
    ['a group that waits too long', hook('group: { wait: 2h }'), 'alerts[0].group.wait: must be between 1s and 1h'],
    ['a group in a format of single events', hook('group: { by: identity }', 'ecs'), `alerts[0].group: the format ecs ${CANNOT}`],
    ['a storm in a format of single events', hook('storm: 5/1m', 'cef'), `alerts[0].storm: the format cef ${CANNOT}`],
    ['a storm that is no rate', hook('storm: many'), 'alerts[0].storm: must be a rate such as 10/s, 600/m or 3/24h'],
    ['a sign of life too often', hook('heartbeat: 10s'), 'alerts[0].heartbeat: must be between 1m and 7d'],
    [
      'a storm at pagerduty',
      'alerts: [{ name: a, sink: pagerduty, secret: "env:PD", storm: 5/1m }]',
      'alerts[0].storm: the sink pagerduty opens and closes one thing for each finding and cannot hold many alerts in one',
    ],
    [
      'a sign of life at slack',
      'alerts: [{ name: a, sink: slack, to: "env:SLACK", heartbeat: 1h }]',
      'alerts[0].heartbeat: the sink slack with format slack has no sign of life',
    ],
  ])('refuses %s', async (_name, text, expected) => {
    const faults = await faultsOf(text)
    expect(faults).toHaveLength(_name === 'a key that is none' ? faults.length : 1)
    if (typeof expected === 'string') expect(faults).toEqual([expected])
    else expect(faults.join('\n')).toMatch(expected)
  })
})
