import { connect, type Socket } from 'node:net'
import type { AuthHandlerMiddleware, Client } from 'ssh2'
import type { AttemptContext } from '../../src/probe/probe.ts'
import { fingerprintOf, loadPins, type PinSource, type Pins } from './hostKey.ts'
import { type ParseKey, readPrivateKey } from './privateKey.ts'

export type Method = 'password' | 'keyboard-interactive' | 'publickey'

/** How one login ended, before anything is made of it. */
export type Ending =
  | { how: 'none accepted' | 'succeeded' | 'password change' | 'unanswered prompt' | 'host key refused' | 'protocol error' }
  /** The methods that this user may try now; ours is not among them, so nothing was sent. */
  | { how: 'not offered'; offered: readonly string[] }
  | { how: 'failed'; offered: readonly string[]; partial: boolean }
  /** The server left, with the reason code of SSH_MSG_DISCONNECT if it gave one. */
  | { how: 'left'; code?: number }

export interface Login {
  ending: Ending
  /** The method that was tried, once it was. */
  method?: Method
  /** Texts that the server sent after it was asked. */
  banners: readonly string[]
  /** The fingerprint of the host key that the server showed. */
  peer?: string
  /** Keys only: the server listed the key and asked for a signature. */
  listed: boolean
  keyType?: string
  /** RSA keys only: the signature algorithm that was tried; undefined when the server and the driver had none in common. */
  algorithm?: string
  /** Bytes that the server sent at all. */
  received: number
}

export type LoginSecret =
  | { username: string; password: string }
  | { username: string; privateKey: string; passphrase?: string | undefined }

/**
 * One SSH connection until this user is in, refused, or something else happened. Throws errors of the socket, what loading pins
 * and keys throws, and the reason of the signal's abort.
 */
export async function login(target: PinSource, secret: LoginSecret, ctx: AttemptContext): Promise<Login> {
  ctx.signal.throwIfAborted()
  const pins = await loadPins(target, ctx.pinnedPeer)
  const { default: ssh2 } = await import('ssh2')
  ctx.signal.throwIfAborted()
  const plan = planOf(secret, ssh2.utils.parseKey)
  const socket = connect({ host: target.host, port: target.port, noDelay: true })
  const client = new ssh2.Client()
  const abort = Promise.withResolvers<never>()
  const onAbort = () => {
    abort.reject(ctx.signal.reason)
    socket.destroy()
  }
  ctx.signal.addEventListener('abort', onAbort, { once: true })
  try {
    return await Promise.race([converse(client, socket, pins, plan, ctx.attribution), abort.promise])
  } finally {
    ctx.signal.removeEventListener('abort', onAbort)
    // Late complaints of a connection that is being torn down are nobody's business; without a listener they end the process.
    client.on('error', () => {})
    client.end()
    socket.destroySoon()
  }
}

interface Plan {
  username: string
  /** The methods that this secret fits, best first. */
  methods: readonly Method[]
  password?: string
  key?: ReturnType<typeof readPrivateKey>
}

function planOf(secret: LoginSecret, parse: ParseKey): Plan {
  const { username } = secret
  if ('password' in secret) return { username, methods: ['password', 'keyboard-interactive'], password: secret.password }
  return { username, methods: ['publickey'], key: readPrivateKey(secret.privateKey, secret.passphrase, parse) }
}

type Notes = Omit<Login, 'ending' | 'received'> & { banners: string[] }

