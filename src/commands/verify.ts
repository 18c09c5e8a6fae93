import { readFile } from 'node:fs/promises'
import { errnoWords } from '../domain/errno.ts'
import { errorCode, RevenantError } from '../domain/error.ts'
import { openBundle } from '../evidence/verify/open-bundle.ts'
import { plainText } from '../evidence/verify/plain-text.ts'
import { spellFirstFalse, spellProblem } from '../evidence/verify/spell.ts'
import { isChosen, type VerifyResult, verifyBundle } from '../evidence/verify/verify.ts'
import type { CommandContext } from './context.ts'
import { EXIT, json, line, pathOf, style } from './io.ts'

export interface VerifyCommandOptions {
  vkey: string[]
  checkpoint?: string
  json: boolean
}

/**
 * `revenant verify BUNDLE`: offline, without database and configuration.
 * Exit 0: everything holds. 3: something is false. 2: no bundle that can be read.
 */
export async function verify(context: CommandContext, path: string, options: VerifyCommandOptions): Promise<number> {
  const { io } = context
  const oldCheckpoint = options.checkpoint === undefined ? undefined : await readCheckpointFile(context, options.checkpoint)
  const source = await openBundle(pathOf(io, path))
  try {
    const result = await verifyBundle(source, { vkeys: options.vkey, ...(oldCheckpoint === undefined ? {} : { oldCheckpoint }) })
    if (options.json)
      json(io, { bundle: path, ...result, manifest: result.manifest === undefined ? null : summaryOf(result.manifest) })
    else print(context, path, result)
    return result.holds ? EXIT.ok : EXIT.found
  } finally {
    await source.close()
  }
}

/** A signed checkpoint from a file. Throws `INPUT_INVALID`. */
export async function readCheckpointFile({ io }: CommandContext, path: string): Promise<string> {
  try {
    return await readFile(pathOf(io, path), 'utf8')
  } catch (error) {
    throw new RevenantError(
      'INPUT_INVALID',
      `${path} cannot be read: ${errnoWords(error) ?? errorCode(error) ?? 'unknown error'}`,
    )
  }
}

function summaryOf({ files, ...rest }: NonNullable<VerifyResult['manifest']>) {
  return { ...rest, files: files.length }
}

function print({ io }: CommandContext, path: string, result: VerifyResult): void {
  const { manifest, checks, firstFalse, signedBy, keysGiven } = result
  if (manifest !== undefined) {
    const { period, log } = manifest
    line(io, plainText(`${path}: ${log.origin}, ${period.from} to ${period.to}, made ${manifest.madeAt}`))
  }
  for (const check of checks) {
    line(
      io,
      `  ${check.holds ? style(io, 'green', 'holds') : check.open ? 'open ' : style(io, 'red', 'FALSE')}  ${check.name.padEnd(13)}${check.count === 0 ? plainText(check.detail) : `${check.count} false`}`,
    )
    for (const problem of check.problems) line(io, `           ${spellProblem(problem)}`)
    if (check.count > check.problems.length) line(io, `           and ${check.count - check.problems.length} more`)
  }
  line(io)
  if (firstFalse !== undefined) line(io, `First false byte: ${spellFirstFalse(firstFalse)}`)
  else if (keysGiven) line(io, style(io, 'green', 'Everything in this bundle holds.'))
  else line(io, 'Everything in this bundle fits together. Who made it is not proven.')
  if (firstFalse === undefined && manifest !== undefined && isChosen(manifest))
    line(io, 'It was chosen from its period: whether anything that belongs to the choice was left out cannot be told.')
  if (!keysGiven)
    line(
      io,
      `The key is the bundle's own (${plainText(signedBy.join(', ')) || 'none'}): compare it with the one that you were told, or give that one with --vkey.`,
    )
}
