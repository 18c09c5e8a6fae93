import { existsSync, readFileSync } from 'node:fs'
import { Ajv2020 } from 'ajv/dist/2020.js'
import addFormats from 'ajv-formats'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { alertDocument, groupDocument, heartbeatDocument, PUBLISHED_SCHEMAS } from '../../src/alerts/formats/document.ts'
import {
  FORMAT_NAMES,
  FORMATS,
  type FormatName,
  GROUP_FORMATS,
  HEARTBEAT_FORMATS,
  type Rendered,
  render,
} from '../../src/alerts/formats/format.ts'
import type { Alert } from '../../src/domain/alert.ts'
import { FINDING_EVENTS, FINDING_KINDS, SEVERITIES } from '../../src/domain/finding.ts'
import {
  ALERT,
  anyAlert,
  CONTEXT,
  FULL_CONTEXT,
  GROUP,
  groupOf,
  HEARTBEAT,
  HOSTILE,
  hostileAlert,
  ORPHAN,
  SIGNING_KEY,
  SIGNING_SEED,
} from './sample.ts'

const OCSF_SCHEMA = new URL('../../../shared/standards/ocsf-1.8.0-detection_finding.schema.json', import.meta.url)
const PUBLISHED = new URL('../../docs/alert.schema.json', import.meta.url)

function validator(schema: object) {
  const ajv = new Ajv2020({ strict: false, allErrors: true })
  addFormats.default(ajv)
  const validate = ajv.compile(schema)
  return (value: unknown) => (validate(value) ? [] : (validate.errors ?? []).map((e) => `${e.instancePath} ${e.message}`))
}

const anyGroup = fc.array(anyAlert, { minLength: 1, maxLength: 12 }).map(([first = ALERT, ...rest]) => groupOf([first, ...rest]))

const GROUPING = FORMAT_NAMES.filter((name) => GROUP_FORMATS[name] !== undefined)
const BEATING = FORMAT_NAMES.filter((name) => HEARTBEAT_FORMATS[name] !== undefined)
const JSON_FORMATS = ['json', 'ocsf', 'ecs', 'udm', 'slack', 'teams', 'pagerduty'] as const

function partsOf({ body, subject = '', alternatives = [] }: Rendered): string[] {
  return [subject, body, ...alternatives.map((part) => part.body)]
}

function bytesOf({ body, alternatives = [] }: Rendered): number {
  return [body, ...alternatives.map((part) => part.body)].reduce((sum, part) => sum + Buffer.byteLength(part), 0)
}