function converse(client: Client, socket: Socket, pins: Pins, plan: Plan, attribution: string): Promise<Login> {
  const notes: Notes = { banners: [], listed: false, ...(plan.key === undefined ? {} : { keyType: plan.key.type }) }
  return new Promise((resolve, reject) => {
    let refused = false
    const end = (ending: Ending) => resolve({ ...notes, ending, received: socket.bytesRead })
    client.on('ready', () => end({ how: notes.method === undefined ? 'none accepted' : 'succeeded' }))
    client.on('banner', (text) => void (notes.method !== undefined && notes.banners.push(text)))
    // Answering would change the password.
    client.on('change password', () => end({ how: 'password change' }))
    client.on('close', () => end({ how: 'left' }))
    client.on('error', (error: Error & { level?: string; code?: unknown }) => {
      if (refused) end({ how: 'host key refused' })
      // A connection that breaks after the question is the server's doing as often as the network's.
      else if (error.level === 'client-socket') notes.method === undefined ? reject(error) : end({ how: 'left' })
      else if (typeof error.code === 'number') end({ how: 'left', code: error.code })
      // The server no longer has a key of a type that is pinned.
      else if (error.level === 'handshake' && pins.algorithms !== undefined && notes.peer === undefined)
        end({ how: 'host key refused' })
      else end({ how: socket.bytesRead === 0 ? 'left' : 'protocol error' })
    })
    const verify = (key: Buffer) => {
      notes.peer = fingerprintOf(key)
      refused = !pins.accepts(notes.peer)
      return !refused
    }
    client.connect({
      sock: socket,
      username: plan.username,
      ident: identOf(attribution),
      // The attempt's signal bounds the handshake.
      readyTimeout: 0,
      hostVerifier: verify,
      authHandler: authHandler(plan, notes, end),
      debug: (line) => note(line, notes),
      ...(pins.algorithms === undefined ? {} : { algorithms: { serverHostKey: pins.algorithms } }),
    })
  })
}

/**
 * First `none` (RFC 4252 §5.2), then one method, then no more: the driver's own handler would go through all that it has, and each
 * counts against the account.
 */
function authHandler(plan: Plan, notes: Notes, end: (ending: Ending) => void): AuthHandlerMiddleware {
  let asked = false
  return (offered, partial, next) => {
    if (!asked) {
      asked = true
      next({ type: 'none', username: plan.username })
      return
    }
    const left: readonly string[] = offered ?? []
    if (notes.method !== undefined) {
      end({ how: 'failed', offered: left, partial: partial === true })
      return
    }
    const method = plan.methods.find((name) => left.includes(name))
    if (method === undefined) {
      end({ how: 'not offered', offered: left })
      return
    }
    notes.method = method
    if (method === 'publickey' && plan.key !== undefined) next({ type: method, username: plan.username, key: plan.key })
    else if (method === 'password') next({ type: method, username: plan.username, password: plan.password ?? '' })
    else next({ type: 'keyboard-interactive', username: plan.username, prompt: onePrompt(plan.password ?? '', end) })
  }
}

type Prompt = (
  name: string,
  instructions: string,
  language: string,
  prompts: { prompt: string; echo?: boolean }[],
  finish: (answers: string[]) => void,
) => void

/**
 * Answers one hidden question that asks for a password, once: a second one may ask for a new password or a code. What is asked for
 * stands only in the text (RFC 4256 §3.2); where it is not English, nothing is sent.
 */
function onePrompt(password: string, end: (ending: Ending) => void): Prompt {
  let answered = false
  return (_name, _instructions, _language, prompts, finish) => {
    const [first] = prompts
    if (answered || prompts.length !== 1 || first === undefined || first.echo === true || !/password/i.test(first.prompt)) {
      end({ how: 'unanswered prompt' })
      return
    }
    answered = true
    finish([password])
  }
}

/** ssh2 tells these two facts only in its debug lines; the conformance tests hold them to it. */
function note(line: string, notes: Notes): void {
  if (line === 'Inbound: Received USERAUTH_PK_OK') notes.listed = true
  const algorithm = /^Client: publickey \((\S+)\) auth failed$/.exec(line)?.[1]
  if (algorithm !== undefined) notes.algorithm = algorithm
}

/** RFC 4253 §4.2: a software version of printable ASCII without blank and minus, then a comment. */
function identOf(attribution: string): string {
  const [version = '', ...comment] = attribution.replace(/[^\x20-\x7e]/g, '').split(' ')
  return [version.replaceAll('-', '_') || 'Revenant', ...comment].join(' ')
}
