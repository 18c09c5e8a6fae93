import { existsSync, readFileSync } from 'node:fs'
import { Ajv2020 } from 'ajv/dist/2020.js'
import addFormats from 'ajv-formats'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { alertDocument, alertSchema } from '../../src/alerts/formats/document.ts'
import { FORMAT_NAMES, FORMATS } from '../../src/alerts/formats/format.ts'
import type { Alert } from '../../src/domain/alert.ts'
import { FINDING_EVENTS, FINDING_KINDS, SEVERITIES } from '../../src/domain/finding.ts'
import { ALERT, anyAlert, CONTEXT, ORPHAN } from './sample.ts'

const OCSF_SCHEMA = new URL('../../../shared/standards/ocsf-1.8.0-detection_finding.schema.json', import.meta.url)
const PUBLISHED = new URL('../../docs/alert.schema.json', import.meta.url)

function validator(schema: object) {
  const ajv = new Ajv2020({ strict: false, allErrors: true })
  addFormats.default(ajv)
  const validate = ajv.compile(schema)
  return (value: unknown) => (validate(value) ? [] : (validate.errors ?? []).map((e) => `${e.instancePath} ${e.message}`))
}

describe('all formats', () => {
  it.each(FORMAT_NAMES)('%s stays within the size asked for and is the same each time', (name) => {
    fc.assert(
      fc.property(anyAlert, fc.constantFrom(8_192, 20_000), (alert, maxBytes) => {
        const { body } = FORMATS[name](alert, { ...CONTEXT, maxBytes })
        expect(Buffer.byteLength(body)).toBeLessThanOrEqual(maxBytes)
        expect(FORMATS[name](alert, { ...CONTEXT, maxBytes }).body).toBe(body)
      }),
      { numRuns: 200 },
    )
  })

  it.each(['json', 'ocsf'] as const)('%s is one line of JSON', (name) => {
    fc.assert(
      fc.property(anyAlert, (alert) => {
        const { body } = FORMATS[name](alert, CONTEXT)
        expect(body).not.toMatch(/[\r\n]/)
        JSON.parse(body)
      }),
      { numRuns: 200 },
    )
  })
})

describe('json', () => {
  it('leaves an ordinary alert whole, in the shape of Standard Webhooks', () => {
    const { contentType, body } = FORMATS.json(ALERT, CONTEXT)
    expect(contentType).toBe('application/json')
    expect(JSON.parse(body)).toEqual({
      type: 'revenant.finding.opened',
      timestamp: ALERT.at,
      version: 1,
      source: { product: 'Revenant', version: '0.1.0', instance: 'replica-1', host: 'watch.example.com' },
      data: ALERT,
    })
  })

  it('fits its published schema, and has no field that is not described', () => {
    const faults = validator(JSON.parse(readFileSync(PUBLISHED, 'utf8')))
    fc.assert(
      fc.property(anyAlert, (alert) => {
        const document: unknown = JSON.parse(FORMATS.json(alert, CONTEXT).body)
        expect(faults(document)).toEqual([])
        alertDocument.parse(document)
      }),
      { numRuns: 300 },
    )
  })

  it('has a published schema that is current (node scripts/alert-schema.ts writes it)', () => {
    expect(JSON.parse(readFileSync(PUBLISHED, 'utf8'))).toEqual(JSON.parse(JSON.stringify(alertSchema())))
  })

  it('has a schema that refuses other documents', () => {
    const faults = validator(alertSchema())
    const document = JSON.parse(FORMATS.json(ALERT, CONTEXT).body)
    expect(faults({ ...document, version: 2 })).not.toEqual([])
    expect(faults({ ...document, data: { ...document.data, dedupKey: undefined } })).not.toEqual([])
    expect(faults({ ...document, newField: 1 }), 'new fields are allowed within a version').toEqual([])
  })

  it('cuts texts and lists of a monstrous alert, says so, and keeps every identifier', () => {
    const monster = {
      ...ALERT,
      summary: '😀'.repeat(20_000),
      remediation: Array.from({ length: 500 }, () => 'step '.repeat(100)),
      system: { ...ALERT.system, name: 'n'.repeat(30_000) },
    }
    const document = JSON.parse(FORMATS.json(monster, CONTEXT).body)
    expect(document.truncated).toBe(true)
    expect(document.data).toMatchObject({
      id: ALERT.id,
      dedupKey: ALERT.dedupKey,
      finding: ALERT.finding,
      traceId: ALERT.traceId,
    })
    expect(document.data.summary.isWellFormed()).toBe(true)
    expect(document.data.summary).toMatch(/^😀+…$/u)
    expect(document.data.remediation.length).toBeGreaterThan(0)
  })
})

