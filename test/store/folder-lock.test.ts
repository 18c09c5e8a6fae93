import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { folderHolder, lockFolder } from '../../src/store/folder-lock.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'revenant-lock-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const MODULE = new URL('../../src/store/folder-lock.ts', import.meta.url).href

/** A process that claims the folder, says `held` or the code of its error, and then lives until its input ends. */
function claimant() {
  const script = `
    const { lockFolder } = await import(${JSON.stringify(MODULE)})
    try { await lockFolder(${JSON.stringify(folder)}); console.log('held') } catch (error) { console.log(error.code) }
    process.stdin.resume()
  `
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['pipe', 'pipe', 'inherit'] })
  const said = once(child.stdout, 'data').then(([data]) => String(data).trim())
  const ended = once(child, 'exit')
  return {
    said,
    end: async (signal?: NodeJS.Signals) => {
      if (signal === undefined) child.stdin.end()
      else child.kill(signal)
      await ended
    },
  }
}

describe('lockFolder', () => {
  it('gives the folder to one process, names it to the others, and to the next one after the release', async () => {
    const first = claimant()
    expect(await first.said).toBe('held')
    await expect(lockFolder(folder)).rejects.toMatchObject({ code: 'DATABASE_IN_USE' })
    expect(await folderHolder(folder)).toBeGreaterThan(0)
    await first.end('SIGKILL')
    expect(await folderHolder(folder)).toBeUndefined()
    const lock = await lockFolder(folder)
    expect(await folderHolder(folder)).toBe(process.pid)
    await expect(lockFolder(folder), 'twice in one process').rejects.toMatchObject({ code: 'DATABASE_IN_USE' })
    await lock.release()
    expect(readdirSync(folder)).toEqual([])
  })

  it('takes a claim over whose process id now belongs to another program', async () => {
    // This process is alive, but it did not start at 1.
    writeFileSync(join(folder, 'in-use'), `${process.pid} 1\n`)
    expect(await folderHolder(folder)).toBeUndefined()
    await (await lockFolder(folder)).release()
  })

  it.each(['', 'rubbish', '-5 1\n', '999999999 12\n'])('takes a broken claim over: %j', async (text) => {
    writeFileSync(join(folder, 'in-use'), text)
    const lock = await lockFolder(folder)
    expect(readFileSync(join(folder, 'in-use'), 'utf8')).toMatch(new RegExp(`^${process.pid} \\d+ \\S+\n$`))
    await lock.release()
  })

  it('releases its own claim only', async () => {
    const lock = await lockFolder(folder)
    writeFileSync(join(folder, 'in-use'), 'somebody else')
    await lock.release()
    expect(readdirSync(folder)).toEqual(['in-use'])
  })

  it.each([
    ['a free folder', undefined],
    ['a stale claim', '999999999 12\n'],
  ])('gives %s to one of many that want it at once', { timeout: 60_000 }, async (_name, stale) => {
    if (stale !== undefined) writeFileSync(join(folder, 'in-use'), stale)
    const many = Array.from({ length: 6 }, claimant)
    const said = await Promise.all(many.map((each) => each.said))
    for (const each of many) await each.end()
    expect(said.toSorted()).toEqual([...Array.from({ length: 5 }, () => 'DATABASE_IN_USE'), 'held'].toSorted())
  })
})

function heirOf(claim: string): string {
  return `in-use.heir-${createHash('sha256').update(claim).digest('hex').slice(0, 16)}`
}

describe('lockFolder in one process, in every order', () => {
  it('never gives a stale claim to two', async () => {
    for (let round = 0; round < 100; round++) {
      writeFileSync(join(folder, 'in-use'), `999999999 ${round}\n`)
      // Every other time an heir died as well, before it took its place.
      if (round % 2 === 1) writeFileSync(join(folder, heirOf(`999999999 ${round}\n`)), `999999998 ${round}\n`)
      const tried = await Promise.allSettled(Array.from({ length: 8 }, () => lockFolder(folder)))
      const held = tried.filter((each) => each.status === 'fulfilled')
      expect(held.length, `round ${round}`).toBe(1)
      for (const each of held) await each.value.release()
      expect(readdirSync(folder)).toEqual([])
    }
  })
})
