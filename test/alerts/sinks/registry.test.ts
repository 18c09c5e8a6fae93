import { describe, expect, it } from 'vitest'
import { openSink, SINKS, sinkEntry } from '../../../src/alerts/sinks/registry.ts'
import { makeAuthority } from '../../servers/tls.ts'
import { DEPS, MARK, SECRET } from './deps.ts'

const HOOK = { name: 'hook', sink: 'webhook', to: 'https://hooks.example.com/a' }
const SOC = { name: 'soc', sink: 'syslog', to: 'tls://siem.internal:6514' }

describe('sinkEntry', () => {
  it.each([
    {
      ...HOOK,
      format: 'json',
      secret: 'env:HOOK_SECRET',
      minSeverity: 'high',
      kinds: ['open_system'],
      timeout: '30s',
      ca: 'file:/etc/ca.pem',
    },
    { ...HOOK, to: 'http://127.0.0.1:8080/', tls: 'insecure' },
    {
      ...SOC,
      format: 'ocsf',
      minSeverity: 'low',
      clientCert: 'file:/c',
      clientKey: 'file:/k',
      enterpriseId: 41_482,
      facility: 'local4',
    },
    { ...SOC, to: 'udp://10.0.0.1', maxMessageBytes: 65_507 },
    { ...SOC, to: 'tcp://[::1]:601', framing: 'lf', bom: false, appName: 'watch' },
    { name: 'out', sink: 'stdout', format: 'text' },
  ])('takes %j, and its own output again', (entry) => {
    const parsed = sinkEntry.parse(entry)
    expect(parsed).toMatchObject(entry)
    expect(sinkEntry.parse(parsed)).toEqual(parsed)
  })

  it.each([
    ['an unknown sink', { ...HOOK, sink: 'pigeon' }],
    ['an unknown key', { ...HOOK, secrte: 'env:X' }],
    ['another sink’s key', { ...HOOK, facility: 'auth' }],
    ['no address', { name: 'hook', sink: 'webhook' }],
    ['an address of another kind', { ...HOOK, to: 'tcp://a:1' }],
    ['a password in the address', { ...HOOK, to: `https://u:${MARK}@a/` }],
    ['a fragment', { ...HOOK, to: 'https://a/#b' }],
    ['a secret instead of a reference', { ...HOOK, secret: SECRET }],
    ['a certificate without key', { ...HOOK, clientCert: 'file:/c' }],
    ['an unknown format', { ...HOOK, format: 'xml' }],
    ['an unknown severity', { ...HOOK, minSeverity: 'loud' }],
    ['a duration without unit', { ...HOOK, timeout: '20' }],
    ['a path', { ...SOC, to: 'tcp://a:1/x' }],
    ['a secret for syslog', { ...SOC, secret: 'env:X' }],
    ['line feeds over TLS', { ...SOC, framing: 'lf' }],
    ['TLS material for TCP', { ...SOC, to: 'tcp://a:1', ca: 'file:/c' }],
    ['insecure TCP', { ...SOC, to: 'tcp://a:1', tls: 'insecure' }],
    ['a datagram too large', { ...SOC, to: 'udp://a', maxMessageBytes: 65_508 }],
    ['a message too small', { ...SOC, maxMessageBytes: 100 }],
    ['an application name with a space', { ...SOC, appName: 'a b' }],
    ['an address for stdout', { name: 'out', sink: 'stdout', to: 'https://a' }],
  ])('refuses %s, and quotes no secret', (_, entry) => {
    const { error } = sinkEntry.safeParse(entry)
    expect(error).toBeDefined()
    expect(String(error?.message)).not.toContain(MARK)
  })
})

describe('openSink', () => {
  it.each([
    ['a secret that nobody resolved', { ...HOOK, secret: 'env:X' }, {}, 'SECRET_UNAVAILABLE'],
    ['an address that nobody resolved', { ...HOOK, to: 'env:X' }, {}, 'SECRET_UNAVAILABLE'],
    ['an address that is none', { ...HOOK, to: 'env:X' }, { to: `ftp://${MARK}` }, 'CONFIG_INVALID'],
    ['an empty secret', { ...HOOK, secret: 'env:X' }, { secret: '' }, 'SECRET_UNAVAILABLE'],
    ['a secret that is none', { ...HOOK, secret: 'env:X' }, { secret: `whsec_${MARK}` }, 'SECRET_INVALID'],
    ['a CA that is none', { ...HOOK, ca: 'file:/c' }, { ca: `${MARK} is no PEM` }, 'CONFIG_INVALID'],
    [
      'a client certificate that is none',
      { ...SOC, clientCert: 'file:/c', clientKey: 'file:/k' },
      { clientCert: MARK, clientKey: MARK },
      'CONFIG_INVALID',
    ],
  ])('refuses %s, with a code and without quoting it', (_, entry, deps, code) => {
    const fail = () => openSink(sinkEntry.parse(entry), { ...DEPS, ...deps })
    expect(fail).toThrow(expect.objectContaining({ code }))
    expect(fail).not.toThrow(new RegExp(MARK))
  })

  it('opens every kind without connecting anywhere', async () => {
    const { cert } = makeAuthority()
    const entries = [{ ...HOOK, ca: 'file:/c' }, SOC, { name: 'out', sink: 'stdout' }]
    const sinks = entries.map((entry) => openSink(sinkEntry.parse(entry), { ...DEPS, ca: cert }))
    expect(sinks.map(({ kind }) => kind).sort()).toEqual(Object.keys(SINKS).sort())
    expect(sinks.map(({ maxBodyBytes }) => maxBodyBytes)).toEqual([20_000, 7_168, 20_000])
    for (const sink of sinks) await sink.close()
  })
})
