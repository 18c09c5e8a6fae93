import { lookAtKeyRing } from '../custody/key-ring.ts'
import { RevenantError } from '../domain/error.ts'
import { type CommandContext, recordAction, withRuntime } from './context.ts'
import { done } from './io.ts'

type Change = 'wrap' | 'rewrap' | 'unwrap'

/**
 * `revenant keys wrap`, `rewrap`, `unwrap`: write the ring's file as the configuration wants it wrapped, while the daemon runs. Which of
 * the three is said so that a slip in the configuration unwraps nothing.
 */
export async function changeWrap(context: CommandContext, change: Change, options: { json: boolean }): Promise<number> {
  return withRuntime(context, async (runtime) => {
    const { keyRing: path, keyRingWrap } = runtime.config
    const before = (await lookAtKeyRing(path))?.wrappedWith
    const fault = faultOf(change, before, keyRingWrap.wrap !== undefined)
    if (fault !== undefined) throw new RevenantError('CONFLICT', `the key ring ${path} ${fault}`)
    await runtime.custody.rewrap({ unwrap: change === 'unwrap' })
    const after = (await lookAtKeyRing(path))?.wrappedWith
    const told = { before: before ?? null, after: after ?? null }
    await recordAction(runtime, `keys.${change}`, 'key ring', told)
    return done(context.io, options.json, { path, ...told }, sentence(path, change, after))
  })
}

function faultOf(change: Change, wrappedWith: string | undefined, wanted: boolean): string | undefined {
  if (change === 'unwrap') {
    if (wrappedWith === undefined) return 'is not wrapped'
    return wanted ? 'is to be wrapped, says the configuration: move keyRing.wrap to keyRing.previous first' : undefined
  }
  if (!wanted) return 'cannot be wrapped: the configuration names no keyRing.wrap'
  if (change === 'wrap') return wrappedWith === undefined ? undefined : `is wrapped with ${wrappedWith} already: run keys rewrap`
  return wrappedWith === undefined ? 'is not wrapped: run keys wrap' : undefined
}

function sentence(path: string, change: Change, wrappedWith: string | undefined): string {
  if (wrappedWith === undefined) return `${path} is no longer wrapped: whoever reads it can open every sealed secret.`
  const older =
    change === 'wrap'
      ? 'Copies from before open everything by themselves: destroy them, then run keys rotate --drop-old.'
      : 'Copies from before still open with what they were wrapped with; keyRing.previous is no longer needed for this file.'
  return `${path} is now wrapped with ${wrappedWith}. Back it up. ${older}`
}
