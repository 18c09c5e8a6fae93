import { readdirSync, readFileSync } from 'node:fs'
import { expect } from 'vitest'
import { type House, type RunningDaemon, until } from '../servers/revenant.ts'
import type { Note } from './receivers.ts'

/**
 * Preloaded: on SIGUSR2 something throws an error that quotes a secret in its message and its fields, and nobody catches it; and
 * nobody handles what fails, with all that it was to send, while the sink `pager` sends.
 */
const THROWS = `import { subscribe } from 'node:diagnostics_channel'
const failure = (secret, more) => Object.assign(new TypeError('bad ' + secret, { cause: new Error(secret) }), { secret, ...more })
process.on('SIGUSR2', () => {
  throw failure(process.env.SECRET_BEARER, { headers: { authorization: process.env.SECRET_BEARER } })
})
subscribe('undici:request:create', ({ request }) => {
  if (request.path === '/v2/enqueue') Promise.reject(failure(String(request.body), { request, key: process.env.SINK_PAGER }))
})`

/** @param inDaemon the daemon runs commands itself, and their sinks with it */
export async function crashes(house: House, first: RunningDaemon, note: Note, inDaemon: boolean): Promise<void> {
  note('log of the first daemon', first.said())
  const ended = await first.stop()
  note('end of the first daemon', `${ended.stdout}${ended.stderr}`)
  const env = { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(THROWS)}` }
  const throwing = await house.daemon({ env })
  const ran = await house.run(['alerts', 'test', 'pager'], { env })
  note('revenant alerts test pager, whose sink throws', `${ran.stdout}${ran.stderr}`)
  // The daemon is gone in the middle of it, or the process itself is: a fault, and nobody's input.
  expect(ran.exit).toBe(1)
  // An alert of its own that goes to this sink may have ended the daemon before the command came: then the process itself is.
  expect(ran.stderr.split('\n')[0]).toMatch(inDaemon ? /daemon|unexpected TypeError/ : /unexpected TypeError/)
  if (!inDaemon) throwing.child.kill('SIGUSR2')
  await until(
    () => throwing.child.exitCode ?? throwing.child.signalCode,
    (end) => end !== null,
    60_000,
  ).catch((error: unknown) => {
    throw new Error(`the daemon lives on: ${String(error)}\n${ran.stdout}${ran.stderr}${throwing.said().slice(-3_000)}`)
  })
  const thrown = await throwing.ended
  note('log of the daemon that threw', `${thrown.stdout}${thrown.stderr}`)
  expect(thrown.exit).not.toBe(0)
  const aborted = await house.daemon()
  const abort = await aborted.stop('SIGABRT')
  note('log of the daemon that was aborted', `${abort.stdout}${abort.stderr}`)
}

/** What everybody on the machine can read of every process, and the environment that our daemon hands to children, if any. */
export function processList(daemon: number): string {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name))
  const read = (file: string) => {
    try {
      return readFileSync(file, 'latin1')
    } catch {
      return ''
    }
  }
  const children = new Set(read(`/proc/${daemon}/task/${daemon}/children`).split(' ').filter(Boolean))
  return pids
    .map(
      (pid) =>
        `${pid} ${read(`/proc/${pid}/comm`)}${read(`/proc/${pid}/cmdline`)}${children.has(pid) ? read(`/proc/${pid}/environ`) : ''}`,
    )
    .join('\n')
}
