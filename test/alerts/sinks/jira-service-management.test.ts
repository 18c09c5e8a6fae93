/**
 * The receiver is written from Atlassian's documentation (developer.atlassian.com, "Jira Service Management ops, Integration Events
 * API"; JSDCLOUD-14179 for `identifierType=alias`) and the limits of Opsgenie's alert API, which it continues; Jira itself is not to
 * be had here.
 */
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { advise } from '../../../src/alerts/advise.ts'
import type { Alert } from '../../../src/domain/alert.ts'
import type { Asked, Reply } from '../../servers/http-receiver.ts'
import { ALERT } from '../sample.ts'
import { failureOf, MARK, message, patience } from './deps.ts'
import { type HttpSinkSuite, httpSinkSuite, workshop } from './http-suite.ts'

const KEY = `${MARK}-1111-2222`
const BASE = '/jsm/ops/integration/v2/alerts'
const create = z.strictObject({
  message: z.string().min(1).max(130),
  alias: z.string().max(512),
  description: z.string().max(15_000),
  priority: z.enum(['P1', 'P2', 'P3', 'P4', 'P5']),
  tags: z.array(z.string().max(50)).max(20),
  details: z.record(z.string(), z.string()).refine((details) => JSON.stringify(details).length <= 8_000),
  source: z.string().max(100),
  entity: z.string().max(512).optional(),
})
const close = z.strictObject({ source: z.string().max(100), note: z.string().max(25_000) })

const suite: HttpSinkSuite = {
  kind: 'jira-service-management',
  format: 'text',
  entry: (origin) => ({ to: `${origin}${BASE}`, secret: 'env:JSM' }),
  deps: () => ({ secret: KEY }),
  wrongDeps: () => ({ secret: `${MARK}-other` }),
  vendor: jira,
  identity: ({ body }) => create.parse(JSON.parse(body.toString())).alias,
  checksBody: true,
}

httpSinkSuite(suite)

describe('jira-service-management', () => {
  const { open, receiver } = workshop(suite)

  it('creates an alert, and closes it by its alias', async () => {
    const { origin, asked } = await receiver(jira)
    const sink = open(origin, { tags: ['iam'] })
    expect(await sink.deliver(message(ALERT, 'text'), patience())).toEqual({ detail: { status: 202, action: 'create' } })
    const resolved: Alert = { ...ALERT, event: 'resolved', sequence: 2 }
    expect(await sink.deliver(message(resolved, 'text'), patience())).toEqual({ detail: { status: 202, action: 'close' } })
    const [first, second] = asked
    expect(create.parse(JSON.parse(String(first?.body)))).toMatchObject({
      message: ALERT.title,
      alias: ALERT.dedupKey,
      priority: 'P1',
      tags: ['revenant', 'critical', 'residual_access', 'iam'],
      entity: 'payroll-db',
      description: expect.stringContaining('CRITICAL'),
    })
    expect(decodeURIComponent(second?.path ?? '')).toBe(`${BASE}/${ALERT.dedupKey}/close`)
    expect(second?.query.get('identifierType')).toBe('alias')
  })

  it('stays within the limits whatever names come', async () => {
    const { origin } = await receiver(jira)
    const long: Alert = {
      ...ALERT,
      title: `${'名'.repeat(400)}\n`,
      summary: '😀'.repeat(9_000),
      system: { ...ALERT.system, name: 'x'.repeat(2_000) },
    }
    await open(origin).deliver(message(long, 'text'), patience())
  })

  it.each([
    [401, /API integration/],
    [403, /may create alerts/],
    [422, /access of the integration/],
  ])('says what to do about %i', async (status, words) => {
    const { origin } = await receiver(() => ({ status, body: { message: MARK, took: 0.1, requestId: MARK } }))
    expect(advise(await failureOf(open(origin), message(ALERT, 'text')))).toMatch(words)
  })
})

function jira({ path, query, headers, body }: Asked): Reply {
  if (headers.authorization !== `GenieKey ${KEY}`)
    return { status: 401, body: { message: `Could not authenticate ${MARK}`, took: 0, requestId: 'a' } }
  const given: unknown = JSON.parse(body.toString())
  const closes = path.startsWith(`${BASE}/`) && path.endsWith('/close') && query.get('identifierType') === 'alias'
  if (path !== BASE && !closes) return { status: 404 }
  if (!(closes ? close : create).safeParse(given).success)
    return { status: 422, body: { message: MARK, took: 0, requestId: 'a' } }
  return {
    status: 202,
    body: { result: 'Request will be processed', took: 0.2, requestId: '43a29c5c-3dbf-4fa4-9c26-f4f71023e120' },
  }
}
