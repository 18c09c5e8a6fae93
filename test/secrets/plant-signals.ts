import { expect } from 'vitest'
import type { House } from '../servers/revenant.ts'
import { CLIENT_KEY, OAUTH, startSsfTransmitter } from '../servers/ssf-transmitter.ts'
import type { Marks } from './marks.ts'
import type { Note } from './receivers.ts'
import type { Run } from './run.ts'

const CAEP = 'https://schemas.openid.net/secevent/caep/event-type'
const VERIFICATION = 'https://schemas.openid.net/secevent/ssf/event-type/verification'

/**
 * Sources of shared signals, with marked secrets in what they are managed by, and marks in what their tokens need not have. A transmitter
 * is where they belong.
 */
export async function plantSignals(marks: Marks, env: Record<string, string>, house: House) {
  const transmitter = await startSsfTransmitter(() => Temporal.Now.instant())
  const { issuer, audience, configurationUrl } = transmitter
  env.SSF_CLIENT_SECRET = marks.plant('ssf client secret')
  env.SSF_MANAGEMENT = marks.plant('ssf management token')
  env.SSF_PUSH_TOKEN = marks.plant('ssf push token')
  marks.plantBytes('ssf client key', Buffer.from(CLIENT_KEY.replace(/-----[^-]+-----|\s/g, ''), 'base64'))
  const key = house.write('secrets/ssf.pem', CLIENT_KEY)
  transmitter.clientSecret = env.SSF_CLIENT_SECRET
  transmitter.granted.add(env.SSF_MANAGEMENT)
  transmitter.nextToken = () => marks.plant('ssf access token')
  const common = { source: 'ssf', issuer, audience: [audience], configurationUrl }
  const client = { tokenUrl: `${issuer}/token`, clientId: OAUTH.id }
  // Asked when the daemon starts, and by command.
  const poll = { ...common, delivery: 'poll', pollEvery: '1d', stream: {} }
  const sources = [
    { ...common, name: 'signals', pushTokens: ['env:SSF_PUSH_TOKEN'] },
    { ...poll, name: 'signals-secret', authorization: { ...client, clientSecret: 'env:SSF_CLIENT_SECRET' } },
    { ...poll, name: 'signals-key', authorization: { ...client, privateKey: `file:${key}` } },
    { ...poll, name: 'signals-token', authorization: { token: 'env:SSF_MANAGEMENT' } },
    { ...poll, name: 'signals-wrong', authorization: { token: 'env:SSF_PUSH_TOKEN' } },
  ]

  async function tell(address: string, run: Run, note: Note): Promise<void> {
    const mark = (place: string) => marks.plant(`ssf: ${place}`)
    let n = 0
    const push = async (token: string, status: number, authorization = `Bearer ${env.SSF_PUSH_TOKEN}`) => {
      const answer = await fetch(`${address}/ssf/v1/signals`, {
        method: 'POST',
        headers: { authorization, 'content-type': 'application/secevent+jwt' },
        body: token,
      })
      note(`SSF answer ${++n}`, `${JSON.stringify([...answer.headers])}${await answer.text()}`)
      expect([n, answer.status]).toEqual([n, status])
    }
    const hint = (sub: string) => ({
      ...{ jti: mark('jti'), txn: mark('txn'), [mark('a claim')]: 1, sub_id: { format: 'iss_sub', iss: issuer, sub } },
      events: { [`${CAEP}/session-revoked`]: { reason_admin: { en: mark('reason') } }, [`urn:${mark('event')}`]: {} },
    })
    await push(await transmitter.sign(hint('leaver-scim')), 202)
    await push(await transmitter.sign(hint(mark('nobody'))), 202)
    await push(await transmitter.sign({ events: { [VERIFICATION]: { state: mark('state') } } }), 202)
    await push(await transmitter.sign({ ...hint('x'), aud: mark('aud') }), 400)
    await push(await transmitter.sign({ ...hint('x'), iss: mark('iss') }), 400)
    await push(await transmitter.sign(hint('x'), { kid: mark('kid') }), 503)
    await push(await transmitter.sign(hint('x'), { typ: mark('typ') }), 400)
    await push(mark('no token'), 400)
    await push(await transmitter.sign(hint('x')), 400, `Bearer ${mark('wrong push token')}`)
    const jti = mark('polled jti')
    transmitter.waiting.set(jti, await transmitter.sign({ ...hint('leaver-scim'), jti }))
    transmitter.waiting.set(mark('refused jti'), mark('polled junk'))
    const pulls = [
      ['secret', 1, /polled tokens were refused for good \(1,/],
      ['key', 0, /^$/],
      ['token', 0, /^$/],
      ['wrong', 1, /transmitter/],
    ] as const
    for (const [name, exit, stderr] of pulls)
      expect([name, await run(`sources pull signals-${name}`)]).toMatchObject([
        name,
        { exit, stderr: expect.stringMatching(stderr) },
      ])
    expect([...transmitter.waiting.keys()].filter((each) => each === jti)).toEqual([])
  }
  return { sources, tell, stop: () => transmitter.stop() }
}
