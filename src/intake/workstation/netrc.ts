import { placeOf } from '../found/place.ts'
import { loginParts, notOne, type Stored } from './stored.ts'

interface Machine {
  /** Undefined: `default`, for every host without an entry. */
  host: string | undefined
  line: number
  login?: string
  password?: string
}

/**
 * `.netrc` (GNU inetutils, `netrc(5)`): words, in quotes where they hold blanks, and macros that last to an empty line. An npm
 * package that is kept and lists a file whole was not found.
 */
export function readNetrc(text: string): Stored[] {
  const machines: Machine[] = []
  const words = wordsOf(text)
  for (let at = 0; at < words.length; at++) {
    const { word, line } = words[at] ?? { word: '', line: 0 }
    const machine = machines.at(-1)
    const value = () => words[++at]?.word
    if (word === 'machine') machines.push({ host: value(), line })
    else if (word === 'default') machines.push({ host: undefined, line })
    else if (machine === undefined) return [notOne('a .netrc file')]
    else if (word === 'login') machine.login = value() ?? ''
    else if (word === 'password') machine.password = value() ?? ''
    else if (word === 'account') value()
    else return [...machines.map(storedOf), { ...notOne('a .netrc file from here on'), line }]
  }
  return machines.map(storedOf)
}

function storedOf({ host, line, login = '', password }: Machine): Stored {
  if (password === undefined) return { reason: 'no_secret', line, ...(host === undefined ? {} : { host }) }
  return { kinds: 'web', parts: loginParts(login, password), line, place: host === undefined ? undefined : placeOf(host) }
}

function wordsOf(text: string): { word: string; line: number }[] {
  const words: { word: string; line: number }[] = []
  let isMacro = false
  for (const [index, content] of text.split(/\r?\n/).entries()) {
    if (isMacro) {
      isMacro = content.trim() !== ''
      continue
    }
    for (const [, quoted, plain = ''] of content.matchAll(/"((?:\\.|[^"\\])*)"|(\S+)/g)) {
      // A number sign begins a comment where a word would; within a word it is part of a password.
      if (plain.startsWith('#') && !expectsValue(words)) break
      if (plain === 'macdef' && !expectsValue(words)) {
        isMacro = true
        break
      }
      words.push({ word: quoted?.replace(/\\(.)/g, '$1') ?? plain, line: index + 1 })
    }
  }
  return words
}

const WITH_VALUE: ReadonlySet<string | undefined> = new Set(['machine', 'login', 'password', 'account'])

/** Whether the next word is the value of the last: a password may be spelt like any other word. */
function expectsValue(words: readonly { word: string }[]): boolean {
  let isValue = false
  for (const { word } of words) isValue = !isValue && WITH_VALUE.has(word)
  return isValue
}
