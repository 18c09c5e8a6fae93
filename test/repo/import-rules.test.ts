import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'

const ROOT = join(import.meta.dirname, '../..')
const CONFIG = '.dependency-cruiser.cjs'

/** A bad file for each rule: where it lies, what it imports, and what the violation then names. */
const CASES: readonly { rule: string; file: string; imports: string; to: string }[] = [
  // What each folder must not reach for; types count as well.
  { rule: 'domain-imports', file: 'src/domain/bad.ts', imports: '../probe/probe.ts', to: 'src/probe/probe.ts' },
  { rule: 'telemetry-imports', file: 'src/telemetry/bad.ts', imports: '../domain/id.ts', to: 'src/domain/id.ts' },
  { rule: 'config-imports', file: 'src/config/bad.ts', imports: '../store/db.ts', to: 'src/store/db.ts' },
  { rule: 'probe-imports', file: 'probes/ssh/bad.ts', imports: '../postgres/judge.ts', to: 'probes/postgres/judge.ts' },
  { rule: 'probe-imports', file: 'probes/bad.ts', imports: './http.ts', to: 'probes/http.ts' },
  { rule: 'probe-imports', file: 'probes/ldap/bad.ts', imports: '../../src/scan/attempt.ts', to: 'src/scan/attempt.ts' },
  { rule: 'src-probe-imports', file: 'src/probe/bad.ts', imports: '../store/db.ts', to: 'src/store/db.ts' },
  { rule: 'store-imports', file: 'src/store/bad.ts', imports: '../jobs/jobs.ts', to: 'src/jobs/jobs.ts' },
  { rule: 'outbound-imports', file: 'src/outbound/bad.ts', imports: '../store/db.ts', to: 'src/store/db.ts' },
  { rule: 'custody-imports', file: 'src/custody/bad.ts', imports: '../findings/severity.ts', to: 'src/findings/severity.ts' },
  { rule: 'jobs-imports', file: 'src/jobs/bad.ts', imports: '../scan/plan.ts', to: 'src/scan/plan.ts' },
  { rule: 'findings-imports', file: 'src/findings/bad.ts', imports: '../alerts/raise.ts', to: 'src/alerts/raise.ts' },
  { rule: 'alerts-imports', file: 'src/alerts/bad.ts', imports: '../findings/apply.ts', to: 'src/findings/apply.ts' },
  { rule: 'evidence-imports', file: 'src/evidence/bad.ts', imports: '../custody/seal.ts', to: 'src/custody/seal.ts' },
  { rule: 'scan-imports', file: 'src/scan/bad.ts', imports: '../alerts/raise.ts', to: 'src/alerts/raise.ts' },
  { rule: 'scan-imports', file: 'src/scan/bad-too.ts', imports: '../config/config.ts', to: 'src/config/config.ts' },
  { rule: 'intake-imports', file: 'src/intake/bad.ts', imports: '../scan/plan.ts', to: 'src/scan/plan.ts' },
  { rule: 'api-imports', file: 'src/api/bad.ts', imports: '../daemon/runtime.ts', to: 'src/daemon/runtime.ts' },
  { rule: 'lab-imports', file: 'src/lab/bad.ts', imports: '../store/db.ts', to: 'src/store/db.ts' },
  { rule: 'dashboard-imports', file: 'src/dashboard/bad.ts', imports: '../store/db.ts', to: 'src/store/db.ts' },
  {
    rule: 'dashboard-types',
    file: 'src/dashboard/bad-code.ts',
    imports: '../api/schemas/finding.ts',
    to: 'src/api/schemas/finding.ts',
  },
  {
    rule: 'dashboard-imports',
    file: 'src/dashboard/verify/bad.ts',
    imports: '../../evidence/verify/verify.ts',
    to: 'src/evidence/verify/verify.ts',
  },
  {
    rule: 'verifier-imports',
    file: 'src/dashboard/verify/setup.ts',
    imports: '../../evidence/sequencer.ts',
    to: 'src/evidence/sequencer.ts',
  },
  {
    rule: 'verifier-reaches',
    file: 'src/dashboard/verify/crypto.ts',
    imports: '../../evidence/verify/open-bundle.ts',
    to: 'src/evidence/verify/open-bundle.ts',
  },
  {
    rule: 'verifier-only-as-worker',
    file: 'src/dashboard/views/bad-verify.ts',
    imports: '../verify/zip-source.ts',
    to: 'src/dashboard/verify/zip-source.ts',
  },
  { rule: 'migrations-imports', file: 'migrations/bad.ts', imports: '../src/store/db.ts', to: 'src/store/db.ts' },
  { rule: 'registry-imports', file: 'probes/registry.ts', imports: '../src/config/config.ts', to: 'src/config/config.ts' },
  {
    rule: 'registry-only-from-above',
    file: 'src/api/bad-probe.ts',
    imports: '../../probes/registry.ts',
    to: 'probes/registry.ts',
  },
  { rule: 'daemon-imports', file: 'src/daemon/bad.ts', imports: '../commands/io.ts', to: 'src/commands/io.ts' },
  { rule: 'main-imports', file: 'src/main.ts', imports: './domain/id.ts', to: 'src/domain/id.ts' },
  { rule: 'main-is-the-top', file: 'src/commands/bad-main.ts', imports: '../main.ts', to: 'src/main.ts' },
  { rule: 'lab-only-from-demo', file: 'src/commands/bad.ts', imports: '../lab/lab.ts', to: 'src/lab/lab.ts' },
  {
    rule: 'no-tests-in-product',
    file: 'src/commands/bad-test.ts',
    imports: '../../test/servers/require.ts',
    to: 'test/servers/require.ts',
  },
  { rule: 'sql-only-in-store', file: 'src/scan/bad-sql.ts', imports: 'kysely', to: 'kysely' },
  { rule: 'no-cycles', file: 'src/domain/bad-cycle-too.ts', imports: './bad-cycle.ts', to: 'src/domain/bad-cycle.ts' },
  { rule: 'no-orphans', file: 'src/domain/bad-orphan.ts', imports: './id.ts', to: 'src/domain/bad-orphan.ts' },
  { rule: 'no-dev-dependencies', file: 'src/domain/bad-dev.ts', imports: 'fast-check', to: 'fast-check' },
  { rule: 'no-undeclared-packages', file: 'src/domain/bad-package.ts', imports: 'avvio', to: 'avvio' },
  { rule: 'no-unresolvable', file: 'src/domain/bad-nowhere.ts', imports: './nowhere.ts', to: './nowhere.ts' },
]

