import { PassThrough } from 'node:stream'
import { runCommand } from '../../src/commands/program.ts'

/** How a command line may begin in a page: as it is, by npm, or in the container. */
const BEGINNINGS = /^(?:revenant|npm run -s revenant --|(?:docker compose exec revenant )?node src\/main\.ts)(?=\s|$)/

/** The command lines of Revenant in a page: in blocks of code line by line, in code spans whole. Each begins with `revenant`. */
export function commandsOf(text: string): string[] {
  const blocks = [...text.matchAll(/^(`{3,})(\w*)\n([\s\S]*?)^\1/gm)]
  const lines = blocks
    .filter(([, , language = '']) => ['', 'sh', 'bash', 'console', 'text'].includes(language))
    .flatMap(([, , , block = '']) => block.replace(/\\\n\s*/g, ' ').split('\n'))
  const prose = text.replace(/^(`{3,})\w*\n[\s\S]*?^\1/gm, '')
  const spans = [...prose.matchAll(/`([^`\n]+)`/g)].map(([, span = '']) => span)
  return [...lines, ...spans].flatMap((line) => pieces(line).flatMap(commandOf))
}

/** The parts of a pipeline or a list of commands, without what is redirected and commented. */
function pieces(line: string): string[] {
  const plain = line.replace(/^\s*[$#] /, '').replace(/\s#.*$/, '')
  return plain.split(/\s(?:\||&&|;)\s|;\s/).map((piece) => piece.replace(/\s[<>]{1,2}\s*\S+/g, '').trim())
}

function commandOf(piece: string): string[] {
  const bare = piece.replace(/^(?:[A-Z_]+=\S+ )+/, '')
  // `revenant …` names no command, and a line of a log or a table only begins like one.
  if (!BEGINNINGS.test(bare) || bare.includes('…')) return []
  return [bare.replace(BEGINNINGS, 'revenant')]
}

/** Splits a command line as a shell would: quotes hold words together. */
function words(command: string): string[] {
  return [...command.matchAll(/(?:[^\s'"]+|'[^']*'|"[^"]*")+/g)].map(([word]) => word.replace(/['"]/g, ''))
}

/** What is wrong with a command line, by the help of the real program; undefined when nothing is. */
export async function faultOf(command: string): Promise<string | undefined> {
  const rest = words(command).slice(1)
  const path: string[] = []
  const general = (await helpOf([])) ?? ''
  let help = general
  const options: string[] = []
  const given: string[] = []
  while (rest.length > 0) {
    const word = rest.shift() ?? ''
    if (word.startsWith('-') && word !== '-') {
      options.push(word)
      if (takesValue(help, word) || takesValue(general, word)) rest.shift()
      continue
    }
    const below = given.length === 0 ? await helpOf([...path, word]) : undefined
    if (below !== undefined) {
      path.push(word)
      help = below
    } else given.push(word)
  }
  // A command with commands of its own may have a default one.
  for (const usual of ['start', 'list']) help = (hasCommands(help) ? await helpOf([...path, usual]) : undefined) ?? help
  if (hasCommands(help)) return given[0] === undefined ? undefined : `revenant ${path.join(' ')} has no command ${given[0]}`
  return faultOfArguments({ general, help, options, given })
}

interface Read {
  general: string
  help: string
  options: readonly string[]
  given: readonly string[]
}

function faultOfArguments({ general, help, options, given }: Read): string | undefined {
  const unknown = options.find((option) => !hasOption(help, option) && !hasOption(general, option))
  if (unknown !== undefined) return `has no option ${unknown}`
  if (options.some((option) => ['--help', '-h', '--version', '-V'].includes(option))) return undefined
  // Past the program's own options: what the usage line says of arguments.
  const wanted = [...(/^Usage: (.*)$/m.exec(help)?.[1] ?? '').matchAll(/<[^>]+>|\[(?!options|command)[^\]]+\]/g)].map(
    ([word]) => word,
  )
  const missing = wanted.slice(given.length).find((word) => word.startsWith('<'))
  if (missing !== undefined) return `misses ${missing}`
  if (given.length > wanted.length) return `takes no ${given.slice(wanted.length).join(' ')}`
  const required = REQUIRED.find(([usage, option]) => help.startsWith(`Usage: revenant ${usage} `) && !options.includes(option))
  return required === undefined ? undefined : `misses ${required[1]}`
}

/** Options that a command refuses to do without; its help does not mark them. */
const REQUIRED = [
  ['scan', '--once'],
  ['try', '--target'],
  ['findings acknowledge', '--note'],
  ['findings resolve', '--note'],
  ['findings exempt', '--owner'],
  ['findings exempt', '--reason'],
  ['findings exempt', '--until'],
] as const

const hasCommands = (help: string) => /^Commands:/m.test(help)
const hasOption = (help: string, option: string) =>
  new RegExp(`^  (?:-\\w, )?${option}(?:[ ,]|$)|^  ${option}, --`, 'm').test(help)
const takesValue = (help: string, option: string) =>
  new RegExp(`^  (?:-\\w, )?${option} [<[]|^  ${option}, --\\S+ [<[]`, 'm').test(help)

const known = new Map<string, Promise<string | undefined>>()

/** The help of a command of the real program; undefined where there is no such command. */
function helpOf(path: readonly string[]): Promise<string | undefined> {
  const name = path.join(' ')
  const found = known.get(name) ?? askForHelp(path)
  known.set(name, found)
  return found
}

async function askForHelp(path: readonly string[]): Promise<string | undefined> {
  let out = ''
  const io = {
    out: (text: string) => {
      out += text
    },
    err: () => {},
    stdin: () => new PassThrough().end(),
    columns: 500,
    isTTY: false,
    colour: false,
    cwd: process.cwd(),
    signal: new AbortController().signal,
  }
  await runCommand({ argv: [...path, '--help'], configPath: 'config/revenant.yaml', io })
  const usage = path.length === 0 ? 'Usage: revenant ' : `Usage: revenant ${path.join(' ')} `
  return out.startsWith(usage) ? out : undefined
}
