import { describe, expect, it } from 'vitest'
import { parse, stringify } from 'yaml'
import { ConfigError } from '../../src/config/fault.ts'
import { parseConfig } from '../../src/config/load.ts'
import { checks, FULL } from './checks.ts'

const DAY = 86_400_000

function withRules(rules: unknown): string {
  const file = parse(FULL) as { policy?: object; systems: { name: string }[]; alerts: { name: string }[] }
  return stringify({ ...file, policy: { ...file.policy, rules } })
}

async function faultsOf(rules: unknown): Promise<string[]> {
  const error = await parseConfig(withRules(rules), 'f.yaml', checks).then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  if (error === undefined) return []
  if (!(error instanceof ConfigError)) throw error
  return error.faults.map(({ path, message }) => `${path}: ${message}`)
}

describe('policy.rules', () => {
  it('are taken in their order, deadlines apart', async () => {
    const { systems, alerts } = parse(FULL) as { systems: { name: string }[]; alerts: { name: string }[] }
    const [system, receiver] = [systems[0]?.name ?? '', alerts[0]?.name ?? '']
    const { policy } = await parseConfig(
      withRules([
        { when: { systems: [system], privileges: ['admin'] }, revokeWithin: '15m', atLeast: 'high', tell: [receiver] },
        { when: { identityKinds: ['agent'], credentialKinds: ['api-key'] }, revokeWithin: '1d' },
        { when: { tiers: ['low'] }, cadence: [{ every: '7d' }], provenEvery: '30d', severity: 'low' },
      ]),
      'f.yaml',
      checks,
    )
    expect(policy.revokeWithinMs.rules).toEqual([
      { when: { systems: [system], privileges: ['admin'] }, ms: 900_000 },
      { when: { identityKinds: ['agent'], credentialKinds: ['api-key'] }, ms: DAY },
    ])
    expect(policy.rules).toEqual([
      { when: { systems: [system], privileges: ['admin'] }, severity: { severity: 'high', exactly: false }, tell: [receiver] },
      {
        when: { tiers: ['low'] },
        cadence: [{ everyMs: 7 * DAY }],
        provenEveryMs: 30 * DAY,
        severity: { severity: 'low', exactly: true },
      },
    ])
  })

  it.each<[string, unknown, string[]]>([
    ['about nothing', [{ when: {}, revokeWithin: '1h' }], ['policy.rules[0].when: must name something that the rule is about']],
    [
      'that say nothing',
      [{ when: { tiers: ['low'] } }],
      [expect.stringContaining('policy.rules[0]: must say something') as string],
    ],
    [
      'with an empty list',
      [{ when: { tiers: [] }, revokeWithin: '1h' }],
      ['policy.rules[0].when.tiers: must name at least one, or be left out'],
    ],
    [
      'of unknown systems and receivers',
      [{ when: { systems: ['nowhere'] }, tell: ['nobody'] }],
      [
        expect.stringContaining("policy.rules[0].when.systems[0]: is none of the file's systems") as string,
        expect.stringContaining("policy.rules[0].tell[0]: is none of the file's alerts") as string,
      ],
    ],
    [
      'with both severities',
      [{ when: { tiers: ['low'] }, severity: 'low', atLeast: 'low' }],
      ['policy.rules[0].atLeast: must be left out beside severity'],
    ],
    [
      'with a word that is none',
      [{ when: { tier: 'low' }, revokeWithin: '1h' }],
      [expect.stringContaining('policy.rules[0].when') as string],
    ],
  ])('refuses those %s', async (_name, rules, faults) => {
    const found = await faultsOf(rules)
    for (const fault of faults) expect(found).toContainEqual(fault)
  })
})
