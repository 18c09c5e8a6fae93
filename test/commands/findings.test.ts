import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { runCommand } from '../../src/commands/program.ts'
import { newId } from '../../src/domain/id.ts'
import { syncFeeds } from '../../src/store/feed.ts'
import { saveFindings } from '../../src/store/finding.ts'
import { openStore } from '../../src/store/open-store.ts'
import { furnish } from '../servers/furnish.ts'
import { hear } from './heard.ts'

/** What the commands say of a finding that is about a source, and about nobody and no system. */
describe('findings about a source', { timeout: 60_000 }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'revenant-findings-'))
  const file = join(folder, 'revenant.yaml')
  const id = newId()
  beforeAll(async () => {
    const dataDir = furnish(join(folder, 'data'))
    writeFileSync(file, JSON.stringify({ database: { dataDir }, keyRing: join(folder, 'keys'), systems: [] }))
    const store = await openStore({ dataDir })
    const now = Temporal.Instant.from('2026-11-22T12:00:00Z')
    const [feed] = await syncFeeds(store.db, [{ name: 'payroll', kind: 'webhook', silentAfterMs: 60_000 }], now)
    await saveFindings(store.db, {
      added: [
        {
          ...{
            id,
            key: `feed_silent:${feed?.id}`,
            kind: 'feed_silent',
            severity: 'high',
            state: 'open',
            episode: 1,
            sequence: 1,
          },
          ...{ system_id: null, identity_id: null, credential_id: null, grant_id: null, observation_id: null, trial_id: null },
          ...{ trace_id: null, rejections: 0, exempted: false, feed_id: feed?.id ?? expect.fail('no feed') },
          ...{ opened_at: now.toString(), last_seen_at: now.toString(), alerted_at: null, resolved_at: null },
        },
      ],
      changed: [],
      events: [],
    })
    await store.close()
  })
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  async function run(...words: string[]): Promise<string> {
    const { io, heard } = hear(folder, 200)
    const exit = await runCommand({ argv: ['--config', file, 'findings', ...words], configPath: file, io })
    expect([exit, heard.err]).toEqual([0, ''])
    return heard.out
  }

  it('name it', async () => {
    expect(await run('list')).toMatch(/feed_silent .* source payroll /)
    expect(JSON.parse(await run('list', '--json'))).toMatchObject({ kind: 'feed_silent', source: 'payroll', system: null })
    expect(await run('show', id)).toMatch(/\n {2}source {7}payroll \(webhook\), never heard\n/)
    expect(JSON.parse(await run('show', id, '--json'))).toMatchObject({ feed: { name: 'payroll', kind: 'webhook' } })
  })
})
