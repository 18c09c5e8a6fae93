import { existsSync } from 'node:fs'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { freePort, publicFolder, startServer } from './spawned.ts'
import type { Pair } from './tls.ts'

/** Debian lets one of rsyslog and syslog-ng be installed: `.ci/run` unpacks the second beside the first. */
const ROOT = ['', '/opt/syslog-ng'].find((root) => existsSync(`${root}/usr/sbin/syslog-ng`)) ?? ''
export const SYSLOG_NG = `${ROOT}/usr/sbin/syslog-ng`
const LIBRARIES = `${ROOT}/usr/lib/syslog-ng`

export interface SyslogNgOptions {
  port?: number
  tls?: Pair & { ca: string }
  /** Ask clients for a certificate of the CA. */
  clients?: boolean
}

/** What syslog-ng understood of a message. */
export interface Understood {
  pri: string
  host: string
  program: string
  pid: string
  msgid: string
  sdata: string
  date: string
  message: string
}

export interface SyslogNg {
  readonly port: number
  /** Waits until so many messages are in the log; throws after five seconds. */
  logged(count: number): Promise<Understood[]>
  close(): Promise<void>
}

const FIELDS = ['pri', 'host', 'program', 'pid', 'msgid', 'sdata', 'date', 'message'] as const
const SEPARATOR = '\t'

/** A real syslog-ng with a configuration of its own, in the foreground, on 127.0.0.1: its driver `syslog()`, RFC 5424 over TCP or TLS. */
export async function startSyslogNg(options: SyslogNgOptions = {}): Promise<SyslogNg> {
  const folder = publicFolder('revenant-syslog-ng-')
  const at = (name: string) => join(folder.path, name)
  const port = options.port ?? (await freePort())
  for (const [name, pem] of Object.entries(options.tls ?? {})) await writeFile(at(name), pem, { mode: 0o600 })
  await writeFile(at('conf'), configuration(folder.path, port, options))
  const files = ['--module-path', await modules(), '-f', at('conf'), '-R', at('persist'), '-p', at('pid'), '-c', at('control')]
  try {
    const env = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LD_LIBRARY_PATH: LIBRARIES }
    const stop = await startServer(SYSLOG_NG, ['-F', '--no-caps', ...files], port, { env })
    const close = async () => {
      await stop()
      folder.remove()
    }
    return { port, logged: (count) => readLog(at('log'), count), close }
  } catch (error) {
    folder.remove()
    throw error
  }
}

/** In a folder named after the version. */
async function modules(): Promise<string> {
  const version = (await readdir(LIBRARIES)).find((name) => /^\d+\.\d+$/.test(name)) ?? ''
  return join(LIBRARIES, version)
}

function configuration(folder: string, port: number, { tls, clients = false }: SyslogNgOptions): string {
  const peer = clients ? `ca-file("${folder}/ca") peer-verify(required-trusted)` : 'peer-verify(optional-untrusted)'
  const secure = tls === undefined ? '' : ` tls(key-file("${folder}/key") cert-file("${folder}/cert") ${peer})`
  const values = ['$PRI', '$HOST', '$PROGRAM', '$PID', '$MSGID', '$SDATA', '$ISODATE', '$MSG'].join('\\t')
  return `@version: 3.38
options { keep-hostname(yes); use-dns(no); flush-lines(1); stats-freq(0); frac-digits(3); };
source s { syslog(ip("127.0.0.1") port(${port}) transport("${tls === undefined ? 'tcp' : 'tls'}")${secure}); };
destination d { file("${folder}/log" template("${values}\\n") template-escape(no)); };
log { source(s); destination(d); };
`
}

async function readLog(log: string, count: number): Promise<Understood[]> {
  let lines: string[] = []
  for (let tries = 0; tries < 100; tries++) {
    const text = existsSync(log) ? await readFile(log, 'utf8') : ''
    lines = text.split('\n').slice(0, -1)
    if (lines.length >= count) return lines.map(understood)
    await sleep(50)
  }
  throw new Error(`syslog-ng has ${lines.length} messages, not ${count}`)
}

function understood(line: string): Understood {
  const values = line.split(SEPARATOR)
  const [pri = '', host = '', program = '', pid = '', msgid = '', sdata = '', date = ''] = values
  return { pri, host, program, pid, msgid, sdata, date, message: values.slice(FIELDS.length - 1).join(SEPARATOR) }
}
