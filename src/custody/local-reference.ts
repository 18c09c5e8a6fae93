import { errorCode, RevenantError } from '../domain/error.ts'
import type { LocalReference, LocalScheme } from '../domain/reference.ts'
import { readEnvironment } from './reference-env.ts'
import { readSecretFile } from './reference-file.ts'

/** Reads what a reference points to, just in time, and keeps none of it. Throws `SECRET_UNAVAILABLE`, `SECRET_EMPTY`. */
export type ReadReference = (text: string) => Promise<string>

/** How each scheme of this machine is read. Undefined, or a thrown error: not to be had. */
const READERS: Readonly<Record<LocalScheme, (rest: string) => Promise<string | undefined>>> = {
  env: readEnvironment,
  file: readSecretFile,
}

const MISSING: Readonly<Record<LocalScheme, string>> = {
  env: 'is not set',
  file: 'is not a regular file of UTF-8 text of at most 64 KiB',
}

/** What this machine holds there, whole. Throws `SECRET_UNAVAILABLE`, naming the reference and never the content. */
export async function readLocal(text: string, { scheme, rest }: LocalReference): Promise<string> {
  const content = await READERS[scheme](rest).catch((error: unknown) => {
    throw new RevenantError('SECRET_UNAVAILABLE', `${text} cannot be read (${errorCode(error) ?? 'unknown error'})`)
  })
  if (content === undefined) throw new RevenantError('SECRET_UNAVAILABLE', `${text} ${MISSING[scheme]}`)
  return content
}
