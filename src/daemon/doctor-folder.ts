import { constants } from 'node:fs'
import { access, stat } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import type { DoctorCheck } from '../api/schemas/setup.ts'
import { errnoWords } from '../domain/errno.ts'
import { errorCode } from '../domain/error.ts'
import type { FilesOptions } from '../intake/drop/options.ts'

type Found = Pick<DoctorCheck, 'level' | 'detail' | 'mend'>

const { R_OK, W_OK, X_OK } = constants
const MEND = 'let the user that runs the daemon read and write it: until then nobody is heard of by it'

/** Whether the folder of a source of files can be watched, and whether what was read can be put away. Makes nothing. */
export async function examineFolder({ folder, archive, rejected }: FilesOptions): Promise<Found> {
  const watched = resolve(folder)
  const fault = await faultOf(watched, R_OK | W_OK | X_OK)
  if (fault?.code === 'ENOENT') return missing(watched)
  if (fault !== undefined) return { level: 'fail', detail: fault.detail, mend: MEND }
  for (const each of [archive, rejected]) {
    const inside = await faultOf(resolve(watched, each), W_OK | X_OK)
    // One that is not there is made inside the folder, or beside it, when the daemon looks.
    if (inside !== undefined && inside.code !== 'ENOENT') return { level: 'fail', detail: inside.detail, mend: MEND }
  }
  return { level: 'ok', detail: `the folder ${watched} can be read and written` }
}

/** The daemon makes a folder that is not there, as far as it may. */
async function missing(watched: string): Promise<Found> {
  const above = await nearest(dirname(watched))
  const fault = await faultOf(above, W_OK | X_OK)
  const detail = `the folder ${watched} is not there`
  if (fault !== undefined) return { level: 'fail', detail: `${detail} and cannot be made: ${fault.detail}`, mend: MEND }
  return {
    level: 'warn',
    detail: `${detail}: it will be made when the daemon starts`,
    mend: 'if files are dropped elsewhere, put that into its folder: until then nobody is heard of by it',
  }
}

/** The lowest folder above that exists. */
async function nearest(path: string): Promise<string> {
  const code = (await faultOf(path, 0))?.code
  return code === 'ENOENT' && dirname(path) !== path ? nearest(dirname(path)) : path
}

async function faultOf(path: string, mode: number): Promise<{ code: string; detail: string } | undefined> {
  try {
    if (!(await stat(path)).isDirectory()) return { code: 'ENOTDIR', detail: `${path} is no folder` }
    await access(path, mode)
    return undefined
  } catch (error) {
    const code = errorCode(error) ?? 'unknown error'
    return {
      code,
      detail: `the folder ${path} cannot be ${mode & R_OK ? 'read and written' : 'written'}: ${errnoWords(error) ?? code}`,
    }
  }
}