describe('all formats', () => {
  it.each(FORMAT_NAMES)('%s stays within the size asked for and is the same each time', (name) => {
    fc.assert(
      fc.property(anyAlert, fc.constantFrom(8_192, 20_000), (alert, maxBytes) => {
        const rendered = FORMATS[name](alert, { ...FULL_CONTEXT, maxBytes })
        expect(bytesOf(rendered)).toBeLessThanOrEqual(maxBytes)
        expect(FORMATS[name](alert, { ...FULL_CONTEXT, maxBytes })).toEqual(rendered)
      }),
      { numRuns: 100 },
    )
  })

  it.each(GROUPING)('%s keeps a group within the size asked for, and says how many it left out', (name) => {
    fc.assert(
      fc.property(anyGroup, fc.constantFrom(8_192, 20_000), (group, maxBytes) => {
        const rendered = render(name, { type: 'group', group }, { ...FULL_CONTEXT, maxBytes })
        expect(bytesOf(rendered)).toBeLessThanOrEqual(maxBytes)
        expect(render(name, { type: 'group', group }, { ...FULL_CONTEXT, maxBytes })).toEqual(rendered)
      }),
      { numRuns: 40 },
    )
    const many = groupOf([ALERT, ...Array.from({ length: 499 }, () => ORPHAN)])
    const { body } = render(name, { type: 'group', group: many }, FULL_CONTEXT)
    expect(body).toMatch(/"omitted":\d+|and \d+ more/)
    // The most severe of them is never the one that is left out.
    expect(body).toContain(ALERT.title)
  })

  it.each(JSON_FORMATS)('%s is one line of JSON', (name) => {
    fc.assert(
      fc.property(anyAlert, (alert) => {
        const { body } = FORMATS[name](alert, FULL_CONTEXT)
        expect(body).not.toMatch(/[\r\n]/)
        JSON.parse(body)
      }),
      { numRuns: 200 },
    )
  })

  it.each([...GROUPING.map((name) => [name, 'group'] as const), ...BEATING.map((name) => [name, 'heartbeat'] as const)])(
    '%s has a whole document for a %s',
    (name, type) => {
      const subject = type === 'group' ? ({ type, group: GROUP } as const) : ({ type, heartbeat: HEARTBEAT } as const)
      const { contentType, body } = render(name, subject, FULL_CONTEXT)
      expect(body).not.toBe('')
      expect(body.isWellFormed()).toBe(true)
      if (contentType === 'application/json') JSON.parse(body)
    },
  )

  it('says which formats have no shape for a group or a heartbeat', () => {
    const refused = (name: FormatName) => () => render(name, { type: 'group', group: GROUP }, FULL_CONTEXT)
    for (const name of FORMAT_NAMES.filter((format) => !GROUPING.includes(format)))
      expect(refused(name)).toThrow(`the format ${name} has no shape for a group`)
    for (const name of FORMAT_NAMES.filter((format) => !BEATING.includes(format)))
      expect(() => render(name, { type: 'heartbeat', heartbeat: HEARTBEAT }, FULL_CONTEXT)).toThrow(
        'has no shape for a heartbeat',
      )
  })

  it.each(FORMAT_NAMES)('%s links to the finding and the runbook where they are known', (name) => {
    const runbook = 'https://wiki.example.com/payroll-access'
    const alert = { ...ALERT, system: { ...ALERT.system, runbook }, remediation: [`Runbook: ${runbook}`] }
    const decoded = (rendered: Rendered) =>
      name === 'caep' ? Buffer.from(rendered.body.split('.')[1] ?? '', 'base64url').toString() : partsOf(rendered).join('\n')
    const link = `https://revenant.example.com/findings/${ALERT.finding.id}`
    const unescaped = (text: string) => text.replaceAll('\\=', '=')
    expect(unescaped(decoded(FORMATS[name](alert, FULL_CONTEXT)))).toContain(link)
    expect(unescaped(decoded(FORMATS[name](alert, FULL_CONTEXT)))).toContain(runbook)
    const { publicUrl: _p, ...unlinked } = FULL_CONTEXT
    expect(decoded(FORMATS[name](alert, unlinked))).not.toContain('/findings/')
  })

  it.each(FORMAT_NAMES)('%s says who, which credential, where, how proven, how late and what to do', (name) => {
    const rendered = FORMATS[name](ALERT, FULL_CONTEXT)
    const said =
      name === 'caep' ? Buffer.from(rendered.body.split('.')[1] ?? '', 'base64url').toString() : partsOf(rendered).join('\n')
    const needed =
      name === 'caep'
        ? ['jdoe@example.com', 'Jane Doe', 'payroll-db', 'Take LOGIN']
        : [
            'Jane Doe',
            'E10442',
            'payroll login',
            'hmac:5b2c0e6a91d3',
            'payroll-db',
            'accepted',
            'Take LOGIN',
            ALERT.traceId ?? '',
            'NHI1:2025',
          ]
    for (const fact of needed) expect(said, fact).toContain(fact)
    if (name !== 'caep') {
      expect(said).toMatch(/canary/)
      expect(said).toMatch(/2 d overdue|173862/)
      expect(said).toMatch(/2026-11-20|1795154400000/)
    }
  })

  it('shows a sample as one in every format', () => {
    const sample = { ...ALERT, title: `TEST - ${ALERT.title}`, test: true as const }
    for (const name of FORMAT_NAMES) {
      const { body } = FORMATS[name](sample, FULL_CONTEXT)
      expect(name === 'caep' ? Buffer.from(body.split('.')[1] ?? '', 'base64url').toString() : body, name).toContain('TEST - ')
    }
  })

  it('never shows the key that it signs with', () => {
    const marks = [
      SIGNING_KEY.split('\n')[1] ?? '',
      SIGNING_SEED.toString('base64'),
      SIGNING_SEED.toString('base64url'),
      SIGNING_SEED.toString('hex'),
      SIGNING_SEED.toString('latin1'),
    ]
    for (const name of FORMAT_NAMES)
      for (const alert of [ALERT, ORPHAN, ...HOSTILE.map(hostileAlert)])
        for (const part of partsOf(FORMATS[name](alert, FULL_CONTEXT)))
          for (const mark of marks) expect(part, name).not.toContain(mark)
    expect(JSON.stringify(FULL_CONTEXT.signer)).not.toContain('"d"')
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

  it.each(Object.entries(PUBLISHED_SCHEMAS))('has a current %s (node scripts/alert-schema.ts writes it)', (file, schema) => {
    const published = JSON.parse(readFileSync(new URL(`../../docs/${file}`, import.meta.url), 'utf8'))
    expect(published).toEqual(JSON.parse(JSON.stringify(schema())))
  })

  it('fits the published schemas for groups and signs of life, and has no field there that is not described', () => {
    const schemaOf = (file: string) => validator(PUBLISHED_SCHEMAS[file]?.() ?? {})
    const groupFaults = schemaOf('alert-group.schema.json')
    fc.assert(
      fc.property(anyGroup, (group) => {
        const document: unknown = JSON.parse(render('json', { type: 'group', group }, FULL_CONTEXT).body)
        expect(groupFaults(document)).toEqual([])
        const { data } = groupDocument.parse(document)
        expect(data.alerts.length + (data.omitted ?? 0)).toBe(group.alerts.length)
      }),
      { numRuns: 50 },
    )
    const beat: unknown = JSON.parse(render('json', { type: 'heartbeat', heartbeat: HEARTBEAT }, FULL_CONTEXT).body)
    expect(schemaOf('heartbeat.schema.json')(beat)).toEqual([])
    expect(heartbeatDocument.parse(beat).data).toEqual(HEARTBEAT)
    expect(groupFaults(beat)).not.toEqual([])
  })

  it('has a schema that refuses other documents', () => {
    const faults = validator(PUBLISHED_SCHEMAS['alert.schema.json']?.() ?? {})
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
        answer     accepted (authenticated), as jdoe, strong, controlled, confirmed, sqlstate=00000, stranger rejected (invalid_credentials), canary accepted (authenticated)
        do         1. Take LOGIN from the role.
                   2. Look in the log.
        deadline   2026-11-20T06:00:00Z, 2 d overdue
        frameworks owasp_nhi NHI1:2025, nist_800_53 AC-2(3) PS-4
        finding    0193a6b2-0000-7000-8000-0000000000f1 opened #1, 2026-11-22T06:17:42.143Z, trace 4bf92f3577b34da6a3ce929d0e0e4736"
    `)
  })

  it('shows an orphan without a system', () => {
    expect(FORMATS.text(ORPHAN, CONTEXT).body).toMatchInlineSnapshot(`
      "MEDIUM Orphaned identity: svc-deploy has no owner: E10442 has left
        svc-deploy is a service account whose owner (E10442) has left: nobody would notice its misuse or end it.
        identity   svc-deploy, S-7, service, owner E10442
        do         1. Name a new owner.
        frameworks owasp_nhi NHI1:2025
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
