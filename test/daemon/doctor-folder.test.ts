import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeEach, describe, expect, it } from 'vitest'
import { examineFolder } from '../../src/daemon/doctor-folder.ts'
import { filesOptions } from '../../src/intake/drop/options.ts'

const root = mkdtempSync(join(tmpdir(), 'revenant-folder-'))
const drop = join(root, 'drop')
const look = (folder: string, more = {}) => examineFolder(filesOptions.parse({ folder, ...more }))

describe('the folder of a source of files', () => {
  beforeEach(() => {
    rmSync(drop, { recursive: true, force: true })
    mkdirSync(drop)
  })
  afterAll(() => rmSync(root, { recursive: true, force: true }))

  it('is well, with or without those for what was read', async () => {
    expect(await look(drop)).toEqual({ level: 'ok', detail: `the folder ${drop} can be read and written` })
    mkdirSync(join(drop, 'archive'))
    expect(await look(drop)).toMatchObject({ level: 'ok' })
  })

  it('is not there yet: the daemon will make it, the doctor does not', async () => {
    const folder = join(drop, 'deep', 'er')
    expect(await look(folder)).toMatchObject({
      level: 'warn',
      detail: `the folder ${folder} is not there: it will be made when the daemon starts`,
    })
    expect(readdirSync(drop)).toEqual([])
  })

  it.each([
    ['is a file', 'file', {}, /file is no folder$/],
    ['is to be below a file', 'file/below', {}, /below cannot be read and written: a part of the path is no folder$/],
    ['keeps what was read in a file', '.', { archive: 'file' }, /file is no folder$/],
  ])('%s', async (_name, folder, more, detail) => {
    writeFileSync(join(drop, 'file'), '')
    expect(await look(join(drop, folder), more)).toMatchObject({ level: 'fail', detail: expect.stringMatching(detail) })
  })

  // Nothing is forbidden to root.
  it.skipIf(process.getuid?.() === 0).each([
    ['is not to be read', '.', 0o300, /cannot be read and written: permission denied/],
    ['is not to be written', '.', 0o500, /cannot be read and written: permission denied/],
    ['cannot be made', 'new', 0o500, /is not there and cannot be made: .*permission denied/],
  ])('%s', async (_name, folder, mode, detail) => {
    chmodSync(drop, mode)
    const found = await look(join(drop, folder))
    chmodSync(drop, 0o700)
    expect(found).toMatchObject({ level: 'fail', detail: expect.stringMatching(detail) })
  })
})
