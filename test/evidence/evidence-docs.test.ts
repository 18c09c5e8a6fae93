import { execFileSync } from 'node:child_process'
import { appendFileSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { audit } from '../../src/store/audit.ts'
import { needs } from '../servers/require.ts'
import { STORES, type TestStore } from '../servers/stores.ts'
import { openBundleHouse } from './bundle-house.ts'

const TOOLS = ['/usr/bin/openssl', '/usr/bin/python3', '/usr/bin/sha256sum']
const available = needs('openssl and python3', ...TOOLS)

/** The blocks of docs/evidence.md that an auditor runs, in their order. */
function blocks(): { language: string; text: string }[] {
  const page =
    readFileSync(new URL('../../docs/evidence.md', import.meta.url), 'utf8').split('## Verifying it with other tools')[1] ?? ''
  return [...page.matchAll(/^```(sh|python)\n([\s\S]*?)^```/gm)].map(([, language = '', text = '']) => ({ language, text }))
}

function run(folder: string, { language, text }: { language: string; text: string }): { ok: boolean; said: string } {
  const [command, ...args] = language === 'python' ? ['python3', '-c', text] : ['bash', '-euo', 'pipefail', '-c', text]
  try {
    return { ok: true, said: execFileSync(command ?? '', args, { cwd: folder, encoding: 'utf8', stdio: 'pipe' }) }
  } catch (error) {
    return { ok: false, said: error instanceof Error ? error.message : '' }
  }
}

describe.skipIf(!available)(
  available ? 'docs/evidence.md, word for word' : 'docs/evidence.md, word for word: openssl or python3 is missing',
  { timeout: 120_000 },
  () => {
    let store: TestStore
    let bundle: string
    const steps = blocks()
    const named = (language: string, part: string) => {
      const found = steps.find((step) => step.language === language && step.text.includes(part))
      if (found === undefined) throw new Error(`the page has no step with ${part}`)
      return found
    }
    beforeAll(async () => {
      const pglite = STORES[0]
      if (pglite === undefined) throw new Error('no store')
      store = await pglite.open()
      const house = await openBundleHouse(store.store.db)
      // More than two full tiles, so that the tree has levels.
      for (let n = 0; n < 700; n++)
        await audit(house.db, { actor: 'x', action: 'test.count', subject: String(n), at: Temporal.Now.instant() })
      await house.sequencer.run()
      bundle = await house.bundle()
    })
    afterAll(async () => {
      await store.stop()
      rmSync(bundle, { recursive: true, force: true })
    })

    it('has its steps', () => {
      expect(steps.map(({ language }) => language)).toEqual(['sh', 'python', 'sh', 'sh', 'python', 'python'])
    })

    it.each(steps.map((step, at) => [at + 1, step] as const))('step %i holds for a whole bundle', (_at, step) => {
      const { ok, said } = run(bundle, step)
      expect(ok, said).toBe(true)
      if (step.text.includes('missing =')) expect(said).toContain('717 entries hold, 0 of the period are not in this bundle')
      if (step.text.includes('pkeyutl')) expect(said.match(/Verified Successfully/g)).toHaveLength(2)
    })

    it.each([
      ['sh', 'sha256sum --check', 'names/systems.csv'],
      ['python', 'blocks', 'names/systems.csv'],
      ['python', 'blocks', 'log/tile/0/000'],
      ['sh', 'pkeyutl', 'manifest.json'],
      ['sh', 'pkeyutl', 'log/checkpoint'],
      ['sh', 'LEAF=', 'entries/finding.jsonl'],
      ['python', 'subtree', 'entries/observation.jsonl'],
      ['python', 'subtree', 'log/tile/0/000'],
      ['python', 'subtree', 'log/tile/0/002.p/205'],
      ['python', 'every single proof', 'entries/finding.jsonl'],
    ])('%s step "%s" fails when %s was changed', (language, part, file) => {
      const path = join(bundle, file)
      const before = readFileSync(path)
      const changed = Buffer.from(before)
      // A digit or letter early in the file, so that lines stay lines.
      const at = file.includes('tile') ? 70 : before.findIndex((byte, place) => place > 12 && byte >= 0x30 && byte <= 0x38)
      changed[at] = (changed[at] ?? 0) + 1
      writeFileSync(path, changed)
      expect(run(bundle, named(language, part)).ok).toBe(false)
      writeFileSync(path, before)
    })

    it('counts what was left out', () => {
      const path = join(bundle, 'entries/operator.jsonl')
      const before = readFileSync(path, 'utf8')
      writeFileSync(path, before.slice(before.indexOf('\n') + 1))
      expect(run(bundle, named('python', 'subtree')).said).toContain('716 entries hold, 1 of the period are not in this bundle')
      writeFileSync(path, '')
      appendFileSync(path, before)
    })
  },
)
