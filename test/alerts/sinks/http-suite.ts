import { afterEach, describe, expect, it } from 'vitest'
import { advise } from '../../../src/alerts/advise.ts'
import type { FormatName } from '../../../src/alerts/formats/format.ts'
import { openSink, type SinkKind, sinkEntry } from '../../../src/alerts/sinks/registry.ts'
import type { Sink, SinkDeps } from '../../../src/alerts/sinks/sink.ts'
import { type Asked, type HttpReceiver, type Receive, type Reply, startHttpReceiver } from '../../servers/http-receiver.ts'
import { makeAuthority, type Pair } from '../../servers/tls.ts'
import { ALERT } from '../sample.ts'
import { DEPS, failureOf, MARK, message, patience } from './deps.ts'

/** What the shared suite must know of one HTTP sink. */
export interface HttpSinkSuite {
  kind: SinkKind
  format: FormatName
  /** The entry's own keys for a receiver at this origin. */
  entry(origin: string): object
  /** What its references resolve to; every secret holds the mark. */
  deps(origin: string): Partial<SinkDeps>
  /** The same with a secret that the vendor does not know; left out where the receiver knows the sender by its URL alone. */
  wrongDeps?(origin: string): Partial<SinkDeps>
  /**
   * The receiver, written from the vendor's documented protocol: it answers 4xx to requests that are not of it, and to whom it does
   * not know.
   */
  vendor: Receive
  /** The request that carries the alert, among those for tokens and acknowledgements. Left out: every one. */
  carries?(asked: Asked): boolean
  /** By what the receiver tells a retry from another alert; must be the same in two deliveries of one. */
  identity(asked: Asked): unknown
  /** Statuses that end the delivery for good; 400, 413 and 422 where left out. */
  final?: readonly number[]
  /** The body of a success is checked: what is not of the protocol is no delivery. */
  checksBody: boolean
  /** What a success is answered with; 200 where left out. */
  success?: number
  /** Any 2xx is a success, even one with a page. */
  takesPages?: boolean
  /** The most that the receiver takes; left out where it is not known. */
  mostBytes?: number
  /** The URL itself is the secret. */
  secretUrl?: boolean
}

