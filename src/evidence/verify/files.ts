import { type Manifest, PATHS } from '../bundle/format.ts'
import type { VerifyContext } from './content.ts'
import { attempt } from './problems.ts'
import { digestOf } from './read.ts'

/** Holds every file against the list. Answers the paths of those that are false, missing or too many, in order. */
export async function verifyFiles(context: VerifyContext, manifest: Manifest): Promise<string[]> {
  const { source, digests, problems, details } = context
  const listed = new Map(manifest.files.map((file) => [file.path, file]))
  const wrong: string[] = []
  const fault = (file: string, what: string) => {
    wrong.push(file)
    problems.add({ check: 'files', file, what })
  }
  for (const [path, size] of source.files) {
    if (path === PATHS.manifest || path === PATHS.note) continue
    const file = listed.get(path)
    if (file === undefined) fault(path, 'the list of files does not name it')
    else if (file.bytes !== size) fault(path, `it has ${size} bytes instead of ${file.bytes}`)
    else {
      const digest = digests.get(path) ?? (await attempt(problems, { check: 'files', file: path }, () => digestOf(source, path)))
      if (digest === undefined) wrong.push(path)
      else if (digest !== file.sha256) fault(path, 'its SHA-256 is not the one in the list of files')
    }
  }
  for (const path of listed.keys()) if (!source.files.has(path)) fault(path, 'it is missing')
  details.set('files', `${listed.size} files are as the signed list says`)
  return wrong.toSorted((a, b) => (a < b ? -1 : 1))
}
