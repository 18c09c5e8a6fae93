import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { FORMATS, render } from '../../src/alerts/formats/format.ts'
import type { Alert } from '../../src/domain/alert.ts'
import { ALERT, anyAlert, FULL_CONTEXT, HEARTBEAT, HOSTILE, hostileAlert, ORPHAN } from './sample.ts'

/**
 * The part of Google's "Unified Data Model field list" that the format uses, written down from its documentation: no schema of it is to be
 * had here, so these are the names, types and enumerations of the page, not an answer of the service.
 */
const FIELDS: Record<string, string | readonly string[]> = {
  'metadata.event_timestamp': 'time',
  'metadata.event_type': ['GENERIC_EVENT'],
  'metadata.vendor_name': 'string',
  'metadata.product_name': 'string',
  'metadata.product_version': 'string',
  'metadata.product_event_type': 'string',
  'metadata.product_log_id': 'string',
  'metadata.description': 'string',
  'metadata.url_back_to_product': 'string',
  'principal.hostname': 'string',
  'principal.application': 'string',
  'principal.resource.name': 'string',
  'target.hostname': 'string',
  'target.ip[]': 'string',
  'target.port': 'integer',
  'target.application': 'string',
  'target.resource.name': 'string',
  'target.resource.product_object_id': 'string',
  'target.resource.resource_subtype': 'string',
  'target.user.userid': 'string',
  'target.user.product_object_id': 'string',
  'target.user.user_display_name': 'string',
  'target.user.employee_id': 'string',
  'target.user.account_type': ['SERVICE_ACCOUNT_TYPE'],
  'target.user.email_addresses[]': 'string',
  'target.user.termination_date': 'time',
  'network.http.response_code': 'integer',
  'security_result[].summary': 'string',
  'security_result[].description': 'string',
  'security_result[].severity': ['INFORMATIONAL', 'LOW', 'MEDIUM', 'HIGH', 'CRITICAL'],
  'security_result[].category[]': ['POLICY_VIOLATION'],
  'security_result[].category_details[]': 'string',
  'security_result[].rule_id': 'string',
  'security_result[].rule_name': 'string',
  'security_result[].threat_id': 'string',
  'security_result[].alert_state': ['NOT_ALERTING', 'ALERTING'],
  'security_result[].action[]': ['ALLOW', 'BLOCK'],
  'security_result[].confidence': ['LOW_CONFIDENCE', 'MEDIUM_CONFIDENCE', 'HIGH_CONFIDENCE'],
  'security_result[].attack_details.techniques[].id': 'string',
  'security_result[].attack_details.techniques[].name': 'string',
  'security_result[].detection_fields[].key': 'string',
  'security_result[].detection_fields[].value': 'string',
}

function faults(value: unknown, path = ''): string[] {
  if (Array.isArray(value)) return value.flatMap((one) => faults(one, `${path}[]`))
  if (typeof value === 'object' && value !== null)
    return Object.entries(value).flatMap(([name, child]) => faults(child, path === '' ? name : `${path}.${name}`))
  const field = FIELDS[path]
  if (field === undefined) return [`${path} is no field`]
  if (typeof field !== 'string') return field.includes(String(value)) ? [] : [`${path}: ${value}`]
  const fits =
    field === 'integer'
      ? Number.isInteger(value)
      : typeof value === 'string' && (field !== 'time' || (/T.*Z$/.test(value) && !Number.isNaN(Date.parse(value))))
  return fits ? [] : [`${path} is no ${field}`]
}

const rendered = (alert: Alert) => JSON.parse(FORMATS.udm(alert, FULL_CONTEXT).body)

describe('udm', () => {
  it('uses only fields of the list, in their types', () => {
    fc.assert(
      fc.property(anyAlert, (alert) => {
        const event = rendered(alert)
        expect(faults(event)).toEqual([])
        expect(event.metadata).toMatchObject({ event_type: 'GENERIC_EVENT', product_log_id: alert.id })
      }),
      { numRuns: 200 },
    )
    for (const alert of [ORPHAN, ...HOSTILE.map(hostileAlert)]) expect(faults(rendered(alert))).toEqual([])
    expect(faults(JSON.parse(render('udm', { type: 'heartbeat', heartbeat: HEARTBEAT }, FULL_CONTEXT).body))).toEqual([])
    expect(faults({ metadata: { event_type: 'LOGIN' }, leaver: 1 })).toEqual(['metadata.event_type: LOGIN', 'leaver is no field'])
  })

  it('puts the verdict into security_result, the leaver and the system into target', () => {
    expect(rendered(ALERT)).toMatchObject({
      metadata: { event_timestamp: ALERT.at, product_event_type: 'revenant.finding.opened' },
      target: {
        hostname: 'db.internal',
        port: 5432,
        application: 'payroll-db',
        user: {
          userid: 'jdoe',
          employee_id: 'E10442',
          user_display_name: 'Jane Doe',
          email_addresses: ['jdoe@example.com'],
          termination_date: '2026-11-19T06:00:00Z',
        },
      },
      security_result: [
        {
          severity: 'CRITICAL',
          action: ['ALLOW'],
          confidence: 'HIGH_CONFIDENCE',
          alert_state: 'ALERTING',
          threat_id: ALERT.dedupKey,
          rule_id: 'revenant.residual_access',
        },
      ],
    })
    expect(rendered(ALERT).security_result[0].detection_fields).toContainEqual({ key: 'fingerprint', value: 'hmac:5b2c0e6a91d3' })
    expect(rendered({ ...ALERT, event: 'resolved' }).security_result[0].alert_state).toBe('NOT_ALERTING')
  })

  it.each([
    ['accepted', 'controlled', true, 'HIGH_CONFIDENCE', 3],
    ['accepted', 'explicit', false, 'MEDIUM_CONFIDENCE', 2],
    ['accepted', 'none', false, 'LOW_CONFIDENCE', 1],
    ['rejected', 'controlled', false, 'HIGH_CONFIDENCE', 3],
    ['rejected', 'explicit', false, 'MEDIUM_CONFIDENCE', 2],
    ['rejected', 'none', false, 'LOW_CONFIDENCE', 1],
  ] as const)('is as sure as ocsf of %s, %s, confirmed %s', (verdict, assurance, confirmed, confidence, confidence_id) => {
    const evidence = ALERT.evidence && { ...ALERT.evidence, verdict, assurance, confirmed }
    const alert = { ...ALERT, ...(evidence === undefined ? {} : { evidence }) }
    expect(rendered(alert).security_result[0].confidence).toBe(confidence)
    expect(JSON.parse(FORMATS.ocsf(alert, FULL_CONTEXT).body).confidence_id).toBe(confidence_id)
  })

  it('claims no outcome where none was seen', () => {
    const evidence = ALERT.evidence && { ...ALERT.evidence, verdict: 'inconclusive' as const, reason: 'timeout' as const }
    const [result] = rendered({ ...ALERT, ...(evidence === undefined ? {} : { evidence }) }).security_result
    expect(result.action).toBeUndefined()
    expect(result.confidence).toBeUndefined()
  })
})
