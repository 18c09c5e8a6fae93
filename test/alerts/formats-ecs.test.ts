import { existsSync, readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { FORMATS, render } from '../../src/alerts/formats/format.ts'
import type { Alert } from '../../src/domain/alert.ts'
import { FINDING_EVENTS, FINDING_KINDS } from '../../src/domain/finding.ts'
import { ALERT, anyAlert, FULL_CONTEXT, HEARTBEAT, HOSTILE, hostileAlert, ORPHAN } from './sample.ts'

/** The fields of Elastic Common Schema 9.4.0, generated from its `ecs_flat.yml`. */
const FIELDS = new URL('../../../shared/standards/ecs-9.4.0-fields.json', import.meta.url)

interface Field {
  type: string
  array?: boolean
  allowed?: string[]
}

describe.skipIf(!existsSync(FIELDS))(`ecs (needs ${FIELDS.pathname.split('/').slice(-2).join('/')})`, () => {
  const fields: Record<string, Field> = existsSync(FIELDS) ? JSON.parse(readFileSync(FIELDS, 'utf8')).fields : {}
  const rendered = (alert: Alert = ALERT) => JSON.parse(FORMATS.ecs(alert, FULL_CONTEXT).body)

  it('uses only fields of ECS, in their types, and `revenant` for the rest', () => {
    fc.assert(
      fc.property(anyAlert, (alert) => {
        expect(faults(fields, rendered(alert))).toEqual([])
      }),
      { numRuns: 200 },
    )
    for (const kind of FINDING_KINDS)
      for (const event of FINDING_EVENTS)
        for (const alert of [ALERT, ORPHAN])
          expect(faults(fields, rendered({ ...alert, event, finding: { ...alert.finding, kind } })), `${kind} ${event}`).toEqual(
            [],
          )
    for (const value of HOSTILE) expect(faults(fields, rendered(hostileAlert(value)))).toEqual([])
    const beat = JSON.parse(render('ecs', { type: 'heartbeat', heartbeat: HEARTBEAT }, FULL_CONTEXT).body)
    expect(faults(fields, beat)).toEqual([])
    expect(beat).toMatchObject({ event: { kind: 'metric', action: 'heartbeat' }, revenant: { open: HEARTBEAT.open } })
  })

  it('notices a field that is not there, a wrong type, a value outside its list, a list where one is due', () => {
    const document = rendered()
    expect(faults(fields, { ...document, leaver: 'x' })).toEqual(['leaver is no field'])
    expect(faults(fields, { ...document, event: { ...document.event, severity: 'high' } })).toEqual(['event.severity is no long'])
    expect(faults(fields, { ...document, event: { ...document.event, kind: 'alarm' } })).toEqual([
      'event.kind: alarm is not allowed',
    ])
    expect(faults(fields, { ...document, tags: 'x' })).toEqual(['tags is no list'])
    expect(faults(fields, { ...document, message: ['x'] })).toEqual(['message is a list'])
  })

  it('is an alert while it is open and an event when it is over, so that rules for alerts raise none for it', () => {
    const kinds = FINDING_EVENTS.map((event) => [event, rendered({ ...ALERT, event }).event.kind])
    expect(kinds).toEqual(FINDING_EVENTS.map((event) => [event, event === 'resolved' ? 'event' : 'alert']))
  })

  it('puts the person, the account, the system and the answer where the mapping says', () => {
    expect(rendered()).toMatchObject({
      '@timestamp': ALERT.at,
      ecs: { version: '9.4.0' },
      message: ALERT.title,
      event: {
        kind: 'alert',
        category: ['iam'],
        action: 'finding-opened',
        code: 'residual_access',
        outcome: 'success',
        id: ALERT.id,
        severity: 99,
        sequence: 1,
        url: `https://revenant.example.com/findings/${ALERT.finding.id}`,
      },
      user: { id: 'E10442', full_name: 'Jane Doe', email: 'jdoe@example.com', name: 'jdoe' },
      service: { name: 'revenant', target: { name: 'payroll-db', type: 'postgres', address: 'postgres://db.internal:5432' } },
      destination: { address: 'db.internal', domain: 'db.internal', port: 5432 },
      rule: { id: 'revenant.residual_access', name: 'Residual access', ruleset: 'revenant' },
      threat: { framework: 'MITRE ATT&CK', technique: { id: ['T1078'], name: ['Valid Accounts'] } },
      trace: { id: ALERT.traceId },
      related: { user: ['E10442', 'Jane Doe', 'jdoe@example.com', 'jdoe'], hosts: ['db.internal'] },
      revenant: {
        dedup_key: ALERT.dedupKey,
        credential: { fingerprint: 'hmac:5b2c0e6a91d3' },
        frameworks: ['owasp_nhi:NHI1:2025', 'nist_800_53:AC-2(3)', 'nist_800_53:PS-4'],
      },
    })
    expect(rendered(ORPHAN).service.target).toBeUndefined()
    expect(rendered({ ...ALERT, finding: { ...ALERT.finding, kind: 'open_system' } }).threat).toBeUndefined()
  })

  it('calls an HTTP status so only where HTTP is spoken', () => {
    const status = (origin: string) =>
      rendered({
        ...ALERT,
        system: { ...ALERT.system, origin },
        ...(ALERT.evidence === undefined ? {} : { evidence: { ...ALERT.evidence, wire: { status: 200 } } }),
      }).http
    expect(status('https://api.github.com')).toEqual({ response: { status_code: 200 } })
    expect(status('postgres://db:1')).toBeUndefined()
  })

  it('gives no field a name that somebody else chose: each would become a field of the index', () => {
    const names = (value: unknown): string[] =>
      typeof value === 'object' && value !== null && !Array.isArray(value)
        ? Object.entries(value).flatMap(([name, child]) => [name, ...names(child)])
        : []
    const ordinary = new Set(names(rendered(hostileAlert('x'))))
    for (const value of HOSTILE) for (const name of names(rendered(hostileAlert(value)))) expect(ordinary).toContain(name)
  })
})

function faults(fields: Record<string, Field>, document: unknown, path = ''): string[] {
  if (typeof document !== 'object' || document === null) return [`${path} is no object`]
  return Object.entries(document).flatMap(([name, value]) => {
    const here = path === '' ? name : `${path}.${name}`
    if (here === 'revenant') return []
    const field = fields[here]
    if (field === undefined || field.type === 'object')
      return typeof value === 'object' && value !== null && !Array.isArray(value)
        ? faults(fields, value, here)
        : [`${here} is no field`]
    return leafFaults(field, here, value)
  })
}

function leafFaults(field: Field, path: string, value: unknown): string[] {
  if (Array.isArray(value) && field.array !== true) return [`${path} is a list`]
  if (!Array.isArray(value) && field.array === true) return [`${path} is no list`]
  return (Array.isArray(value) ? value : [value]).flatMap((one: unknown) => [
    ...(isOf(field.type, one) ? [] : [`${path} is no ${field.type}`]),
    ...(field.allowed === undefined || field.allowed.includes(String(one)) ? [] : [`${path}: ${one} is not allowed`]),
  ])
}

function isOf(type: string, value: unknown): boolean {
  if (type === 'long') return Number.isInteger(value)
  if (type === 'date') return typeof value === 'string' && !Number.isNaN(Date.parse(value))
  if (type === 'ip') return typeof value === 'string' && /^[0-9a-f:.]+$/i.test(value)
  return typeof value === 'string'
}
