/**
 * The receiver is written from Microsoft's documentation ("Create incoming webhooks with Workflows for Microsoft Teams", the error
 * codes of Azure Logic Apps' request trigger); Teams itself is not to be had here.
 */
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { advise } from '../../../src/alerts/advise.ts'
import type { Asked, Reply } from '../../servers/http-receiver.ts'
import { ALERT } from '../sample.ts'
import { failureOf, MARK, message } from './deps.ts'
import { type HttpSinkSuite, httpSinkSuite, workshop } from './http-suite.ts'

const PATH = '/workflows/0123/triggers/manual/paths/invoke'
const SIG = `${MARK}-signature`
const post = z.object({
  type: z.literal('message'),
  attachments: z
    .array(
      z.object({
        contentType: z.literal('application/vnd.microsoft.card.adaptive'),
        content: z.looseObject({ type: z.literal('AdaptiveCard') }),
      }),
    )
    .min(1),
})

const suite: HttpSinkSuite = {
  kind: 'teams',
  format: 'teams',
  entry: () => ({ to: 'env:TEAMS' }),
  deps: (origin) => ({ to: `${origin}${PATH}?api-version=1&sig=${SIG}` }),
  wrongDeps: (origin) => ({ to: `${origin}${PATH}?api-version=1&sig=other` }),
  vendor: workflow,
  identity: ({ body }) => body.toString(),
  checksBody: false,
  mostBytes: 28_000,
  secretUrl: true,
}

httpSinkSuite(suite)

describe('teams', () => {
  const { open, receiver } = workshop(suite)

  it.each([
    [401, 'DirectApiAuthorizationRequired', true, /anyone/],
    [401, 'AuthorizationFailed', true, /`sig`/],
    [404, 'WorkflowNotFound', true, /gone/],
    [400, 'WorkflowTriggerIsNotEnabled', true, /switched off/],
    [400, 'TriggerInputSchemaMismatch', false, /format teams/],
    [400, MARK, false, /format/],
  ])('knows %i %s', async (status, code, retry, words) => {
    const { origin } = await receiver(() => ({ status, body: { error: { code, message: MARK } } }))
    const error = await failureOf(open(origin), message(ALERT, 'teams'))
    expect(error).toMatchObject({ retry, detail: { status, ...(code === MARK ? {} : { code }) } })
    expect(advise(error)).toMatch(words)
  })
})

function workflow({ path, query, headers, body }: Asked): Reply {
  if (path !== PATH) return { status: 404, body: { error: { code: 'WorkflowNotFound', message: MARK } } }
  if (query.get('sig') !== SIG) return { status: 401, body: { error: { code: 'AuthorizationFailed', message: MARK } } }
  const card =
    String(headers['content-type']).startsWith('application/json') && post.safeParse(JSON.parse(body.toString())).success
  return card ? { status: 202 } : { status: 400, body: { error: { code: 'TriggerInputSchemaMismatch', message: MARK } } }
}
