import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type House, openHouse } from '../servers/revenant.ts'

describe('help', { timeout: 120_000 }, () => {
  let house: House
  beforeAll(() => {
    house = openHouse()
  })
  afterAll(() => house.stop())
  const run = (...args: string[]) => house.run(args, { config: false })

  it('describes every command and every option', { timeout: 120_000 }, async () => {
    const commands: string[] = []
    let level: string[][] = [[]]
    while (level.length > 0) {
      const helps = await Promise.all(level.map(async (words) => ({ words, ...(await run(...words, '--help')) })))
      const next: string[][] = []
      for (const { words, exit, stdout, stderr } of helps) {
        expect([words, exit, stderr]).toEqual([words, 0, ''])
        for (const { term, text } of entriesOf(stdout, 'Options'))
          expect([words, term, text]).toEqual([words, term, expect.stringMatching(/\w{3}/)])
        // Everything that answers can answer a machine.
        const answers = entriesOf(stdout, 'Commands').length === 0 && !/^(run|demo)?(?: |$)/.test(words.join(' '))
        if (answers) expect([words, stdout]).toEqual([words, expect.stringContaining('--json')])
        for (const { term, text } of entriesOf(stdout, 'Commands')) {
          const name = term.split(' ')[0] ?? ''
          expect([words, name, text]).toEqual([words, name, expect.stringMatching(/\w{3}/)])
          if (name === 'help') continue
          commands.push([...words, name].join(' '))
          next.push([...words, name])
        }
      }
      level = next
    }
    expect(commands).toEqual(
      expect.arrayContaining([
        'run',
        'demo',
        'scan',
        'try',
        'import',
        'identities',
        'credentials',
        'systems',
        'findings',
        'keys',
        'pause',
        'resume',
        'doctor',
        'config',
        'findings exempt',
        'alerts redrive',
        'systems rebind',
        'keys rotate',
        'config check',
      ]),
    )
  })

  it.each([['--help'], ['-h'], ['help'], ['help', 'scan'], ['scan', '--help'], ['findings', 'help', 'show']])(
    '%s %s %s goes to standard output',
    async (...args) => {
      const ran = await run(...args)
      expect(ran).toMatchObject({ exit: 0, stderr: '' })
      expect(ran.stdout).toContain('Usage: revenant')
    },
  )

  it('tells its version', async () => {
    expect(await run('--version')).toMatchObject({ exit: 0, stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/) })
  })

  it.each([
    [['scna', '--once'], /Did you mean scan\?/],
    [['findings', 'lst'], /too many arguments for 'list'\. Expected 0 arguments but got 1\.\n(?!.*Secrets)/s],
    [['try', 'http', 'hunter2', '--target', '{}'], /got 2\. Secrets come by standard input or files\./],
    [['import', 'identites', 'x.csv'], /Did you mean identities\?/],
    [['scan', '--once', '--jsn'], /Did you mean --json\?/],
    [['scan'], /--once/],
    [['import', 'identities'], /missing required argument 'file'/],
    [['try', 'http'], /--target/],
    [['findings', 'list', '--limit', '0'], /whole number above 0/],
    [['pause'], /name one system, or say --all/],
    [['resume', 'api', '--all'], /name one system, or say --all/],
    [['findings', 'list', '--kind', 'residual'], /choose one of residual_access/],
    [['findings', 'exempt', 'abcd', '--owner', 'x', '--reason', 'y', '--until', 'tomorrow'], /must be an instant/],
    [['alerts', 'redrive'], /name a delivery/],
    [['import', 'identities', '-'], /say --format/],
    [['import', 'identities', 'x.csv', '--format', 'xml'], /choose one of csv, jsonl/],
  ])('refuses %j with exit 2 and a hint', async (args, hint) => {
    house.configure({})
    const ran = await house.run(args)
    expect(ran).toMatchObject({ exit: 2, stdout: '' })
    expect(ran.stderr).toMatch(hint)
  })

  it('shows the help and exit 2 without a command', async () => {
    const ran = await run()
    expect(ran.exit).toBe(2)
    expect(ran.stderr).toContain('Usage: revenant')
  })
})

/** The entries of one section of a help text: two spaces, the term, two or more spaces, the text, which may go on below. */
function entriesOf(help: string, section: 'Commands' | 'Options'): { term: string; text: string }[] {
  const block = new RegExp(`^${section}:\n((?: .*\n)+)`, 'm').exec(help)?.[1] ?? ''
  const entries: { term: string; text: string }[] = []
  for (const line of block.split('\n').filter(Boolean)) {
    const match = /^ {2}(\S.*?)(?: {2,}(.*))?$/.exec(line)
    if (match?.[1] !== undefined) entries.push({ term: match[1], text: match[2] ?? '' })
    else {
      const last = entries.at(-1)
      if (last !== undefined) last.text += line.trim()
    }
  }
  return entries
}
