import { request } from 'node:http'
import { request as secureRequest } from 'node:https'
import { isIPv6 } from 'node:net'
import { type Listen, readListen } from '../config/listen.ts'
import { errorCode, RevenantError, toError } from '../domain/error.ts'
import type { CommandContext } from './context.ts'
import { EXIT, json, line } from './io.ts'

/** Under the time-out of a container's health check. */
const TIMEOUT_MS = 4_000

/**
 * `revenant health`: asks the daemon of this configuration, on this machine, whether it is alive (`/healthz`). Exit 0 when it is and 1 in
 * every other case, a bad file among them: for the health checks of containers, which know no other codes.
 */
export async function health({ io, configPath }: CommandContext, options: { json: boolean }): Promise<number> {
  const { alive, address, detail } = await askAt(configPath, io.signal)
  if (options.json) json(io, { alive, ...(address === undefined ? {} : { address }), detail })
  else line(io, [alive ? 'alive' : 'NOT alive', ...(address === undefined ? [] : [address]), detail].join(': '))
  return alive ? EXIT.ok : EXIT.fault
}

interface Health {
  alive: boolean
  address?: string
  detail: string
}

async function askAt(configPath: string, signal: AbortSignal): Promise<Health> {
  try {
    const listen = await readListen(configPath)
    if (listen.port === 0) return { alive: false, detail: 'listen has port 0, any free one: it cannot be known from here' }
    const address = `${listen.tls ? 'https' : 'http'}://${hostOf(listen)}:${listen.port}/healthz`
    return { address, ...(await ask(address, signal)) }
  } catch (error) {
    if (error instanceof RevenantError) return { alive: false, detail: error.message }
    throw error
  }
}

/** A daemon that listens everywhere is asked on loopback. */
function hostOf({ host }: Listen): string {
  if (host === '0.0.0.0') return '127.0.0.1'
  if (!isIPv6(host)) return host
  return /^[0:.]+$/.test(host) ? '[::1]' : `[${host}]`
}

async function ask(address: string, signal: AbortSignal): Promise<Health> {
  const timeout = AbortSignal.timeout(TIMEOUT_MS)
  try {
    const status = await statusOf(address, AbortSignal.any([signal, timeout]))
    return { alive: status === 200, detail: status === 200 ? 'it answers' : `it answers ${status}` }
  } catch (thrown) {
    const error = toError(thrown)
    return {
      alive: false,
      detail: timeout.aborted ? `no answer within ${TIMEOUT_MS / 1_000} s` : (errorCode(error) ?? error.name),
    }
  }
}

function statusOf(address: string, signal: AbortSignal): Promise<number> {
  // No secret is sent, and nothing rests on who answers: a certificate that lapsed must not make a daemon count as dead.
  const options = { signal, agent: false, rejectUnauthorized: false }
  const open = address.startsWith('https:') ? secureRequest : request
  return new Promise((resolve, reject) => {
    open(address, options, (response) => {
      response.resume()
      resolve(response.statusCode ?? 0)
    })
      .on('error', reject)
      .end()
  })
}
