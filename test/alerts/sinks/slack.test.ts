/**
 * The receiver is written from Slack's documentation ("Sending messages using incoming webhooks", "Rate limits"); Slack itself is not
 * to be had here.
 */
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { advise } from '../../../src/alerts/advise.ts'
import type { Asked, Reply } from '../../servers/http-receiver.ts'
import { ALERT } from '../sample.ts'
import { failureOf, MARK, message } from './deps.ts'
import { type HttpSinkSuite, httpSinkSuite, workshop } from './http-suite.ts'

const PATH = `/services/T0/B0/${MARK}`
const payload = z.object({
  text: z.string().min(1),
  blocks: z
    .array(z.looseObject({ type: z.string() }))
    .min(1)
    .max(50),
})

const suite: HttpSinkSuite = {
  kind: 'slack',
  format: 'slack',
  entry: () => ({ to: 'env:SLACK' }),
  deps: (origin) => ({ to: `${origin}${PATH}\n` }),
  wrongDeps: (origin) => ({ to: `${origin}${PATH}-other` }),
  vendor: slack,
  identity: ({ body }) => body.toString(),
  checksBody: true,
  secretUrl: true,
}

httpSinkSuite(suite)

describe('slack', () => {
  const { open, receiver } = workshop(suite)

  it.each([
    [400, 'invalid_payload', false, /format is slack/],
    [400, 'user_not_found', true, /new webhook/],
    [403, 'action_prohibited', true, /administrator/],
    [403, 'invalid_token', true, /new webhook/],
    [404, 'channel_not_found', true, /channel/],
    [404, 'no_service', true, /webhook/],
    [410, 'channel_is_archived', true, /archived/],
    [429, 'rate_limited', true, /one message a second/],
    [500, 'rollup_error', true, /own log/],
    [400, 'another_word', false, /format/],
  ])('knows %i %s', async (status, body, retry, words) => {
    const { origin } = await receiver(() => ({ status, body }))
    const error = await failureOf(open(origin), message(ALERT, 'slack'))
    expect(error).toMatchObject({ retry, disables: false, detail: { status } })
    if (!['rollup_error', 'another_word'].includes(body)) expect(error.detail.code).toBe(body)
    else expect(error.detail).not.toHaveProperty('code')
    expect(advise(error)).toMatch(words)
  })
})

function slack({ path, headers, body }: Asked): Reply {
  if (path !== PATH) return { status: 404, body: 'no_service' }
  if (!String(headers['content-type']).startsWith('application/json')) return { status: 400, body: 'invalid_payload' }
  return payload.safeParse(JSON.parse(body.toString())).success
    ? { status: 200, body: 'ok' }
    : { status: 400, body: 'invalid_payload' }
}
