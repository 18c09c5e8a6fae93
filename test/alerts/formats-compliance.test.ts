import { existsSync, readFileSync } from 'node:fs'
import { Ajv2020 } from 'ajv/dist/2020.js'
import addFormats from 'ajv-formats'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { render } from '../../src/alerts/formats/format.ts'
import type { AlertGroup, Heartbeat } from '../../src/alerts/subject.ts'
import { ALERT, anyAlert, CONTEXT, FULL_CONTEXT, GROUP, groupOf, HEARTBEAT, HOSTILE, hostileAlert, ORPHAN } from './sample.ts'

const SCHEMA = new URL('../../../shared/standards/ocsf-1.8.0-compliance_finding.schema.json', import.meta.url)

describe.skipIf(!existsSync(SCHEMA))(`ocsf, Compliance Finding (needs ${SCHEMA.pathname.split('/').slice(-2).join('/')})`, () => {
  const ajv = new Ajv2020({ strict: false, allErrors: true })
  addFormats.default(ajv)
  const validate = ajv.compile(existsSync(SCHEMA) ? JSON.parse(readFileSync(SCHEMA, 'utf8')) : {})
  const faults = (value: unknown) => (validate(value) ? [] : (validate.errors ?? []).map((e) => `${e.instancePath} ${e.message}`))
  const group = (group: AlertGroup) => JSON.parse(render('ocsf', { type: 'group', group }, FULL_CONTEXT).body)
  const beat = (heartbeat: Heartbeat) => JSON.parse(render('ocsf', { type: 'heartbeat', heartbeat }, CONTEXT).body)

  it('is valid for every group that the types allow', () => {
    const anyGroup = fc
      .array(anyAlert, { minLength: 1, maxLength: 8 })
      .map(([first = ALERT, ...rest]) => groupOf([first, ...rest]))
    fc.assert(
      fc.property(anyGroup, (alerts) => {
        expect(faults(group(alerts))).toEqual([])
      }),
      { numRuns: 50 },
    )
    for (const value of HOSTILE) expect(faults(group(groupOf([hostileAlert(value)])))).toEqual([])
    expect(faults({ ...group(GROUP), class_uid: 2004 })).not.toEqual([])
  })

  it('rolls up: one check an alert, failed while anything is open', () => {
    const document = group(GROUP)
    expect(document).toMatchObject({
      type_uid: 200301,
      severity_id: 5,
      count: 2,
      metadata: { correlation_uid: GROUP.key },
      finding_info: { uid: GROUP.id },
      compliance: { status_id: 3, standards: ['owasp_nhi', 'nist_800_53'] },
    })
    expect(document.compliance.checks.map((check: { uid: string; status_id: number }) => [check.uid, check.status_id])).toEqual([
      [ORPHAN.dedupKey, 3],
      [ALERT.dedupKey, 3],
    ])
    const closed = { ...ALERT, event: 'resolved' as const, finding: { ...ALERT.finding, state: 'resolved' as const } }
    expect(group(groupOf([closed]))).toMatchObject({ activity_id: 3, compliance: { status_id: 1, checks: [{ status_id: 1 }] } })
  })

  it('is valid as a sign of life, and passes only where nothing is overdue', () => {
    const well = { ...HEARTBEAT, coverage: { verified: 1, unverified: 0, overdue: 0 } }
    for (const [heartbeat, status_id] of [
      [HEARTBEAT, 3],
      [{ ...well, coverage: { verified: 1, unverified: 2, overdue: 0 } }, 2],
      [{ ...well, deliveries: { pending: 0, dead: 1 } }, 3],
      [well, 1],
    ] as const) {
      const document = beat(heartbeat)
      expect(faults(document)).toEqual([])
      expect(document.compliance.status_id).toBe(status_id)
      expect(document.metadata.event_code).toBe('revenant.heartbeat')
    }
  })
})
