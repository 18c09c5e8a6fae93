import { formatWithOptions, inspect } from 'node:util'
import { serialize } from 'node:v8'
import { pino } from 'pino'
import { describe, expect, it } from 'vitest'
import { boxSecret, openBox } from '../../src/custody/box.ts'

const MARK = 'hunter2-mark'
const box = boxSecret({ password: MARK })

describe('a secret box', () => {
  it('opens', () => {
    expect(openBox(box)).toEqual({ password: MARK })
  })

  it.each<[string, () => unknown, string]>([
    ['String', () => String(box), '[secret]'],
    ['template', () => `${box}`, '[secret]'],
    ['concatenation', () => ''.concat(String(box)), '[secret]'],
    ['JSON', () => JSON.stringify({ box }), '{"box":"[secret]"}'],
    ['toLocaleString', () => [box].toLocaleString(), '[secret]'],
    ['join', () => [box].join(), '[secret]'],
    ['inspect', () => inspect({ box }), '{ box: [secret] }'],
    ['inspect of everything', () => inspect(box, { showHidden: true, depth: 9, getters: true }), '[secret]'],
    ['%o', () => formatWithOptions({ showHidden: true }, '%s %j', box, box), '[secret] "[secret]"'],
  ])('%s shows nothing', (_name, show, expected) => {
    expect(show()).toBe(expected)
  })

  it('hides from those who ignore its own methods', () => {
    const shown = [
      inspect(box, { customInspect: false, showHidden: true, depth: 9 }),
      JSON.stringify(Object.entries(Object.getOwnPropertyDescriptors(box))),
      JSON.stringify({ ...box }),
      JSON.stringify(structuredClone(box)),
      serialize(box).toString('latin1'),
      JSON.stringify(Reflect.ownKeys(box)),
    ]
    for (const text of shown) expect(text).not.toContain(MARK)
  })

  it('hides in a log', () => {
    const lines: string[] = []
    const log = pino({ level: 'trace' }, { write: (line: string) => void lines.push(line) })
    log.info({ box, nested: { list: [box] } }, 'a secret %s %o', box, box)
    log.error(Object.assign(new Error('failed'), { box }))
    expect(lines.join()).toContain('[secret]')
    expect(lines.join()).not.toContain(MARK)
  })

  it('cannot be changed, and a copy is no secret', () => {
    expect(Object.isFrozen(box)).toBe(true)
    expect(() => openBox(structuredClone(box))).toThrow(TypeError)
    expect(() => openBox({ ...box })).toThrow(TypeError)
  })
})
