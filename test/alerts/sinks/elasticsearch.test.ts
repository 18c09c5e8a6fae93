/**
 * The receiver is written from Elastic's documentation ("Bulk API", "Data streams", "Failure store"); Elasticsearch itself is not to
 * be had here.
 */
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { advise } from '../../../src/alerts/advise.ts'
import { sinkEntry } from '../../../src/alerts/sinks/registry.ts'
import type { Asked, Receive, Reply } from '../../servers/http-receiver.ts'
import { ALERT } from '../sample.ts'
import { failureOf, MARK, message, patience } from './deps.ts'
import { type HttpSinkSuite, httpSinkSuite, workshop } from './http-suite.ts'

const API_KEY = Buffer.from(`id:${MARK}`).toString('base64')
const STREAM = 'logs-revenant-default'
const action = z.strictObject({ create: z.strictObject({ _id: z.string().min(1).max(512) }) })
const document = z.looseObject({ '@timestamp': z.iso.datetime() })

const suite: HttpSinkSuite = {
  kind: 'elasticsearch',
  format: 'ecs',
  entry: (origin) => ({ to: `${origin}/`, secret: 'env:ELASTIC' }),
  deps: () => ({ secret: API_KEY }),
  wrongDeps: () => ({ secret: `${MARK}other` }),
  vendor: cluster(),
  identity: (asked) => linesOf(asked)[0],
  checksBody: true,
}

httpSinkSuite(suite)

describe('elasticsearch', () => {
  const { open, receiver } = workshop(suite)

  it.each(['ecs', 'json', 'ocsf'] as const)('creates a document with a time stamp from %s', async (format) => {
    const { origin, asked } = await receiver(cluster())
    expect(await open(origin, { format }).deliver(message(ALERT, format), patience())).toEqual({ detail: { status: 201 } })
    const [first] = asked
    if (first === undefined) throw new Error('nothing was sent')
    expect(first.query.get('require_data_stream')).toBe('true')
    const [create, source] = linesOf(first)
    expect(create).toEqual({ create: { _id: ALERT.id } })
    expect(Temporal.Instant.from(document.parse(source)['@timestamp']).toString()).toBe(ALERT.at)
  })

  it('takes a conflict for what it is: delivered already', async () => {
    const { origin } = await receiver(cluster())
    const sink = open(origin)
    expect(await sink.deliver(message(ALERT, 'ecs'), patience())).toEqual({ detail: { status: 201 } })
    expect(await sink.deliver(message(ALERT, 'ecs'), patience())).toEqual({ detail: { status: 409, duplicate: 'yes' } })
  })

  it('signs in by user and password too, and leaves the requirement out where told', async () => {
    const { origin, asked } = await receiver(cluster())
    const entry = { username: 'revenant', dataStream: 'alerts', requireDataStream: false }
    await open(origin, entry, { secret: `${MARK}-password` }).deliver(message(ALERT, 'ecs'), patience())
    expect(asked[0]?.path).toBe('/alerts/_bulk')
    expect([...(asked[0]?.query ?? [])]).toEqual([])
    expect(Buffer.from(String(asked[0]?.headers.authorization).slice(6), 'base64').toString()).toBe(`revenant:${MARK}-password`)
  })

  it.each([
    [429, 'es_rejected_execution_exception', true, /overloaded/],
    [400, 'document_parsing_exception', false, /mapping/],
    [400, 'strict_dynamic_mapping_exception', false, /mapping/],
    [404, 'index_not_found_exception', true, /template/],
    [403, 'security_exception', true, /privileges/],
    [403, 'cluster_block_exception', true, /disks/],
    [503, 'unavailable_shards_exception', true, /own log/],
    [400, MARK, false, /format/],
  ])('reads the item: %i %s', async (status, type, retry, words) => {
    const { origin } = await receiver(item({ status, error: { type, reason: `${MARK} in words` } }))
    const error = await failureOf(open(origin), message(ALERT, 'ecs'))
    expect(error).toMatchObject({ code: 'SINK_REFUSED', retry, detail: { status } })
    expect(advise(error)).toMatch(words)
  })

  it('does not call a document delivered that went to the failure store', async () => {
    const { origin } = await receiver(item({ status: 201, failure_store: 'used' }))
    const error = await failureOf(open(origin), message(ALERT, 'ecs'))
    expect(error).toMatchObject({ retry: false, detail: { error: 'FAILURE_STORE' } })
    expect(advise(error)).toMatch(/failure store/)
  })

  it.each(['Upper', '_x', 'a b', 'a/b', '.a', ''])('refuses "%s" as the name of a data stream', (dataStream) => {
    expect(sinkEntry.safeParse({ name: 'e', sink: 'elasticsearch', to: 'https://e', dataStream }).success).toBe(false)
  })
})

function linesOf({ body }: Asked): unknown[] {
  const text = body.toString()
  if (!text.endsWith('\n')) throw new Error('a bulk body ends in a line feed')
  return text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))
}

function item(create: object): Receive {
  return () => ({ status: 200, body: { took: 1, errors: true, items: [{ create: { _index: '.ds-x', ...create } }] } })
}

/** A cluster that remembers what it holds. */
function cluster(): Receive {
  const held = new Set<string>()
  return (asked) => {
    const refusal = refusalOf(asked)
    if (refusal !== undefined) return refusal
    const [create, source] = linesOf(asked)
    const id = action.parse(create).create._id
    if (!document.safeParse(source).success)
      return {
        status: 200,
        body: { errors: true, items: [{ create: { status: 400, error: { type: 'document_parsing_exception' } } }] },
      }
    const status = held.has(id) ? 409 : 201
    held.add(id)
    const error = status === 409 ? { error: { type: 'version_conflict_engine_exception', reason: MARK } } : {}
    return {
      status: 200,
      body: { took: 3, errors: status === 409, items: [{ create: { _index: `.ds-${STREAM}`, _id: id, status, ...error } }] },
    }
  }
}

function refusalOf({ headers, path }: Asked): Reply | undefined {
  const basic = `Basic ${Buffer.from(`revenant:${MARK}-password`).toString('base64')}`
  if (headers.authorization !== `ApiKey ${API_KEY}` && headers.authorization !== basic)
    return { status: 401, body: { error: { type: 'security_exception', reason: MARK }, status: 401 } }
  if (headers['content-type'] !== 'application/x-ndjson')
    return { status: 406, body: { error: { type: 'content_type', reason: '' } } }
  return /^\/[a-z-]+\/_bulk$/.test(path) ? undefined : { status: 404, body: { error: { type: 'resource_not_found_exception' } } }
}
