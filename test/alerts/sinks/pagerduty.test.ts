/**
 * The receiver is written from PagerDuty's documentation ("Events API v2: Send an Alert Event"); PagerDuty itself is not to be had
 * here.
 */
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { advise } from '../../../src/alerts/advise.ts'
import type { Asked, Reply } from '../../servers/http-receiver.ts'
import { ALERT } from '../sample.ts'
import { DEPS, failureOf, MARK, message, patience } from './deps.ts'
import { type HttpSinkSuite, httpSinkSuite, workshop } from './http-suite.ts'

const KEY = MARK.padEnd(32, '0')
const event = z.strictObject({
  routing_key: z.literal(KEY),
  event_action: z.enum(['trigger', 'acknowledge', 'resolve']),
  dedup_key: z.string().min(1).max(255),
  payload: z.strictObject({
    summary: z.string().min(1).max(1_024),
    source: z.string().min(1),
    severity: z.enum(['critical', 'error', 'warning', 'info']),
    timestamp: z.iso.datetime(),
    component: z.string().optional(),
    group: z.string().optional(),
    class: z.string().optional(),
    custom_details: z.looseObject({}).optional(),
  }),
  client: z.string().optional(),
  client_url: z.url().optional(),
  links: z.array(z.strictObject({ href: z.url(), text: z.string().optional() })).optional(),
  images: z.array(z.looseObject({})).optional(),
})

const suite: HttpSinkSuite = {
  kind: 'pagerduty',
  format: 'pagerduty',
  entry: (origin) => ({ to: `${origin}/v2/enqueue`, secret: 'env:PAGERDUTY' }),
  deps: () => ({ secret: KEY }),
  wrongDeps: () => ({ secret: MARK.padEnd(32, '1') }),
  vendor: enqueue,
  identity: ({ body }) => JSON.parse(body.toString()),
  checksBody: true,
  mostBytes: 512_000,
}

httpSinkSuite(suite)

describe('pagerduty', () => {
  const { open, receiver } = workshop(suite)

  it.each([
    ['opened', 'trigger'],
    ['escalated', 'trigger'],
    ['reminded', 'trigger'],
    ['reopened', 'trigger'],
    ['resolved', 'resolve'],
  ] as const)('turns %s into %s under the key of the finding', async (happened, action) => {
    const { origin, asked } = await receiver(enqueue)
    await open(origin).deliver(message({ ...ALERT, event: happened }, 'pagerduty'), patience())
    expect(event.parse(JSON.parse(String(asked[0]?.body)))).toMatchObject({ event_action: action, dedup_key: ALERT.dedupKey })
  })

  it('says that a key may be the reason of a 400', async () => {
    const { origin } = await receiver(enqueue)
    const error = await failureOf(open(origin, {}, suite.wrongDeps?.(origin)), message(ALERT, 'pagerduty'))
    expect(error).toMatchObject({ retry: false, detail: { status: 400 } })
    expect(advise(error)).toMatch(/`secret`/)
  })

  it.each(['', MARK, `${KEY}0`, `${MARK}-`.padEnd(32, '0')])(
    'refuses a secret that is no routing key, and does not quote it',
    (secret) => {
      const fail = () => open('https://events.pagerduty.com', {}, { ...DEPS, secret })
      expect(fail).toThrow(expect.objectContaining({ code: expect.stringMatching(/^SECRET_/) }))
      expect(fail).not.toThrow(new RegExp(MARK))
    },
  )
})

function enqueue({ path, body }: Asked): Reply {
  if (path !== '/v2/enqueue') return { status: 404 }
  const parsed = event.safeParse(JSON.parse(body.toString()))
  if (!parsed.success)
    return { status: 400, body: { status: 'invalid event', message: 'Event object is invalid', errors: [MARK] } }
  return { status: 202, body: { status: 'success', message: 'Event processed', dedup_key: parsed.data.dedup_key } }
}
