import './setup.ts'
import { RevenantError, toError } from '../../domain/error.ts'
import type { BundleSource } from '../../evidence/verify/source.ts'
import { spellFirstFalse, spellProblem } from '../../evidence/verify/spell.ts'
import { isChosen, type VerifyResult, verifyBundle } from '../../evidence/verify/verify.ts'
import type { Told, ToldCheck, VerifyMessage, VerifyRequest } from './message.ts'
import { openZip } from './zip-source.ts'

/*
 * Verifies one bundle, as `revenant verify` does and by its code, beside the page. The daemon serves this file under a policy that lets
 * it load and ask nothing at all: a bundle that is in here cannot get out.
 */

self.addEventListener('message', ({ data }: MessageEvent<VerifyRequest>) => {
  verify(data).then(say, (error: unknown) => say({ kind: 'failed', why: wordsOf(error) }))
})

function say(message: VerifyMessage): void {
  self.postMessage(message)
}

/** Signatures take ten times as long as in the command, and so does trying what one of them may have been. */
const MOST_LOCATE_MS = 20_000

async function verify({ file, vkeys, oldCheckpoint }: VerifyRequest): Promise<VerifyMessage> {
  const source = watched(await openZip(file))
  try {
    const held = oldCheckpoint === undefined ? {} : { oldCheckpoint }
    return { kind: 'told', told: toldOf(await verifyBundle(source, { vkeys, ...held, mostLocateMs: MOST_LOCATE_MS })) }
  } finally {
    await source.close()
  }
}

const EVERY_MS = 100

/** A source that says how much of it was read. */
function watched(source: BundleSource): BundleSource {
  const totalBytes = [...source.files.values()].reduce((sum, bytes) => sum + bytes, 0)
  let [doneBytes, saidAt] = [0, 0]
  async function* counted(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const piece of pieces) {
      doneBytes += piece.length
      if (performance.now() - saidAt >= EVERY_MS) {
        saidAt = performance.now()
        say({ kind: 'progress', doneBytes, totalBytes })
      }
      yield piece
    }
  }
  return { ...source, open: async (path) => counted(await source.open(path)) }
}

function toldOf({ holds, keysGiven, signedBy, manifest, checks, firstFalse }: VerifyResult): Told {
  return {
    ...{ holds, keysGiven, signedBy },
    isChosen: manifest !== undefined && isChosen(manifest),
    bundle:
      manifest === undefined
        ? undefined
        : {
            ...{ origin: manifest.log.origin, size: manifest.log.size, from: manifest.period.from, to: manifest.period.to },
            ...{ madeAt: manifest.madeAt, files: manifest.files.length },
          },
    checks: checks.map(
      ({ name, holds: isTrue, open, detail, count, problems }): ToldCheck => ({
        ...{ name, detail, count },
        state: open ? 'open' : isTrue ? 'holds' : 'false',
        problems: problems.map(spellProblem),
      }),
    ),
    firstFalse: firstFalse === undefined ? undefined : spellFirstFalse(firstFalse),
  }
}

/** A fault of the bundle says what it is; any other is ours, or the browser's, and nothing is said of the bundle. */
function wordsOf(error: unknown): string {
  if (error instanceof RevenantError) return error.message
  return `This browser could not finish: ${toError(error).message}. That says nothing about the bundle.`
}
