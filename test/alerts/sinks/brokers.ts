import { afterEach, expect } from 'vitest'
import type { FormatName } from '../../../src/alerts/formats/format.ts'
import { openSink, sinkEntry } from '../../../src/alerts/sinks/registry.ts'
import type { Message, Sink, SinkDeps } from '../../../src/alerts/sinks/sink.ts'
import type { Alert } from '../../../src/domain/alert.ts'
import { newId } from '../../../src/domain/id.ts'
import { makeAuthority } from '../../servers/tls.ts'
import { ALERT } from '../sample.ts'
import { DEPS, MARK, message, patience } from './deps.ts'

/** What the tests of all sinks of brokers share: sinks that are closed afterwards, messages by number, the CA of the day. */
export const authority = makeAuthority()
export const stranger = makeAuthority('Somebody else')
export const serverPair = { ...authority.issue(['127.0.0.1', 'localhost']), ca: authority.cert }
export const clientPair = authority.issue(['revenant'])
/** A password that must be seen nowhere. */
export const PASSWORD = `${MARK}-right`

const open: { close(): Promise<unknown> }[] = []
afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one.close()
})

/** Has it closed after the test. */
export function keep<One extends { close(): Promise<unknown> }>(one: One): One {
  open.push(one)
  return one
}

export function openEntry(entry: object, deps: Partial<SinkDeps> = {}): Sink {
  return keep(openSink(sinkEntry.parse({ name: 'soc', ...entry }), { ...DEPS, ...deps }))
}

/** Another alert of the same finding, or of the finding of that key. */
export function numbered(sequence: number, key = ALERT.dedupKey, format: FormatName = 'json'): Message {
  return message({ ...ALERT, id: newId(), sequence, dedupKey: key } satisfies Alert, format)
}

/** A body of so many bytes. */
export function sized(bytes: number): Message {
  return { ...numbered(1), rendered: { contentType: 'text/plain', body: 'x'.repeat(bytes) } }
}

/** Delivers twenty messages of each of ten keys at once, each key's in order. */
export async function deliverMany(sink: Sink, format: FormatName = 'json'): Promise<Message[]> {
  const messages = Array.from({ length: 200 }, (_, n) => numbered(Math.floor(n / 10) + 1, `finding:${n % 10}`, format))
  await Promise.all(messages.map((one) => sink.deliver(one, AbortSignal.timeout(60_000))))
  return messages
}

/** Whether each key's sequence numbers arrived as 1, 2, 3 … 20. */
export function expectOrder(arrived: readonly { key: string; sequence: number }[]): void {
  const byKey = Map.groupBy(arrived, ({ key }) => key)
  expect(byKey.size).toBe(10)
  for (const [key, of] of byKey)
    expect(
      of.map(({ sequence }) => sequence),
      key,
    ).toEqual(Array.from({ length: 20 }, (_, n) => n + 1))
}

export async function until(condition: () => boolean | Promise<boolean>, tries = 250): Promise<void> {
  for (let n = 0; n < tries; n++) {
    if (await condition()) return
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  throw new Error('waited in vain')
}

/** The receipts of deliveries as one text: no secret may stand in it. */
export async function receiptOf(sink: Sink, one: Message = message()): Promise<Record<string, string | number>> {
  const { detail } = await sink.deliver(one, patience())
  expect(JSON.stringify(detail)).not.toContain(MARK)
  return detail
}

/** Handles that keep the process alive, by type; a sink that was closed leaves none behind that it opened. */
export async function expectNoHandles(before: readonly string[]): Promise<void> {
  const extra = () => {
    const left = [...process.getActiveResourcesInfo()]
    for (const one of before) {
      const at = left.indexOf(one)
      if (at >= 0) left.splice(at, 1)
    }
    return left.filter((one) => /^(TCP|TLS|Timeout|GetAddrInfo)/.test(one))
  }
  await until(() => extra().length === 0).catch(() => expect(extra()).toEqual([]))
}
