import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { element, elementLength, elements, integer, LdapProtocolError, octets, readInteger, TAG } from '../../probes/ldap/ber.ts'
import { MAX_MESSAGE_BYTES, openFrames } from '../../probes/ldap/frames.ts'
import {
  bindRequest,
  decodeMessage,
  decodePasswordPolicy,
  type LdapMessage,
  OID,
  OP,
  resultOf,
  valuesOf,
} from '../../probes/ldap/message.ts'
import { response, rootDse } from './ldap-script.ts'

const hex = (text: string) => Buffer.from(text.replaceAll(' ', ''), 'hex')

/** Reads bytes in every way there is; what it throws is LdapProtocolError or the property fails. */
function readAll(bytes: Buffer): void {
  const reads = [
    () => void elementLength(bytes, 1_000),
    () => void elements(bytes),
    () => void readInteger(bytes),
    () => void decodePasswordPolicy(bytes),
    () => readMessage(decodeMessage(bytes)),
  ]
  for (const read of reads) allowingProtocolErrors(read)
}

function readMessage(message: LdapMessage): void {
  allowingProtocolErrors(() => void resultOf(message, OP.bindResponse))
  allowingProtocolErrors(() => void resultOf(message, OP.extendedResponse))
  allowingProtocolErrors(() => void valuesOf(message, 'tokenGroups'))
  for (const control of message.controls.values()) allowingProtocolErrors(() => void decodePasswordPolicy(control))
}

function allowingProtocolErrors(read: () => void): void {
  try {
    read()
  } catch (error) {
    if (!(error instanceof LdapProtocolError)) throw error
  }
}

describe('BER', () => {
  it('survives any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => readAll(Buffer.from(bytes))),
      { numRuns: 5_000 },
    )
  })

  it('survives a good message with some bytes changed, cut or repeated', () => {
    const good = [
      response(1, OP.bindResponse, { code: 49, diagnostic: 'no', policyError: 1, graceLogins: 2, netscapeExpired: true }),
      response(2, OP.extendedResponse, { code: 0, value: 'dn:uid=jdoe', name: OID.whoAmI }),
      rootDse(3, 'tokenGroups', Buffer.alloc(28, 1)),
    ]
    const changes = fc.array(fc.tuple(fc.nat(200), fc.integer({ min: 0, max: 255 })), { maxLength: 6 })
    fc.assert(
      fc.property(fc.constantFrom(...good), changes, fc.nat(200), fc.nat(200), (message, list, from, to) => {
        const bytes = Buffer.from(message)
        for (const [at, value] of list) bytes[at % bytes.length] = value
        readAll(bytes)
        readAll(bytes.subarray(0, from % bytes.length))
        readAll(Buffer.concat([bytes.subarray(0, from % bytes.length), bytes.subarray(to % bytes.length)]))
      }),
      { numRuns: 5_000 },
    )
  })

  it('reads back what it wrote', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 0x7fffffff }), fc.string({ unit: 'grapheme', maxLength: 70_000 }), (number, text) => {
        const [first, second, ...rest] = elements(Buffer.concat([integer(number), octets(text)]))
        expect(readInteger(first?.value ?? Buffer.alloc(0))).toBe(number)
        expect(second?.value.toString('utf8')).toBe(text)
        expect(rest).toEqual([])
      }),
    )
  })

  it.each([
    [0, '020100'],
    [127, '02017f'],
    [128, '02020080'],
    [255, '020200ff'],
    [256, '02020100'],
    [0x7fffffff, '02047fffffff'],
  ])('writes %i in its shortest form', (number, bytes) => {
    expect(integer(number).toString('hex')).toBe(bytes)
  })

  it.each([
    [127, '047f'],
    [128, '048180'],
    [256, '04820100'],
    [65_536, '0483010000'],
  ])('writes the length %i in its shortest form', (length, head) => {
    expect(
      octets('x'.repeat(length))
        .subarray(0, head.length / 2)
        .toString('hex'),
    ).toBe(head)
  })

  it('reads lengths with leading zeros, as domain controllers write them', () => {
    expect(elements(hex('0484 0000 0002 6162'))).toEqual([{ tag: 4, value: Buffer.from('ab') }])
  })

  it.each([
    ['the indefinite form', '3080 0000'],
    ['five length bytes', '3085 0000000001 00'],
    ['a tag of several bytes', '1f 81 01 00'],
    ['more than the limit', '3083 010000'],
    ['2^32 - 1 bytes', '3084 ffffffff'],
  ])('refuses %s from the header alone', (_what, bytes) => {
    expect(() => elementLength(hex(bytes), 1_000)).toThrow(LdapProtocolError)
  })

  it.each(['', '30', '3082', '308201'])('waits for the rest of the header %j', (bytes) => {
    expect(elementLength(hex(bytes), 1_000)).toBeUndefined()
  })

  it.each([
    ['nothing', ''],
    ['five bytes', '0000000001'],
    ['a negative number', 'ff'],
  ])('refuses %s as an integer', (_what, bytes) => {
    expect(() => readInteger(hex(bytes))).toThrow(LdapProtocolError)
  })
})

