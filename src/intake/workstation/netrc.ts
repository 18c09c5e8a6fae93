import { placeOf } from '../found/place.ts'
import { loginParts, notOne, type Stored } from './stored.ts'

interface Machine {
  /** Undefined: `default`, for every host without an entry. */
  host: string | undefined
  line: number
  login?: string
  password?: string
  /** A word of it is spelt in a way that clients read differently. */
  isUnclear?: true
}

interface Word {
  text: string
  line: number
  clear: boolean
}

/**
 * `.netrc` (GNU inetutils, `netrc(5)`): words, in quotes where they hold blanks, and macros that last to an empty line. An npm
 * package that is kept and lists a file whole was not found.
 */
export function readNetrc(text: string): Stored[] {
  const machines: Machine[] = []
  const words = wordsOf(text)
  for (let at = 0; at < words.length; at++) {
    const { text: word, line } = words[at] ?? { text: '', line: 0 }
    const machine = machines.at(-1)
    const value = (of: Machine | undefined) => {
      const next = words[++at]
      if (of !== undefined && next?.clear === false) of.isUnclear = true
      return next?.text
    }
    if (word === 'machine' || word === 'default') {
      const opened: Machine = { host: undefined, line }
      machines.push(opened)
      if (word === 'machine') opened.host = value(opened)
    } else if (machine === undefined) return [notOne('a .netrc file')]
    else if (word === 'login') put(machine, 'login', value(machine))
    else if (word === 'password') put(machine, 'password', value(machine))
    else if (word === 'account') value(undefined)
    else return [...machines.map(storedOf), { ...notOne('a .netrc file from here on'), line }]
  }
  return machines.map(storedOf)
}

/** Of two in one entry some clients take the first, and some the last. */
function put(machine: Machine, field: 'login' | 'password', text = ''): void {
  if (machine[field] !== undefined && machine[field] !== text) machine.isUnclear = true
  machine[field] = text
}

function storedOf({ host, line, login, password, isUnclear }: Machine): Stored {
  if (password === undefined) return { reason: 'no_secret', line, ...(host === undefined ? {} : { host }) }
  if (isUnclear === true) return { reason: 'unclear', line }
  return { kinds: 'web', parts: loginParts(login, password), line, place: host === undefined ? undefined : placeOf(host) }
}

const WITH_VALUE: ReadonlySet<string> = new Set(['machine', 'login', 'password', 'account'])

function wordsOf(text: string): Word[] {
  const words: Word[] = []
  let isMacro = false
  // Whether the next word is the value of the last: a password may be spelt like any other word.
  let isValue = false
  for (const [index, content] of text.split(/\r?\n/).entries()) {
    if (isMacro) {
      isMacro = content.trim() !== ''
      continue
    }
    for (const [, quoted, plain = ''] of content.matchAll(/"((?:\\.|[^"\\])*)"(?!\S)|(\S+)/g)) {
      // A number sign begins a comment where a word would; within a word it is part of a password.
      if (plain.startsWith('#') && !isValue) break
      if (plain === 'macdef' && !isValue) {
        isMacro = true
        break
      }
      const word = quoted?.replace(/\\(.)/g, '$1') ?? plain
      words.push({ text: word, line: index + 1, clear: isClear(quoted, plain) })
      isValue = !isValue && WITH_VALUE.has(word)
    }
  }
  return words
}

/**
 * curl keeps a backslash that stands without quotes, where Python and `ftp` drop it; within them it makes line breaks and tabs of three
 * letters, where the others take the letters. What follows a closing quote is a word of its own to some.
 */
function isClear(quoted: string | undefined, plain: string): boolean {
  return quoted === undefined ? !plain.startsWith('"') && !plain.includes('\\') : !/\\[nrt]/.test(quoted.replaceAll('\\\\', ''))
}
