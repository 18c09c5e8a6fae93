import { describe, expect, it } from 'vitest'
import { diffConfig } from '../../src/config/diff.ts'
import { parseConfig } from '../../src/config/load.ts'
import { checks, FULL } from './checks.ts'

const NONE = { added: [], removed: [], changed: [] }

async function diff(before: string, after: string) {
  return diffConfig(await parseConfig(before, 'a.yaml', checks), await parseConfig(after, 'b.yaml', checks))
}

describe('diffConfig', () => {
  it('finds nothing between a file and itself', async () => {
    expect(await diff(FULL, FULL)).toEqual({ systems: NONE, sinks: NONE, settings: [], needsRestart: [] })
  })

  it('names systems and sinks that came, went and changed', async () => {
    const before =
      'systems: [{ name: a, probe: github }, { name: b, probe: github }]\nalerts: [{ name: s, sink: stdout, format: json }]'
    const after =
      'systems: [{ name: b, probe: github, tier: low }, { name: c, probe: github }]\nalerts: [{ name: s, sink: stdout, format: ocsf }]'
    expect(await diff(before, after)).toMatchObject({
      systems: { added: ['c'], removed: ['a'], changed: ['b'] },
      sinks: { ...NONE, changed: ['s'] },
    })
  })

  it('counts a changed default as a change of every system that uses it', async () => {
    const systems = 'systems: [{ name: a, probe: github }, { name: b, probe: github, limits: { rate: 1/s } }]'
    expect(await diff(systems, `${systems}\ndefaults: { limits: { rate: 2/s } }`)).toMatchObject({ systems: { changed: ['a'] } })
  })

  it.each([
    ['policy: { provenEvery: 1d }', 'settings', 'policy'],
    ['retention: { observations: 90d }', 'settings', 'retention'],
    ['telemetry: { logLevel: debug }', 'settings', 'telemetry'],
    ['attribution: { contact: me@example.com }', 'settings', 'attribution'],
    ['access: { sessions: { idle: 1h } }', 'settings', 'access'],
    ['access: { serve: false }', 'needsRestart', 'access.serve'],
    ['access: { tls: { cert: a, key: b } }', 'needsRestart', 'access.tls'],
    ['access: { proxy: { trust: [10.0.0.1] } }', 'needsRestart', 'access.proxy'],
    ['database: { url: env:X }', 'needsRestart', 'database'],
    ['listen: 127.0.0.1:1', 'needsRestart', 'listen'],
    ['zones: [dmz]', 'needsRestart', 'zones'],
    ['instance: x', 'needsRestart', 'instance'],
    ['keyRing: /x', 'needsRestart', 'keyRing'],
    ['scan: { workers: 1 }', 'needsRestart', 'scan'],
  ] as const)('%s: %s', async (after, list, name) => {
    expect((await diff('', after))[list]).toEqual([name])
  })
})