/** What an HTTP sink does with every answer and failure that its receiver can give. */
export function httpSinkSuite(suite: HttpSinkSuite): void {
  const { open, receiver } = workshop(suite)
  const carries = suite.carries ?? (() => true)
  const answering = (reply: Reply): Receive => instead(suite, () => reply)

  describe(`${suite.kind}, as every HTTP sink`, () => {
    it('is taken, with a POST that names us, and says what came back', async () => {
      const { origin, asked } = await receiver(suite.vendor)
      const { detail } = await open(origin).deliver(message(ALERT, suite.format), patience())
      expect(detail.status).toBeGreaterThanOrEqual(200)
      expect(JSON.stringify(detail)).not.toContain(MARK)
      const sent = asked.filter(carries)
      expect(sent.length).toBe(1)
      expect(sent[0]).toMatchObject({ method: 'POST', headers: { 'user-agent': 'Revenant/0.1.0' } })
      if (suite.secretUrl !== true) expect(asked.map(({ path, query }) => `${path}?${query}`).join()).not.toContain(MARK)
    })

    it('sends the same identity again, so that a retry is known for one', async () => {
      const { origin, asked } = await receiver(suite.vendor)
      const sink = open(origin)
      await sink.deliver(message(ALERT, suite.format), patience())
      await sink.deliver(message(ALERT, suite.format), patience())
      const [first, second] = asked.filter(carries).map(suite.identity)
      expect(first).toBeDefined()
      expect(second).toEqual(first)
    })

    const final = suite.final ?? [400, 413, 422]
    it.each([301, 302, 307, 308, 400, 401, 403, 404, 405, 408, 413, 415, 422, 429, 500, 502, 503, 504])(
      `does with %i what is right: ${final.join(', ')} end it, all else is tried again`,
      async (status) => {
        const { origin, asked } = await receiver(
          answering({ status, headers: { location: '/elsewhere', 'retry-after': '30' }, body: `${MARK} in the answer` }),
        )
        const error = await failureOf(open(origin), message(ALERT, suite.format))
        expect(error).toMatchObject({ code: 'SINK_REFUSED', retry: !final.includes(status), disables: false, detail: { status } })
        expect(error.retryAfterMs).toBe(error.retry ? 30_000 : undefined)
        expect(asked.filter(({ path }) => path === '/elsewhere')).toEqual([])
        expect(asked.filter(carries).length).toBe(1)
        expect(advise(error).length).toBeGreaterThan(20)
      },
    )

    it('fails and may try again when the receiver is down', async () => {
      const down = await receiver(suite.vendor)
      await down.close()
      const error = await failureOf(open(down.origin), message(ALERT, suite.format))
      expect(error).toMatchObject({ code: 'SINK_UNREACHABLE', retry: true, detail: { error: 'ECONNREFUSED' } })
    })

    it('gives up on a receiver that never answers, within its timeout', async () => {
      const { origin } = await receiver(instead(suite, () => undefined))
      const startedAt = performance.now()
      const error = await failureOf(open(origin, { timeout: '300ms' }), message(ALERT, suite.format))
      expect(error).toMatchObject({ code: 'SINK_UNREACHABLE', retry: true, detail: { error: 'TIMEOUT' } })
      expect(performance.now() - startedAt).toBeLessThan(3_000)
    })

    it('fails and may try again when the connection breaks', async () => {
      const { origin } = await receiver(
        instead(suite, (_, response) => {
          response.socket?.resetAndDestroy()
          return undefined
        }),
      )
      const error = await failureOf(open(origin), message(ALERT, suite.format))
      expect(error).toMatchObject({ code: 'SINK_UNREACHABLE', retry: true })
    })

    it('stops when the caller aborts', async () => {
      const { origin } = await receiver(instead(suite, () => undefined))
      const abort = new AbortController()
      setTimeout(() => abort.abort(), 100)
      const error = await failureOf(open(origin), message(ALERT, suite.format), abort.signal)
      expect(error).toMatchObject({ retry: true, detail: { error: 'ABORTED' } })
    })

    if (suite.checksBody)
      it('takes no page and no endless answer for a success', async () => {
        for (const body of [`<html>${MARK}</html>`, '{"hello": "world"}', 'x'.repeat(200_000)]) {
          const { origin } = await receiver(answering({ status: 200, headers: { 'content-type': 'text/html' }, body }))
          const error = await failureOf(open(origin), message(ALERT, suite.format))
          expect(error).toMatchObject({ code: 'SINK_REFUSED', retry: true, detail: { error: 'UNEXPECTED_ANSWER', status: 200 } })
          expect(advise(error)).toMatch(/does not speak the protocol/)
        }
      })

    if (suite.takesPages !== true)
      it('takes no page for people for a success', async () => {
        const { origin } = await receiver(
          answering({ status: 200, headers: { 'content-type': 'text/html; charset=utf-8' }, body: `<html>${MARK}` }),
        )
        const error = await failureOf(open(origin), message(ALERT, suite.format))
        expect(error).toMatchObject({ code: 'SINK_REFUSED', retry: true, detail: { error: 'UNEXPECTED_ANSWER', status: 200 } })
      })

    if (suite.checksBody)
      it('does not wait for ever for the rest of an answer', async () => {
        const { origin } = await receiver(instead(suite, dribble(200)))
        const error = await failureOf(open(origin, { timeout: '500ms' }), message(ALERT, suite.format))
        expect(error).toMatchObject({ code: 'SINK_UNREACHABLE', retry: true, detail: { error: 'TIMEOUT' } })
      })

    if (!suite.checksBody)
      it('is done when the status says so, however slow the body is', async () => {
        const { origin } = await receiver(instead(suite, dribble(suite.success ?? 200)))
        const startedAt = performance.now()
        expect(await open(origin).deliver(message(ALERT, suite.format), patience())).toEqual({
          detail: { status: suite.success ?? 200 },
        })
        expect(performance.now() - startedAt).toBeLessThan(4_000)
      })

    it('knows a refusal by its status, however slow the body is', async () => {
      const { origin } = await receiver(instead(suite, dribble(503)))
      const startedAt = performance.now()
      const error = await failureOf(open(origin), message(ALERT, suite.format))
      expect(error).toMatchObject({ code: 'SINK_REFUSED', retry: true, detail: { status: 503 } })
      expect(performance.now() - startedAt).toBeLessThan(4_000)
    })

    if (suite.wrongDeps !== undefined)
      it('is told that it is not known, may try again, and says what to do', async () => {
        const { origin } = await receiver(suite.vendor)
        const error = await failureOf(open(origin, {}, suite.wrongDeps?.(origin)), message(ALERT, suite.format))
        expect(error).toMatchObject({
          code: 'SINK_REFUSED',
          detail: { status: expect.toSatisfy((status) => status >= 400 && status < 500) },
        })
        expect(advise(error)).not.toContain(MARK)
      })

    if (suite.mostBytes !== undefined)
      it('sends no document that the receiver cannot take', async () => {
        const { origin, asked } = await receiver(suite.vendor)
        const whole = message(ALERT, suite.format)
        const body = JSON.stringify({ x: 'x'.repeat(suite.mostBytes ?? 0) })
        const error = await failureOf(open(origin), { ...whole, rendered: { ...whole.rendered, body } })
        expect(error).toMatchObject({
          code: 'SINK_REFUSED',
          retry: false,
          detail: { error: 'TOO_LARGE', mostBytes: suite.mostBytes },
        })
        expect(asked).toEqual([])
      })

    it('fails, and may try again, once it is closed', async () => {
      const { origin } = await receiver(suite.vendor)
      const sink = open(origin)
      await sink.deliver(message(ALERT, suite.format), patience())
      await sink.close()
      expect(await failureOf(sink, message(ALERT, suite.format))).toMatchObject({ code: 'SINK_UNREACHABLE', retry: true })
    })

    it('delivers twenty at once', async () => {
      const { origin, asked } = await receiver(suite.vendor)
      const sink = open(origin)
      await Promise.all(Array.from({ length: 20 }, () => sink.deliver(message(ALERT, suite.format), patience())))
      expect(asked.filter(carries).length).toBe(20)
    })

    describe('https', () => {
      const authority = makeAuthority()
      const stranger = makeAuthority('Somebody else')
      const local = authority.issue(['127.0.0.1'])
      const trusting = (ca: string) => (origin: string) => ({ ...suite.deps(origin), ca })

      it('verifies the receiver', async () => {
        const { origin, asked } = await receiver(suite.vendor, local)
        await open(origin, { ca: 'file:/ca' }, trusting(authority.cert)(origin)).deliver(message(ALERT, suite.format), patience())
        expect(asked.filter(carries).length).toBe(1)
      })

      it.each([
        ['the wrong CA', local, stranger.cert, 'UNABLE_TO_VERIFY_LEAF_SIGNATURE'],
        ['another name', authority.issue(['siem.example.com']), authority.cert, 'ERR_TLS_CERT_ALTNAME_INVALID'],
        ['an expired certificate', authority.issue(['127.0.0.1'], { expired: true }), authority.cert, 'CERT_HAS_EXPIRED'],
      ])('sends nothing to %s', async (_, tls, ca, code) => {
        const { origin, asked } = await receiver(suite.vendor, tls)
        const error = await failureOf(open(origin, { ca: 'file:/ca' }, trusting(ca)(origin)), message(ALERT, suite.format))
        expect(error).toMatchObject({ code: 'SINK_UNREACHABLE', retry: true, detail: { error: code } })
        expect(advise(error)).toMatch(/certificate/)
        expect(asked).toEqual([])
      })
    })
  })
}

