import type { Told, VerifyMessage, VerifyRequest } from './message.ts'
import workerAddress from './worker.ts?worker&url'

/** A verification under way. */
export interface Running {
  /** Rejects with why nothing can be said of the bundle. */
  told: Promise<Told>
  stop(): void
}

/** Verifies a bundle in a worker of this page: it is loaded now, and ends with its answer. */
export function verifyHere(request: VerifyRequest, onProgress: (doneBytes: number, totalBytes: number) => void): Running {
  const worker = new Worker(trusted(workerAddress), { type: 'module', name: 'verify' })
  const told = new Promise<Told>((resolve, reject) => {
    worker.addEventListener('message', ({ data }: MessageEvent<VerifyMessage>) => {
      if (data.kind === 'progress') onProgress(data.doneBytes, data.totalBytes)
      else if (data.kind === 'told') resolve(data.told)
      else reject(new Error(data.why))
    })
    worker.addEventListener('error', (event) => {
      event.preventDefault()
      reject(new Error(`This browser cannot run the verifier${event.message ? `: ${event.message}` : ''}. Use revenant verify.`))
    })
    worker.postMessage(request)
  }).finally(() => worker.terminate())
  return { told, stop: () => worker.terminate() }
}

/** Trusted types, of which TypeScript's DOM knows nothing yet. */
interface TrustedTypes {
  createPolicy(name: string, rules: { createScriptURL(text: string): string }): { createScriptURL(text: string): string }
}
declare global {
  var trustedTypes: TrustedTypes | undefined
}

/** The one policy that the page's own allows (src/api/page.ts): code of one address, which the build wrote. */
const policy = globalThis.trustedTypes?.createPolicy('verifier', {
  createScriptURL: (text) => {
    if (text !== workerAddress) throw new TypeError('not the verifier')
    return text
  },
})

function trusted(address: string): string {
  return policy === undefined ? address : policy.createScriptURL(address)
}