describe('frames', () => {
  const messages = fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 8 })

  it('come out whole and in order, however they are cut', () => {
    fc.assert(
      fc.property(messages, fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1 }), (values, cuts) => {
        const sent = values.map((value) => element(TAG.octets, value))
        const stream = Buffer.concat(sent)
        const frames = openFrames()
        const received: Buffer[] = []
        for (let at = 0, turn = 0; at < stream.length; turn++) {
          const size = cuts[turn % cuts.length] ?? 1
          frames.push(stream.subarray(at, at + size))
          at += size
          for (let frame = frames.shift(); frame !== undefined; frame = frames.shift()) received.push(frame)
        }
        expect(received.map((frame) => frame.toString('hex'))).toEqual(sent.map((frame) => frame.toString('hex')))
        expect(frames.size()).toBe(0)
      }),
    )
  })

  it('hold no more than two messages can be long, whatever arrives', () => {
    const frames = openFrames()
    frames.push(octets('asked for'))
    const flood = () => {
      for (let pushed = 0; pushed < 10; pushed++) frames.push(Buffer.alloc(65_536))
    }
    expect(flood).toThrow(LdapProtocolError)
    expect(frames.size()).toBeLessThan(2 * MAX_MESSAGE_BYTES + 65_536)
  })

  it('a message of the longest kind, byte by byte, costs its length and not its square', () => {
    const frames = openFrames()
    const message = octets('x'.repeat(MAX_MESSAGE_BYTES - 5))
    const started = performance.now()
    for (const byte of message) frames.push(Buffer.from([byte]))
    expect(frames.shift()?.length).toBe(message.length)
    // Some 50 ms; joined at every byte it would move 34 GB.
    expect(performance.now() - started).toBeLessThan(3_000)
  })
})

describe('messages', () => {
  it('writes a bind as RFC 4511 and the password policy draft have it', () => {
    const name = '04 01 61'
    const password = '80 01 62'
    const control = `a0 1d 30 1b 04 19 ${Buffer.from(OID.passwordPolicy).toString('hex')}`
    const expected = hex(`30 2d 02 01 01 60 09 02 01 03 ${name} ${password} ${control}`)
    expect(bindRequest(1, 'a', 'b').toString('hex')).toBe(Buffer.from(expected).toString('hex'))
  })

  it.each([
    ['', 'x'],
    ['x', ''],
  ])('writes no bind for %j and %j, which would be anonymous', (name, password) => {
    expect(() => bindRequest(1, name, password)).toThrow(LdapProtocolError)
  })

  it.each([
    [
      'two messages in one',
      Buffer.concat([response(1, OP.bindResponse, { code: 0 }), response(1, OP.bindResponse, { code: 0 })]),
    ],
    ['something behind the controls', element(TAG.sequence, integer(1), element(0x61), element(0xa0), element(0xa0))],
    ['a control twice', element(TAG.sequence, integer(1), element(0x61), element(0xa0, control('1.2'), control('1.2')))],
    ['no message id', element(TAG.sequence, element(0x61))],
    ['an operation of no LDAP class', element(TAG.sequence, integer(1), element(0x30))],
  ])('refuses %s', (_what, bytes) => {
    expect(() => decodeMessage(bytes)).toThrow(LdapProtocolError)
  })

  it.each([
    ['30 00', {}],
    ['30 03 81 01 01', { error: 1 }],
    ['30 05 a0 03 81 01 05', { graceLogins: 5 }],
    ['30 08 a0 03 80 01 3c 81 01 02', { secondsToExpiry: 60, error: 2 }],
  ])('reads the password policy %s', (bytes, policy) => {
    expect(decodePasswordPolicy(hex(bytes))).toEqual(policy)
  })
})

function control(oid: string): Buffer {
  return element(TAG.sequence, octets(oid))
}