/** Opens sinks and receivers of one kind, and closes them after each test. */
export function workshop(suite: Pick<HttpSinkSuite, 'kind' | 'entry' | 'deps'>) {
  const opened: { close(): Promise<unknown> }[] = []
  afterEach(async () => {
    for (const one of opened.splice(0).reverse()) await one.close()
  })
  return {
    open(origin: string, entry: object = {}, deps: Partial<SinkDeps> = suite.deps(origin)): Sink {
      const parsed = sinkEntry.parse({ name: 'sink', sink: suite.kind, ...suite.entry(origin), ...entry })
      const sink = openSink(parsed, { ...DEPS, ...deps })
      opened.push(sink)
      return sink
    },
    async receiver(receive: Receive, tls?: Pair): Promise<HttpReceiver> {
      const started = await startHttpReceiver(receive, tls)
      opened.push(started)
      return started
    },
  }
}

/** The vendor for everything but the request that carries the alert, which is answered otherwise. */
export function instead({ vendor, carries }: Pick<HttpSinkSuite, 'vendor' | 'carries'>, receive: Receive): Receive {
  return (asked, response) => ((carries ?? (() => true))(asked) ? receive(asked, response) : vendor(asked, response))
}

/** A head, and then a body that comes in drops and never ends. */
function dribble(status: number): Receive {
  return (_, response) => {
    response.writeHead(status, { 'content-type': 'application/json' })
    response.flushHeaders()
    const timer = setInterval(() => response.write(' '), 20)
    response.on('close', () => clearInterval(timer))
    return undefined
  }
}
