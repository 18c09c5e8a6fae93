import { readdir, readlink, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { errorCode } from '../../domain/error.ts'
import type { KubernetesConfig } from '../../domain/secret-manager.ts'
import { readSecretFile } from '../reference-file.ts'
import { ManagerError, type SecretManager } from './manager.ts'

/** More keys than this are no secret of one credential. */
const MAX_KEYS = 100

/**
 * Secrets that Kubernetes (or Docker) mounts as folders: one file a key. The kubelet replaces all keys at once by pointing the link
 * `..data` elsewhere: it is followed once, so that keys of two versions never mix.
 */
export function openKubernetes({ folder }: KubernetesConfig): SecretManager {
  return {
    read: async ({ path, version, field }) => {
      if (path.includes('/')) throw new ManagerError('unfit', 'has one folder for each secret: the path is its name')
      if (version !== undefined) throw new ManagerError('unfit', 'keeps no versions')
      try {
        return await read(join(folder, path), field)
      } catch (error) {
        if (error instanceof ManagerError) throw error
        const code = errorCode(error) ?? 'unknown error'
        throw new ManagerError(code === 'ENOENT' || code === 'ENOTDIR' ? 'missing' : 'refused', `holds no such secret (${code})`)
      }
    },
    close: async () => {},
  }
}

async function read(place: string, field: string | undefined, again = true): Promise<string> {
  const current = await readlink(join(place, '..data')).then(
    // The kubelet's own form; a link that leads elsewhere is followed by the system all the same.
    (target) => join(place, target),
    () => place,
  )
  try {
    const keys = field === undefined ? await keysOf(current) : [field]
    const entries = await Promise.all(keys.map(async (key): Promise<[string, string]> => [key, await valueAt(current, key)]))
    return JSON.stringify(Object.fromEntries(entries))
  } catch (error) {
    // The version that we were reading was removed: the link leads to a newer one.
    if (again && current !== place && errorCode(error) === 'ENOENT') return read(place, field, false)
    throw error
  }
}

async function keysOf(folder: string): Promise<string[]> {
  const names = (await readdir(folder)).filter((name) => !name.startsWith('..'))
  const files = await Promise.all(names.map(async (name) => ((await stat(join(folder, name))).isFile() ? [name] : [])))
  const keys = files.flat()
  if (keys.length > MAX_KEYS) throw new ManagerError('unfit', `has more than ${MAX_KEYS} keys there`)
  return keys.toSorted()
}

async function valueAt(folder: string, key: string): Promise<string> {
  // Keys of a secret are of these characters; a separator or `..` would lead out of the folder.
  if (!/^[A-Za-z0-9._-]{1,253}$/.test(key) || key.startsWith('..') || key === '.')
    throw new ManagerError('missing', 'holds no key of that name')
  const text = await readSecretFile(join(folder, key))
  if (text === undefined) throw new ManagerError('unfit', 'holds no UTF-8 text of at most 64 KiB there')
  return text
}
