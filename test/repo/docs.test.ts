import { existsSync, globSync, readFileSync, statSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { loadProbe, PROBE_KINDS } from '../../probes/registry.ts'
import { loadConfig, parseConfig } from '../../src/config/load.ts'
import type { ConfigChecks } from '../../src/config/rules.ts'
import { fileSchema } from '../../src/config/schema.ts'
import { CONFIG_CHECKS } from '../../src/daemon/checks.ts'
import { FINDING_KINDS } from '../../src/domain/finding.ts'
import { severityOf } from '../../src/findings/severity.ts'
import { commandsOf, faultOf } from './command-lines.ts'

const ROOT = join(import.meta.dirname, '../..')
const read = (path: string) => readFileSync(join(ROOT, path), 'utf8')
const PAGES = [...globSync('*.md', { cwd: ROOT }), ...globSync('docs/**/*.md', { cwd: ROOT })].toSorted()

describe.each(PAGES)('%s', (page) => {
  const text = read(page)

  it('has links that lead somewhere', () => {
    const dead = linksOf(text).filter((link) => !leadsSomewhere(page, link))
    expect(dead).toEqual([])
  })

  it('shows commands that the program has', async () => {
    const wrong: string[] = []
    for (const command of commandsOf(text)) {
      const fault = await faultOf(command)
      if (fault !== undefined) wrong.push(`${command}: ${fault}`)
    }
    expect(wrong).toEqual([])
  })

  it('shows configurations that are valid', async () => {
    for (const block of configurationsOf(text)) await expect(parseConfig(block, page, CHECKS)).resolves.toBeDefined()
  })
})

describe('docs/findings.md', () => {
  const text = read('docs/findings.md')

  it.each(FINDING_KINDS)('gives %s the points that severity.ts gives it', (kind) => {
    const points =
      ['low', 'medium', 'high', 'critical'].indexOf(severityOf({ kind, tier: 'standard', overdueMs: 0, withinMs: 1 })) - 1
    const shown = points === 0 ? '0' : points > 0 ? `+${points}` : `−${-points}`
    expect(text).toMatch(new RegExp(`^\\| \`${kind}\` \\|.*\\| ${shown.replace('+', '\\+')} \\|$`, 'm'))
  })
})

describe('docs/store.md', () => {
  const text = read('docs/store.md')
  const tables = globSync('migrations/*.ts', { cwd: ROOT }).flatMap((file) => tablesOf(read(file)))

  it('finds the tables of the migrations', () => {
    expect(tables.length).toBeGreaterThan(15)
  })

  it.each(tables)('names every column of $name', ({ name, columns }) => {
    const section = new RegExp(`^### ${name}\\n([\\s\\S]*?)(?=^##|(?![\\s\\S]))`, 'm').exec(text)?.[1] ?? ''
    expect(columns.filter((column) => !section.includes(`\`${column}\``))).toEqual([])
  })
})

describe('docs/probes.md', () => {
  it.each(PROBE_KINDS)('names %s, and what an entry of the catalogue says of itself', async (kind) => {
    const text = read('docs/probes.md')
    const { summary, effects } = await loadProbe(kind)
    const ofCatalogue = existsSync(join(ROOT, 'probes/catalogue', `${kind}.yaml`))
    const shown = effects.length === 0 ? 'none' : effects.map((effect) => `\`${effect}\``).join(', ')
    expect(text).toContain(ofCatalogue ? `| \`${kind}\` | ${summary} | ${shown} |` : `| \`${kind}\` | `)
  })
})

/** The product's own checks, without opening the files that a target names: those of an example are on nobody's disk. */
const CHECKS: ConfigChecks = {
  ...CONFIG_CHECKS,
  checkTarget: async (kind, target) => {
    const parsed = (await loadProbe(kind)).targetSchema.safeParse(target)
    return parsed.success
      ? []
      : [{ path: [], message: parsed.error.issues.map((issue) => `${issue.path.join('.')} ${issue.message}`).join() }]
  },
}

it('the example checks still find faults', async () => {
  const bad = 'systems: [{ name: a, probe: postgres, target: { host: db, databas: a } }]'
  await expect(parseConfig(bad, 'bad.yaml', CHECKS)).rejects.toMatchObject({ code: 'CONFIG_INVALID' })
  await expect(loadConfig(join(ROOT, 'config/revenant.yaml'), CONFIG_CHECKS)).resolves.toBeDefined()
})

it.each([
  ['revenant findings list --min-severity high', undefined],
  ['revenant demo --once', undefined],
  ['revenant findings list --bogus', 'has no option --bogus'],
  ['revenant nonsense', 'has no command nonsense'],
  ['revenant systems rebind', 'misses <name>'],
  ['revenant systems rebind a b', 'takes no b'],
  ['revenant findings acknowledge 1f3a', 'misses --note'],
])('the command check says of %s: %s', async (command, fault) => {
  const found = await faultOf(command)
  if (fault === undefined) expect(found).toBeUndefined()
  else expect(found).toContain(fault)
})

function linksOf(text: string): string[] {
  const prose = text.replace(/^(`{3,}).*?^\1/gms, '').replace(/`[^`\n]*`/g, '')
  return [...prose.matchAll(/\]\(([^)\s]+)\)/g)].map(([, link = '']) => link).filter((link) => !/^[a-z]+:/i.test(link))
}

function leadsSomewhere(page: string, link: string): boolean {
  const [path = '', anchor] = link.split('#')
  const file = path === '' ? join(ROOT, page) : resolve(ROOT, dirname(page), path)
  if (relative(ROOT, file).startsWith('..') || !existsSync(file)) return false
  if (anchor === undefined || statSync(file).isDirectory()) return true
  return [...readFileSync(file, 'utf8').matchAll(/^#+ (.+)$/gm)].some(([, heading = '']) => slug(heading) === anchor)
}

/** As GitHub makes anchors of headings. */
function slug(heading: string): string {
  return heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, '')
    .trim()
    .replace(/ /g, '-')
}

/** The YAML blocks whose keys are all those of a configuration file: fragments of one system or one rule are not. */
function configurationsOf(text: string): string[] {
  const known = new Set(Object.keys(fileSchema.shape))
  return [...text.matchAll(/^```ya?ml\n([\s\S]*?)^```/gm)].flatMap(([, block = '']) => {
    const value: unknown = parse(block)
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return []
    const keys = Object.keys(value)
    return keys.length > 0 && keys.every((key) => known.has(key)) ? [block] : []
  })
}

/** The tables that a migration makes, with their columns. */
function tablesOf(migration: string): { name: string; columns: string[] }[] {
  return [...migration.matchAll(/create table (\w+) \(\n([\s\S]*?)\n {2}\)/g)].map(([, name = '', body = '']) => ({
    name,
    columns: [...body.matchAll(/^ {4}(\w+) (?!key|\()/gm)]
      .map(([, column = '']) => column)
      .filter((column) => !['unique', 'check', 'primary'].includes(column)),
  }))
}
