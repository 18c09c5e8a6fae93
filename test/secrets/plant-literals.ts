import { expect } from 'vitest'
import type { House } from '../servers/revenant.ts'
import type { Marks } from './marks.ts'
import type { Note } from './receivers.ts'

export async function literalSecrets(house: House, config: Record<string, unknown>, marks: Marks, note: Note): Promise<void> {
  const texts = literals(config, marks)
  const check = async (text: string, n: number) => {
    const file = house.write(`literal-${n}.yaml`, text)
    const ran = await house.run(['config', 'check', ...(n % 2 === 0 ? ['--json'] : [])], { config: file })
    note(`revenant config check, file ${n}`, `${ran.stdout}${ran.stderr}`)
    expect([n, ran.exit]).toEqual([n, 2])
  }
  // The daemon was given all of them, and says the same.
  const some = texts.filter((_, n) => n % 4 === 0)
  for (let at = 0; at < some.length; at += 4) await Promise.all(some.slice(at, at + 4).map((text, n) => check(text, at + n)))
  const ran = await house.run(['run'], { config: house.path('literal-0.yaml') })
  note('revenant run with a literal secret', `${ran.stdout}${ran.stderr}`)
  expect(ran.exit).toBe(2)
}

/** Files that hold a secret themselves, each in another place. */
export function literals(config: Record<string, unknown>, marks: Marks): string[] {
  const mark = (place: string) => marks.plant(`config: ${place}`)
  const http = {
    probe: 'http',
    target: {
      url: 'http://127.0.0.1:1/',
      credential: 'bearer',
      accept: [{ when: { status: 200, json: { '/a': { exists: true } } } }],
    },
  }
  const files: object[] = [
    { keyRing: { wrap: { by: 'passphrase', passphrase: mark('passphrase of the key ring') } } },
    { database: { url: `postgres://revenant:${mark('database password')}@127.0.0.1/revenant` } },
    { systems: [{ name: 'a', ...http, controls: { canary: mark('canary') } }] },
    { systems: [{ name: 'a', ...http, controls: { canary: { token: mark('canary field') } } }] },
    { systems: [{ name: 'a', ...http, target: { ...http.target, headers: { authorization: `Bearer ${mark('header')}` } } }] },
    { systems: [{ name: 'a', ...http, target: { ...http.target, url: `http://u:${mark('url password')}@127.0.0.1:1/` } }] },
    { systems: [{ name: 'a', ...http, token: mark('unknown key of a system') }] },
    { systems: [{ name: 'a', ...http, target: { ...http.target, [mark('unknown key of a target')]: 1 } }] },
    { systems: [{ name: 'a', ...http, target: { ...http.target, credential: mark('credential') } }] },
    { alerts: [{ name: 'a', sink: 'stdout', format: 'json', [mark('unknown key of a sink')]: 1 }] },
    { systems: [{ name: mark('name'), probe: mark('probe'), tier: mark('tier'), schedule: mark('schedule') }] },
    { alerts: [{ name: 'a', sink: 'webhook', format: 'json', to: 'https://127.0.0.1/', secret: mark('signing secret') }] },
    { alerts: [{ name: 'a', sink: 'webhook', format: 'json', to: `https://u:${mark('receiver password')}@127.0.0.1/` }] },
    { alerts: [{ name: 'a', sink: 'pager', format: 'json', routingKey: mark('routing key') }] },
    ...literalSinks(mark).map((sink) => ({ alerts: [{ name: 'a', ...sink }] })),
    ...literalAnchors(mark).map((anchor) => ({ ledger: { anchors: [{ name: 'a', ...anchor }] } })),
    { [mark('top-level key')]: 1 },
    { listen: mark('listen'), zones: [mark('zone')], telemetry: { logLevel: mark('level') } },
  ]
  return [
    ...files.map((file) => JSON.stringify({ ...config, ...file })),
    `systems:\n  - {name: a, probe: http, token:${mark('broken YAML')}\n`,
    `${mark('no YAML')}: [`,
    `systems: &a\n - *${mark('alias')}\n`,
    `systems: !${mark('tag')} x\n`,
  ]
}

/** A secret of each sink in the file itself, in the place of a reference or in an address. */
function literalSinks(mark: (place: string) => string): object[] {
  const http = 'https://127.0.0.1/'
  const guid = '11111111-2222-4333-8444-555555555555'
  const sinks: Record<string, object> = {
    'splunk-hec': { to: http },
    elasticsearch: { to: http },
    sentinel: { to: http, dcr: `dcr-${'0'.repeat(32)}`, tenant: 'x', clientId: guid },
    'google-secops': { to: http, project: 'p', location: 'eu', instance: guid },
    otlp: { to: http },
    pagerduty: {},
    'jira-service-management': {},
    kafka: { to: 'tls://127.0.0.1:1', topic: 'x', username: 'u' },
    nats: { to: 'tls://127.0.0.1:1', subject: 'x', username: 'u' },
    amqp: { to: 'amqps://127.0.0.1:1', routingKey: 'x', username: 'u' },
    smtp: { to: 'smtps://127.0.0.1:1', from: 'a@example.com', recipients: ['a@example.com'], username: 'u' },
    sqs: { to: 'https://sqs.eu-west-1.amazonaws.com/1/x', accessKeyId: 'A'.repeat(20) },
  }
  const userInfo = { kafka: 'tls', nats: 'tls', amqp: 'amqps', smtp: 'smtps', slack: 'https', teams: 'https' }
  return [
    ...Object.entries(sinks).map(([sink, rest]) => ({ sink, ...rest, secret: mark(`${sink} secret`) })),
    ...Object.entries(userInfo).map(([sink, scheme]) => ({
      sink,
      ...sinks[sink],
      to: `${scheme}://u:${mark(`${sink} url`)}@127.0.0.1:1`,
    })),
    { sink: 'ssf', to: http, issuer: http, audience: 'x', signingKey: mark('signing key') },
    { sink: 'webhook', to: http, clientCert: 'file:/x', clientKey: mark('client key') },
    { sink: 'sqs', ...sinks.sqs, secret: 'env:X', accessKeyId: mark('access key id') },
    { sink: 'slack', to: mark('no URL') },
    { sink: mark('sink'), to: http },
    { sink: 'stdout', format: mark('format') },
  ]
}

function literalAnchors(mark: (place: string) => string): object[] {
  const url = 'https://127.0.0.1/'
  return [
    { kind: 'webhook', url, authorization: `Bearer ${mark('anchor authorization')}` },
    { kind: 'webhook', url: `https://u:${mark('anchor password')}@127.0.0.1/` },
    { kind: 'witness', url, vkey: mark('verifier key') },
    { kind: 'webhook', url: mark('anchor URL') },
    { kind: mark('anchor kind'), url },
  ]
}
