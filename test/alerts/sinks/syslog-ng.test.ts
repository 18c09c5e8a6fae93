import { describe, expect, it } from 'vitest'
import { needs } from '../../servers/require.ts'
import { SYSLOG_NG, type SyslogNgOptions, startSyslogNg } from '../../servers/syslog-ng.ts'
import { ALERT } from '../sample.ts'
import {
  authority,
  clientPair,
  deliverMany,
  expectOrder,
  keep,
  numbered,
  openEntry,
  receiptOf,
  serverPair,
  stranger,
} from './brokers.ts'
import { failureOf, message } from './deps.ts'

describe.skipIf(!needs('syslog-ng-core', SYSLOG_NG))(
  'syslog-ng (needs the package syslog-ng-core, installed or unpacked into /opt/syslog-ng)',
  () => {
    const daemon = async (options: SyslogNgOptions = {}) => keep(await startSyslogNg(options))
    const tcp = (port: number, more: object = {}) => ({ sink: 'syslog', to: `tcp://127.0.0.1:${port}`, ...more })
    const tls = (port: number, more: object = {}) => ({ sink: 'syslog', to: `tls://127.0.0.1:${port}`, ca: 'file:/ca', ...more })

    it.each(['json', 'ocsf', 'text'] as const)('reads %s over TCP with its structured data', async (format) => {
      const server = await daemon()
      const alert = { ...ALERT, system: { ...ALERT.system, name: 'a"b]c\\d naïve 名前' } }
      await receiptOf(openEntry(tcp(server.port)), message(alert, format))
      const [one] = await server.logged(1)
      expect(one).toMatchObject({
        pri: '82',
        host: 'watch.example.com',
        program: 'revenant',
        pid: String(process.pid),
        msgid: 'opened',
      })
      expect(Date.parse(one?.date ?? '')).toBe(Date.parse(ALERT.at))
      expect(one?.sdata).toContain(`dedup="${ALERT.dedupKey}"`)
      expect(one?.sdata).toContain('system="a\\"b\\]c\\\\d naïve 名前"')
      const body = (one?.message ?? '').replace(/^\uFEFF/, '')
      if (format === 'json') expect(JSON.parse(body)).toMatchObject({ type: 'revenant.finding.opened', data: alert })
      if (format === 'ocsf') expect(JSON.parse(body)).toMatchObject({ class_uid: 2004, finding_info: { uid: ALERT.dedupKey } })
      if (format === 'text') expect(body).toContain('CRITICAL Residual access')
    })

    it('gets 200 deliveries at once, each finding’s in order', async () => {
      const server = await daemon()
      await deliverMany(openEntry(tcp(server.port)))
      const logged = await server.logged(200)
      expectOrder(
        logged.map(({ sdata }) => ({
          key: / dedup="([^"]+)"/.exec(sdata)?.[1] ?? '',
          sequence: Number(/ sequence="(\d+)"/.exec(sdata)?.[1]),
        })),
      )
    })

    it('gets everything again after a restart', async () => {
      const first = await startSyslogNg()
      const sink = openEntry(tcp(first.port))
      await receiptOf(sink, numbered(1))
      await first.logged(1)
      await first.close()
      expect(await failureOf(sink, numbered(2))).toMatchObject({ code: 'SINK_UNREACHABLE', retry: true })
      const second = await daemon({ port: first.port })
      await receiptOf(sink, numbered(2))
      expect((await second.logged(1))[0]?.sdata).toContain('sequence="2"')
    })

    it('is verified over TLS, and gets nothing when it is not', async () => {
      const server = await daemon({ tls: serverPair })
      const sink = openEntry(tls(server.port), { ca: authority.cert })
      await receiptOf(sink, numbered(1))
      await receiptOf(sink, numbered(2))
      expect(await failureOf(openEntry(tls(server.port), { ca: stranger.cert }))).toMatchObject({
        code: 'SINK_UNREACHABLE',
        retry: true,
      })
      expect((await server.logged(2)).length).toBe(2)
    })

    it('is shown the client certificate it asks for, and turns away who has none or a stranger’s', async () => {
      const server = await daemon({ tls: serverPair, clients: true })
      const files = { clientCert: 'file:/c', clientKey: 'file:/k' }
      const known = openEntry(tls(server.port, files), {
        ca: authority.cert,
        clientCert: clientPair.cert,
        clientKey: clientPair.key,
      })
      await receiptOf(known)
      await server.logged(1)
      expect(await failureOf(openEntry(tls(server.port), { ca: authority.cert }))).toMatchObject({
        code: 'SINK_UNREACHABLE',
        retry: true,
      })
      const other = stranger.issue(['revenant'])
      const unknown = openEntry(tls(server.port, files), { ca: authority.cert, clientCert: other.cert, clientKey: other.key })
      expect(await failureOf(unknown)).toMatchObject({ code: 'SINK_UNREACHABLE', retry: true })
      expect((await server.logged(1)).length).toBe(1)
    })
  },
)
