import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openBox } from '../../src/custody/box.ts'
import { isAside } from '../../src/intake/found/candidate.ts'
import { findStored } from '../../src/intake/workstation/import-workstation.ts'
import { readSshConfig } from '../../src/intake/workstation/ssh-config.ts'
import { openIncluded } from '../../src/intake/workstation/ssh-include.ts'
import { newSshKey } from '../../src/lab/ssh-key.ts'
import { needs } from '../servers/require.ts'

type Files = Record<string, string | Buffer>

const KEY = newSshKey().private
const WORK = 'HostName bastion.example.com\nPort 2222\nUser anna\nIdentityFile ~/.ssh/id_work\n'
const HOST = `Host work\n${WORK}`
const ANNA = 'bastion.example.com:2222 anna'
const EVE = 'bastion.example.com:2222 eve'
const OTHERS = 'Host work\nUser eve\n'
const CLIENT = '/usr/bin/ssh'
const hasClient = needs('openssh-client', CLIENT)

describe('what .ssh/config includes', () => {
  let top: string
  let home: string
  beforeEach(() => {
    top = mkdtempSync(join(tmpdir(), 'revenant-include-'))
    home = join(top, 'disk/home/anna')
  })
  afterEach(() => rmSync(top, { recursive: true, force: true }))

  /** Files of `.ssh`, `id_work` among them; `@` is the folder itself. */
  const write = (files: Files) => {
    for (const [path, text] of Object.entries({ ...files, id_work: KEY })) {
      mkdirSync(dirname(join(home, '.ssh', path)), { recursive: true })
      const content = typeof text === 'string' ? text.replaceAll('@', join(home, '.ssh')) : text
      writeFileSync(join(home, '.ssh', path), content, { mode: 0o600 })
    }
  }
  /** Where the key goes, or why it goes nowhere; `mapped`: where the operator says. */
  const told = async (folder = home): Promise<string[]> => {
    const { found } = await findStored(folder)
    return found.map((each) => {
      if (isAside(each)) return `${each.file} ${each.reason}: ${each.message}`
      const { place, held } = each
      return place === undefined ? 'mapped' : `${place.host}:${place.port} ${openBox(held).username ?? '-'}`
    })
  }

  const SAME: [string, Files, string][] = [
    ['a file', { config: 'Include @/a\n', a: HOST }, ANNA],
    ['a name in quotes, several, a remark', { config: '\tINCLUDE="@/a b" @//./c # @/d\n', 'a b': OTHERS, c: HOST, d: 'x' }, EVE],
    ['several in their order', { config: 'Include @/b @/a\n', a: OTHERS, b: HOST }, ANNA],
    [
      'a pattern, in the order of the bytes',
      { config: 'Include @/d/*\n', 'd/b': HOST, 'd/a-1': 'Host work\nPort 3', 'd/B': 'Host work\nPort 4' },
      'bastion.example.com:4 anna',
    ],
    ['a pattern of one character', { config: 'Include @/d/?\n', 'd/b': HOST, 'd/aa': 'User eve\n' }, ANNA],
    ['ranges', { config: 'Include @/d/[!a-c][0-9]\n', 'd/x1': HOST, 'd/a1': 'User eve\n', 'd/xx': 'User eve\n' }, ANNA],
    ['folders by a pattern', { config: 'Include @/d/*/a\n', 'd/x/a': HOST, 'd/y/b': 'User eve\n', 'd/f': 'x' }, ANNA],
    ['not what begins with a dot', { config: `Include @/d/*\n${HOST}`, 'd/.a': OTHERS }, ANNA],
    ['a pattern that takes nothing', { config: `Include @/d/*.conf\n${HOST}`, 'd/a': OTHERS }, ANNA],
    ['settings of no host', { config: `Include @/a\n${HOST}`, a: 'User eve\n' }, EVE],
    ['settings within a block', { config: 'Host work\nInclude @/a\n', a: WORK }, ANNA],
    ['a block goes on behind it', { config: `Host work\nInclude @/a\n${WORK}`, a: 'Host other\nUser eve\n' }, ANNA],
    ['no host within the block of another', { config: `Host other\nInclude @/a\n${HOST}`, a: OTHERS }, ANNA],
    ['a host within a pattern for it', { config: `Host w* !web\nInclude @/a\n${HOST}`, a: OTHERS }, EVE],
    ['a host within a pattern that leaves it out', { config: `Host * !work\nInclude @/a\n${HOST}`, a: OTHERS }, ANNA],
    ['`Match all` within another block', { config: `Host other\nInclude @/a\n${HOST}`, a: 'Match all\nUser eve\n' }, ANNA],
    ['a file within a file', { config: 'Include @/a\n', a: 'Include @/b\nHost work\nUser eve\n', b: HOST }, ANNA],
    [
      'sixteen files within one another',
      {
        config: 'Include @/1\n',
        ...Object.fromEntries(Array.from({ length: 15 }, (_, n) => [`${n + 1}`, `Include @/${n + 2}\n`])),
        16: HOST,
      },
      ANNA,
    ],
  ]
  it.each(SAME)('is read: %s', async (_what, files, expected) => {
    write(files)
    expect(await told()).toEqual([expected])
  })

  it.skipIf(!hasClient).each(SAME)('is what the client makes of it: %s', (_what, files, expected) => {
    write(files)
    const said = execFileSync(CLIENT, ['-G', '-F', join(home, '.ssh/config'), 'work'], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const of = (key: string) => new RegExp(`^${key} (.*)$`, 'm').exec(said)?.[1]
    expect(`${of('hostname')}:${of('port')} ${of('user')}`).toBe(expected)
  })

  it.skipIf(!hasClient)('tries the keys that the client tries', async () => {
    write({
      config: 'Include @/a\nHost work\nIdentityFile @/id_a\nHost *\nIdentityFile @/id_b\n',
      a: 'Host w*\nIdentityFile @/id_c\n',
    })
    const file = join(home, '.ssh/config')
    const said = execFileSync(CLIENT, ['-G', '-F', file, 'work'], { encoding: 'utf8' })
    const keys = [...said.matchAll(/^identityfile .*\/(\S+)$/gm)].map(([, name]) => name)
    const included = openIncluded(home, '.ssh/config')
    const hosts = await readSshConfig({ file: '.ssh/config', text: readFileSync(file, 'utf8') }, included)
    expect(hosts.map(({ host, keys }) => [host, [...keys.keys()].toSorted()])).toEqual([['work', keys.toSorted()]])
    expect(keys).toHaveLength(3)
  })

  it.each<[string, Files]>([
    ['by a name below ~/.ssh', { config: 'Include d/a\n', 'd/a': HOST }],
    ['below the home', { config: 'Include ~/.config/ssh/a\n', '../.config/ssh/a': HOST }],
    ['by its path on that machine', { config: 'Include /home/anna/.ssh/a\n', a: HOST }],
  ])('is found %s', async (_what, files) => {
    write(files)
    expect(await told()).toEqual([ANNA])
  })

  const OUTSIDE = 'names a file that is not certain to lie in this folder'
  const DOUBTFUL = 'cannot be read with certainty'
  const MISSING = 'names a file that is not there: it may not have been copied'
  it.each<[string, string, Files, string]>([
    ['another folder', '/etc/ssh/a', {}, OUTSIDE],
    ["another's home", '/home/bob/.ssh/a', { a: '' }, OUTSIDE],
    ['a home of that name elsewhere', '/Users/anna/.ssh/a', { a: '' }, OUTSIDE],
    ['a home by its name alone', '/anna/.ssh/a', { a: '' }, OUTSIDE],
    ['the home of somebody', '~anna/.ssh/a', { a: '' }, OUTSIDE],
    ['a way up', '../.ssh/a', { a: '' }, DOUBTFUL],
    ['a token', '%d/.ssh/a', { a: '' }, DOUBTFUL],
    // biome-ignore lint/suspicious/noTemplateCurlyInString: as the client spells a variable
    ['a variable', '${HOME}/.ssh/a', { a: '' }, DOUBTFUL],
    ['a backslash', 'a\\ b', { 'a b': '' }, DOUBTFUL],
    ['a number sign within a word', 'a b#c', { a: '', b: '', 'b#c': '' }, DOUBTFUL],
    ['a range that is read in two ways', '[^a]', { b: '' }, DOUBTFUL],
    ['a character of several bytes', 'd/?', { 'd/é': '' }, DOUBTFUL],
    ['no file', 'a', {}, MISSING],
    ['no folder', 'd/*', {}, MISSING],
    ['a folder', 'd', { 'd/a': '' }, 'names what is no regular file'],
    ['a file that is no text', 'a', { a: Buffer.from([0xff]) }, 'names a file that is no text in UTF-8'],
    ['a file that is no configuration', 'a', { a: 'User\nPort 22\n' }, 'names a file that cannot be read as a configuration'],
  ])('leaves unclear, and names, %s', async (_what, name, files, why) => {
    write({ config: `# mine\n\nInclude ${name}\n${HOST}`, ...files })
    const unclear = `.ssh/id_work unclear: may depend on the Include at .ssh/config:3, which ${why}: import it by hand, as the system knows it`
    expect(await told()).toEqual([unclear])
    // What stands before it is certain.
    write({ config: `${HOST}Include ${name}\n`, ...files })
    expect(await told()).toEqual([ANNA])
  })

  it('names the file that includes what cannot be read', async () => {
    write({ config: `Include d/*\n${HOST}`, 'd/a': 'Host *\n\n Include gone\n' })
    expect(await told()).toEqual([expect.stringContaining(`the Include at .ssh/d/a:3, which ${MISSING}`)])
  })

  it.each<[string, string, string, string]>([
    ['a file', 'd/a', 'd/a', 'd/a'],
    ['a file that a pattern takes', 'd/*', 'd/a', 'd/a'],
    ['a folder', 'd/a', 'd', '.'],
    ['a folder before a pattern', 'd/*', 'd', '.'],
    ['a folder that a pattern takes', 'd/*/a', 'd/e', '.'],
    ['a folder behind a pattern', 'd/*/f/a', 'd/e/f', '.'],
  ])('follows no symbolic link: %s', async (_what, name, link, target) => {
    write({ config: `Include ${name}\n${HOST}` })
    const outside = join(top, 'outside')
    mkdirSync(join(outside, 'd'), { recursive: true })
    for (const path of ['a', 'd/a']) writeFileSync(join(outside, path), OTHERS)
    mkdirSync(dirname(join(home, '.ssh', link)), { recursive: true })
    symlinkSync(join(outside, target), join(home, '.ssh', link))
    expect((await told()).filter((each) => !each.startsWith('.ssh/d not_followed'))).toEqual([
      expect.stringContaining('.ssh/config:1, which names what is a symbolic link and was not followed'),
    ])
  })

  it.each<[string, Files]>([
    ['a file that includes itself', { config: `${HOST}Include *g\n` }],
    [
      'seventeen files within one another',
      {
        config: `${HOST}Include 1\n`,
        ...Object.fromEntries(Array.from({ length: 17 }, (_, n) => [`${n + 1}`, `Include ${n + 2}\n`])),
        17: '',
      },
    ],
    ['more files than anybody includes', { config: `${HOST}${'Include a\n'.repeat(251)}`, a: '' }],
    ['more text than anybody includes', { config: `${HOST}Include a a a\n`, a: `#${'x'.repeat(500_000)}\n` }],
    ['a file twice within itself', { config: `${HOST}Include config config\n` }],
  ])('is not read, nor what includes it: %s', { timeout: 5_000 }, async (_what, files) => {
    write(files)
    expect(await told()).toEqual([expect.stringMatching(/^\.ssh\/id_work unclear: lies beside a config that cannot be read/)])
  })

  it.each<[string, string, string]>([
    ['a condition in it', `Include a\n${HOST}`, 'Match exec "touch ran"\nUser eve\n'],
    ['it within a condition', `Match user eve\nInclude a\n${HOST}`, 'Port 1\n'],
    ['a host within a condition', 'Match user eve\nInclude a\n', HOST],
    ['`Match all` within a condition', `Match user eve\nInclude a\n${HOST}`, 'Match all\nUser eve\n'],
  ])('is unclear under a condition that is not asked: %s', async (_what, config, a) => {
    write({ config, a })
    expect(await told()).toEqual([expect.stringMatching(/^\.ssh\/id_work unclear: names where it belongs in a way that is not/)])
  })

  it('is read where .ssh is the folder that was given, and nothing outside of it', async () => {
    write({ config: 'Include a\n', a: HOST, '../.config/ssh/b': OTHERS })
    expect(await told(join(home, '.ssh'))).toEqual([ANNA])
    write({ config: 'Include /home/anna/.ssh/a\n' })
    expect(await told(join(home, '.ssh'))).toEqual([ANNA])
    write({ config: `Include ~/.config/ssh/b\n${HOST}` })
    expect(await told(join(home, '.ssh'))).toEqual([expect.stringContaining(`at config:1, which ${OUTSIDE}`)])
  })

  it('is not read where the configuration is not that of the home folder', async () => {
    write({ config: `Include a\n${HOST}`, a: OTHERS })
    expect(await told(dirname(home))).toEqual([
      expect.stringContaining('anna/.ssh/config:1, which stands in a configuration that is not that of the home folder'),
    ])
  })

  it('leaves a host alone that stands only where nothing speaks of it', async () => {
    write({ config: 'Host other\nInclude a\n', a: HOST, id_rsa: KEY })
    expect(await told()).toEqual(['other:22 -', 'mapped'])
  })
})