const report = z.object({
  summary: z.object({
    violations: z.array(z.object({ from: z.string(), to: z.string(), rule: z.object({ name: z.string() }) })),
  }),
})
const rules = z.object({ forbidden: z.array(z.object({ name: z.string() })) })

let house: string
let violations: z.infer<typeof report>['summary']['violations']

beforeAll(() => {
  house = copyOfTheHouse()
  for (const { file, imports } of CASES) spoil(file, imports)
  // The other half of the cycle.
  spoil('src/domain/bad-cycle.ts', './bad-cycle-too.ts')
  violations = report.parse(JSON.parse(cruise('json').stdout)).summary.violations
})

afterAll(() => {
  rmSync(house, { recursive: true, force: true })
})

describe('import rules', () => {
  it.each(CASES)('$rule forbids that $file imports $imports', ({ rule, file, to }) => {
    const found = violations.filter((each) => each.rule.name === rule)
    expect(found).toContainEqual(
      expect.objectContaining(rule === 'no-orphans' ? { to } : { from: file, to: expect.stringContaining(to) }),
    )
  })

  it('fails the check and names the rule', () => {
    const { status, stdout } = cruise('err')
    expect(status).toBeGreaterThan(0)
    expect(stdout).toContain('domain-imports: src/domain/bad.ts')
  })

  it('has a case for every rule', () => {
    const { forbidden } = rules.parse(createRequire(import.meta.url)(join(ROOT, CONFIG)))
    const tried = new Set(CASES.map(({ rule }) => rule))
    expect(forbidden.map(({ name }) => name).filter((name) => !tried.has(name))).toEqual([])
  })
})

function cruise(output: 'json' | 'err') {
  const args = ['--config', CONFIG, '--output-type', output, 'src', 'probes', 'migrations']
  return spawnSync(join(ROOT, 'node_modules/.bin/depcruise'), args, { cwd: house, encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 })
}

function copyOfTheHouse(): string {
  const copy = mkdtempSync(join(tmpdir(), 'revenant-rules-'))
  for (const name of ['src', 'probes', 'migrations', 'package.json', CONFIG])
    cpSync(join(ROOT, name), join(copy, name), { recursive: true })
  mkdirSync(join(copy, 'test/servers'), { recursive: true })
  cpSync(join(ROOT, 'test/servers/require.ts'), join(copy, 'test/servers/require.ts'))
  symlinkSync(join(ROOT, 'node_modules'), join(copy, 'node_modules'))
  return copy
}

/** Writes a file with one import, or puts the import into the file that is there. A type would do: both are forbidden alike. */
function spoil(file: string, imports: string): void {
  const path = join(house, file)
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, `import * as bad from '${imports}'\nexport const found = bad\n`, { flag: 'a' })
}
