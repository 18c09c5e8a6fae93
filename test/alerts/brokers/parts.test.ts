import { describe, expect, it } from 'vitest'
import { addressesOf, firstOf } from '../../../src/alerts/brokers/address.ts'
import { factHeaders } from '../../../src/alerts/brokers/facts.ts'
import { openLinks } from '../../../src/alerts/brokers/link.ts'
import { openTurns } from '../../../src/alerts/brokers/turns.ts'
import { envelopeOf } from '../../../src/alerts/envelope.ts'
import { ALERT } from '../sample.ts'

const PORTS = { tls: 9093, tcp: 9092 } as const

describe('addressesOf', () => {
  it.each([
    ['tls://a', [{ scheme: 'tls', host: 'a', port: 9093 }]],
    [
      'tcp://a:1, tcp://[::1]:2/',
      [
        { scheme: 'tcp', host: 'a', port: 1 },
        { scheme: 'tcp', host: '::1', port: 2 },
      ],
    ],
  ])('reads %s', (text, addresses) => expect(addressesOf(text, PORTS)).toEqual(addresses))

  it.each([
    '',
    'a:1',
    'tls://',
    'tls://a,tcp://b',
    'tls://a,',
    'tls://u@a',
    'tls://:p@a',
    'tls://a/b',
    'tls://a?b',
    'tls://a#b',
    'http://a',
    'tls://a:99999',
  ])('refuses %j', (text) => expect(addressesOf(text, PORTS)).toBeUndefined())
})

describe('firstOf', () => {
  const [one, two] = [
    { scheme: 'tcp', host: 'one', port: 1 },
    { scheme: 'tcp', host: 'two', port: 2 },
  ]
  it('asks one after the other, and fails as the last did', async () => {
    const asked: string[] = []
    const open = async ({ host }: { host: string }) => {
      asked.push(host)
      if (host !== 'two') throw new Error(host)
      return host
    }
    expect(await firstOf([one, two], open)).toBe('two')
    expect(asked).toEqual(['one', 'two'])
    await expect(firstOf([one, { ...one, host: 'three' }], open)).rejects.toThrow('three')
  })
})

describe('openTurns', () => {
  it('runs one key in order, others meanwhile, and goes on after a failure', async () => {
    const turn = openTurns()
    const log: string[] = []
    const gate = Promise.withResolvers<void>()
    const tasks = [
      turn('a', async () => {
        await gate.promise
        log.push('a1')
      }),
      turn('a', async () => {
        log.push('a2')
        throw new Error('a2')
      }).catch(() => undefined),
      turn('a', async () => {
        log.push('a3')
      }),
      turn('b', async () => {
        log.push('b1')
        gate.resolve()
      }),
    ]
    await Promise.all(tasks)
    expect(log).toEqual(['b1', 'a1', 'a2', 'a3'])
  })
})

describe('openLinks', () => {
  function house() {
    let count = 0
    const dead = new Set<number>()
    const shut: number[] = []
    let fails = false
    const gates: (() => void)[] = []
    let slow = false
    const links = openLinks<number>({
      async open() {
        count++
        const mine = count
        if (slow) await new Promise<void>((resolve) => gates.push(resolve))
        if (fails) throw new Error('no')
        return mine
      },
      async shut(link) {
        shut.push(link)
      },
      alive: (link) => !dead.has(link),
    })
    return { links, dead, shut, gates, slowly: () => (slow = true), fail: (so: boolean) => (fails = so), opened: () => count }
  }

  it('shares one link, and opens another once it is dead, dropped, or could not be opened', async () => {
    const { links, dead, shut, fail, opened } = house()
    expect(await Promise.all([links.get(), links.get()])).toEqual([1, 1])
    dead.add(1)
    expect(await links.get()).toBe(2)
    links.drop(2)
    links.drop(1)
    expect(await links.get()).toBe(3)
    links.drop(3)
    fail(true)
    await expect(links.get()).rejects.toThrow('no')
    fail(false)
    expect(await links.get()).toBe(5)
    await links.close()
    expect(shut).toEqual([1, 2, 3, 5])
    expect(opened()).toBe(5)
  })

  it('shuts a link that was still being opened when all was closed', async () => {
    const { links, shut, gates, slowly } = house()
    slowly()
    const asked = links.get()
    const closed = links.close()
    gates[0]?.()
    expect(await asked).toBe(1)
    await closed
    expect(shut).toEqual([1])
  })
})

describe('factHeaders', () => {
  it('is short, printable, and leaves out what there is not', () => {
    const alert = { ...ALERT, system: { ...ALERT.system, name: `a\r\nBcc: x\u202E${'y'.repeat(500)}` } }
    const { evidence: _, ...less } = alert
    const headers = factHeaders(envelopeOf({ type: 'alert', alert: less }), { contentType: 'text/plain', body: '' })
    expect(headers['content-type']).toBe('text/plain')
    expect(headers['revenant-system']).toMatch(/^a Bcc: x y+…$/)
    expect(headers['revenant-system']?.length).toBe(256)
    expect(headers).not.toHaveProperty('revenant-verdict')
  })
})
