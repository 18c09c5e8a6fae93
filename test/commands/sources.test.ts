import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { EXIT } from '../../src/commands/io.ts'
import { runCommand } from '../../src/commands/program.ts'
import { feedIdOf } from '../../src/store/feed.ts'
import { noteFault } from '../../src/store/feed-fault.ts'
import { openStore } from '../../src/store/open-store.ts'
import { furnish } from '../servers/furnish.ts'
import { hear } from './heard.ts'

/** What a source cannot tell by itself: what nobody could take of it, and who is no longer among those it is asked for. */
describe('revenant sources', { timeout: 60_000 }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'revenant-sources-'))
  const file = join(folder, 'revenant.yaml')
  const dataDir = join(folder, 'data')
  const configure = (pattern: string) => {
    const hr = { name: 'hr', source: 'files', folder: join(folder, 'drop'), settle: '1s', complete: true, pattern }
    writeFileSync(file, JSON.stringify({ database: { dataDir }, keyRing: join(folder, 'keys'), systems: [], sources: [hr] }))
  }
  /** A file that has rested for long enough. */
  const drop = (name: string, ...people: string[]) => {
    const path = join(folder, 'drop', name)
    writeFileSync(path, `external_id,name,status\n${people.map((id) => `${id},${id.toUpperCase()},active\n`).join('')}`)
    const then = Date.now() / 1_000 - 600
    utimesSync(path, then, then)
  }
  const run = async (...words: string[]) => {
    const { io, heard } = hear(folder, 200)
    const exit = await runCommand({ argv: ['--config', file, 'sources', ...words], configPath: file, io })
    return { exit, ...heard }
  }

  beforeAll(async () => {
    furnish(dataDir)
    mkdirSync(join(folder, 'drop'))
    configure('hq-*.csv')
    drop('hq-1.csv', 'anna', 'bert')
    expect(await run('pull', 'hr')).toMatchObject({ exit: EXIT.ok, err: '' })
  })
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  it('tells what could not be taken, by whom it was about, until it is dismissed', async () => {
    expect(await run('faults')).toEqual({ exit: EXIT.ok, out: 'Nothing that sources said could not be taken.\n', err: '' })
    const store = await openStore({ dataDir })
    const at = Temporal.Now.instant()
    const id = (await feedIdOf(store.db, 'hr')) ?? expect.fail('no feed')
    await noteFault(store.db, id, { key: 'anna', fault: 'its date of departure cannot be read', saidAt: at }, at)
    await noteFault(store.db, id, { key: 'carl', fault: 'it has no name', saidAt: at }, at)
    await noteFault(store.db, id, { key: undefined, fault: 'an entry that nothing names', saidAt: at }, at)
    await store.close()
    const { out } = await run('faults', '--source', 'hr')
    expect(out).toMatch(/^SOURCE +KEY +WHO +TIMES +FIRST +LAST +FAULT\n/)
    expect(out).toMatch(/\nhr +anna +anna +1 .* its date of departure cannot be read\n/)
    expect(out).toMatch(/\nhr +carl +1 .* it has no name\n/)
    expect(out).toMatch(/\nhr +- +1 .* an entry that nothing names\n/)
    expect((await run('faults', 'hr', '--source', 'hr')).out).toMatch(/\nhr +carl +1 .* it has no name\n/)
    const told = (await run('faults', '--json')).out
      .trim()
      .split('\n')
      .map((line): unknown => JSON.parse(line))
    expect(told).toHaveLength(3)
    expect(told).toContainEqual(expect.objectContaining({ source: { id, name: 'hr' }, key: null, externalId: null, count: 1 }))
    expect(await run('dismiss-faults', 'hr', '-', 'carl')).toEqual({ exit: EXIT.ok, out: '2 dismissed.\n', err: '' })
    expect((await run('faults')).out).toContain('anna')
    expect(JSON.parse((await run('dismiss-faults', 'hr', '--json')).out)).toEqual({ dismissed: 1 })
    expect((await run('faults')).out).toBe('Nothing that sources said could not be taken.\n')
  })

  it('tells who is here and no longer asked for', async () => {
    expect(await run('out-of-sight', 'hr')).toEqual({ exit: EXIT.ok, out: 'Nobody is out of sight of hr.\n', err: '' })
    configure('plant-*.csv')
    drop('plant-1.csv', 'bert', 'dora')
    expect(await run('pull', 'hr')).toMatchObject({ exit: EXIT.ok, err: '' })
    const { out } = await run('out-of-sight', 'hr')
    expect(out).toMatch(/^EXTERNAL ID +NAME +KEY +LAST HEARD OF\nanna +ANNA +anna +\S+ ago\n/)
    expect(out).not.toContain('bert')
    expect(JSON.parse((await run('out-of-sight', 'hr', '--json')).out)).toMatchObject({
      ...{ key: 'anna', identity: { externalId: 'anna', name: 'ANNA' } },
    })
    // He is here all the same: nobody said that he has left.
    expect((await run('faults')).out).toBe('Nothing that sources said could not be taken.\n')
  })

  it.each([
    [['faults', '--source', 'payroll']],
    [['faults', 'payroll']],
    [['dismiss-faults', 'payroll']],
    [['out-of-sight', 'payroll']],
    [['pull', 'payroll']],
  ])('knows no %j', async (words) => {
    const { exit, out, err } = await run(...words)
    expect([exit, out]).toEqual([EXIT.input, ''])
    expect(err).toContain('"payroll"')
  })

  it.each([
    [['faults', 'hr', '--source', 'payroll'], 'two sources are named'],
    [['faults', 'hr', 'payroll'], 'Expected 1 argument but got 2.\n'],
  ])('refuses %j', async (words, fault) => {
    const { exit, out, err } = await run(...words)
    expect([exit, out]).toEqual([EXIT.input, ''])
    expect(err).toContain(fault)
    expect(err).not.toContain('Secrets')
  })
})