describe.skipIf(!existsSync(OCSF_SCHEMA))(`ocsf (needs ${OCSF_SCHEMA.pathname.split('/').slice(-2).join('/')})`, () => {
  const faults = existsSync(OCSF_SCHEMA) ? validator(JSON.parse(readFileSync(OCSF_SCHEMA, 'utf8'))) : () => ['no schema']
  const render = (alert: Alert) => JSON.parse(FORMATS.ocsf(alert, CONTEXT).body)

  it('is a valid Detection Finding for every alert that the types allow', () => {
    fc.assert(
      fc.property(anyAlert, (alert) => {
        expect(faults(render(alert))).toEqual([])
      }),
      { numRuns: 500 },
    )
  })

  it('is one for every kind, event and severity, with everything and with nothing optional', () => {
    const { identity: _i, credential: _c, evidence: _e, deadline: _d, traceId: _t, ...bare } = ALERT
    for (const kind of FINDING_KINDS)
      for (const event of FINDING_EVENTS)
        for (const severity of SEVERITIES)
          for (const alert of [ALERT, bare, ORPHAN]) {
            const finding = {
              ...alert.finding,
              kind,
              severity,
              state: event === 'resolved' ? ('resolved' as const) : ('open' as const),
            }
            expect(faults(render({ ...alert, event, finding })), `${kind} ${event} ${severity}`).toEqual([])
          }
  })

  it('notices a wrong document', () => {
    expect(faults({ ...render(ALERT), type_uid: 200402 })).not.toEqual([])
    expect(faults({ ...render(ALERT), user: {} })).not.toEqual([])
  })

  it.each([
    ['opened', 1, 200401, true],
    ['escalated', 2, 200402, true],
    ['reminded', 2, 200402, true],
    ['reopened', 2, 200402, true],
    ['resolved', 3, 200403, false],
  ] as const)('says %s as activity %i', (event, activity_id, type_uid, is_alert) => {
    expect(render({ ...ALERT, event })).toMatchObject({ activity_id, type_uid, is_alert })
  })

  it.each([
    ['info', 1],
    ['low', 2],
    ['medium', 3],
    ['high', 4],
    ['critical', 5],
  ] as const)('says %s as severity %i', (severity, severity_id) => {
    expect(render({ ...ALERT, finding: { ...ALERT.finding, severity } }).severity_id).toBe(severity_id)
  })

  it('puts the person, the credential and the target where the mapping says', () => {
    const document = render(ALERT)
    expect(document.finding_info.uid).toBe(ALERT.dedupKey)
    expect(document.metadata).toMatchObject({ version: '1.8.0', uid: ALERT.id, correlation_uid: ALERT.finding.id })
    expect(document.evidences[0].user).toMatchObject({
      uid: 'E10442',
      email_addr: 'jdoe@example.com',
      ldap_person: { employee_uid: 'E10442', leave_time: Date.parse('2026-11-19T06:00:00Z') },
      programmatic_credentials: [
        { uid: 'hmac:5b2c0e6a91d3', type: 'password', last_used_time: Date.parse('2026-11-22T06:17:42Z') },
      ],
    })
    expect(document.resources[0]).toMatchObject({ name: 'payroll-db', role_id: 1, role: 'Target', hostname: 'db.internal' })
    expect(document.observables.map((o: { type_id: number; value: string }) => [o.type_id, o.value])).toEqual([
      [31, 'E10442'],
      [4, 'Jane Doe'],
      [5, 'jdoe@example.com'],
      [19, ALERT.credential?.id],
      [34, 'jdoe'],
      [10, ALERT.system.id],
      [1, 'db.internal'],
    ])
    expect(document.unmapped.revenant).toMatchObject({ kind: 'residual_access', verdict: 'accepted', trace_id: ALERT.traceId })
  })

  it('names the identity where no system is concerned, and no probe', () => {
    const document = render(ORPHAN)
    expect(document.resources).toEqual([
      {
        name: 'svc-deploy',
        uid: 'S-7',
        uid_alt: ORPHAN.identity?.id,
        type: 'service',
        role_id: 3,
        role: 'Affected',
        owner: { uid: 'E10442' },
      },
    ])
    expect(document.metadata.product.feature).toBeUndefined()
    expect(document.finding_info.data_sources).toBeUndefined()
    expect(document.evidences).toEqual([
      { name: 'identity', user: { uid: 'S-7', uid_alt: ORPHAN.identity?.id, name: 'svc-deploy', type_id: 4, type: 'Service' } },
    ])
    const { identity: _i, ...nobody } = ORPHAN
    expect(render(nobody).resources).toBeUndefined()
    expect(faults(render(nobody))).toEqual([])
  })

  it('refers to the runbook', () => {
    const runbook = 'https://wiki.example.com/payroll-access'
    const document = render({ ...ALERT, system: { ...ALERT.system, runbook } })
    expect(document.remediation.references).toEqual([runbook])
    expect(faults(document)).toEqual([])
    expect(render(ALERT).remediation.references).toBeUndefined()
  })

  it('fits an ordinary alert into a syslog message of 8 KiB uncut', () => {
    const { body } = FORMATS.ocsf(ALERT, { ...CONTEXT, maxBytes: 7_168 })
    expect(JSON.parse(body).metadata.is_truncated).toBeUndefined()
  })
})

