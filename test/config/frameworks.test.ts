import { describe, expect, it } from 'vitest'
import { stringify } from 'yaml'
import { frameworksOf } from '../../src/alerts/frameworks.ts'
import { ConfigError } from '../../src/config/fault.ts'
import { loadFrameworks, parseFrameworks } from '../../src/config/frameworks.ts'
import { FINDING_KINDS } from '../../src/domain/finding.ts'
import { CHECK_OF, CHECKS } from '../../src/domain/framework.ts'

const file = (control: Record<string, unknown>) =>
  stringify({
    version: 1,
    frameworks: {
      iso_27001: { title: 'ISO', controls: { '5.18': { title: 'Access rights', checks: ['revocation'], ...control } } },
    },
  })

describe('the mapping to frameworks', () => {
  it('comes with every framework that was promised, and names each kind of finding', async () => {
    const mapping = await loadFrameworks(undefined)
    expect(mapping?.frameworks.map(({ name }) => name)).toEqual([
      'owasp_nhi',
      'nist_csf',
      'nist_800_53',
      'nist_ai_rmf',
      'soc2',
      'iso_27001',
      'pci_dss',
      'hipaa',
      'cis',
      'dora',
      'nis2',
    ])
    for (const kind of FINDING_KINDS) expect(Object.keys(frameworksOf(kind, mapping)).length, kind).toBeGreaterThan(1)
    expect(frameworksOf('residual_access', mapping)).toMatchObject({
      owasp_nhi: ['NHI1:2025'],
      pci_dss: ['8.2.5'],
      nist_800_53: ['AC-2(3)', 'PS-4', 'IA-5'],
    })
  })

  it('lets each finding speak through a check of its requirement', async () => {
    const mapping = await loadFrameworks(undefined)
    // A finding about what was not judged speaks to a requirement whose replays are its check.
    for (const { name, controls } of mapping?.frameworks ?? [])
      for (const { id, checks, findings } of controls)
        for (const kind of findings)
          expect(
            checks.includes(CHECK_OF[kind]) || (CHECK_OF[kind] === 'coverage' && checks.includes('revocation')),
            `${name} ${id} ${kind}`,
          ).toBe(true)
    expect(Object.keys(CHECKS)).toHaveLength(5)
  })

  it.each<[string, string, RegExp]>([
    [
      'an unknown kind',
      file({ findings: ['residual_acess'] }),
      /:11:\d+ frameworks.iso_27001.controls..*findings\[0\]: .*residual_access/,
    ],
    ['an unknown check', file({ checks: ['replay'] }), /checks\[0\]/],
    ['no check', file({ checks: [] }), /at least one check/],
    ['an unknown key', file({ note: 'x' }), /is not a key here/],
    ['a target that is no identifier', file({ oscal: { controlId: 'AC 2', targetId: 'x' } }), /must be an identifier/],
    ['another version', 'version: 2\nframeworks: {}\n', /version/],
    ['a bad name', 'version: 1\nframeworks: { "Mine!": { title: x, controls: {} } }\n', /lower-case words/],
    ['no YAML', 'a: [', /fault/],
  ])('refuses %s, with its line', (_what, text, message) => {
    expect(() => parseFrameworks(text, 'f.yaml')).toThrow(ConfigError)
    expect(() => parseFrameworks(text, 'f.yaml')).toThrow(message)
  })

  it('says which file cannot be read', async () => {
    await expect(loadFrameworks('/nowhere/f.yaml')).rejects.toMatchObject({
      code: 'CONFIG_UNREADABLE',
      message: expect.stringContaining('/nowhere/f.yaml'),
    })
  })

  it('has what is built in where there is no file', () => {
    expect(frameworksOf('residual_access')).toMatchObject({ owasp_nhi: ['NHI1:2025'] })
  })
})