describe('text', () => {
  it('shows an alert in a few lines', () => {
    expect(FORMATS.text(ALERT, CONTEXT).body).toMatchInlineSnapshot(`
      "CRITICAL Residual access: Jane Doe still gets into payroll-db
        Jane Doe left on 2026-11-19 06:00 UTC. payroll-db still accepts her login.
        system     payroll-db, postgres, postgres://db.internal:5432, critical tier, owner dba@example.com
        identity   Jane Doe, E10442, jdoe@example.com, human, left 2026-11-19T06:00:00Z
        credential payroll login, password, jdoe, admin, hmac:5b2c0e6a91d3
        answer     accepted (authenticated), as jdoe, strong, controlled, confirmed, sqlstate=00000, stranger: rejected (invalid_credentials), canary: accepted (authenticated)
        do         1. Take LOGIN from the role.
                   2. Look in the log.
        finding    0193a6b2-0000-7000-8000-0000000000f1 opened #1, 2026-11-22T06:17:42.143Z, trace 4bf92f3577b34da6a3ce929d0e0e4736"
    `)
  })

  it('shows an orphan without a system', () => {
    expect(FORMATS.text(ORPHAN, CONTEXT).body).toMatchInlineSnapshot(`
      "MEDIUM Orphaned identity: svc-deploy has no owner: E10442 has left
        svc-deploy is a service account whose owner (E10442) has left: nobody would notice its misuse or end it.
        identity   svc-deploy, S-7, service, owner E10442
        do         1. Name a new owner.
        finding    0193a6b2-0000-7000-8000-0000000000f2 opened #1, 2026-11-22T06:17:42.143Z"
    `)
  })

  it('lets no control character through but its own line feeds', () => {
    fc.assert(
      fc.property(anyAlert, (alert) => {
        const { body } = FORMATS.text(alert, CONTEXT)
        expect(body.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\u202a-\u202e\u2066-\u2069]/u)
        expect(body.isWellFormed()).toBe(true)
      }),
      { numRuns: 200 },
    )
  })
})
