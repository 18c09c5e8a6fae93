import { inspect } from 'node:util'

/** What a secret is: the fields of a probe's secret. */
export type SecretValue = Readonly<Record<string, string>>

declare const boxed: unique symbol

/** A secret that cannot be printed, serialised, inspected or cloned by accident; `openBox` is the only way in. */
export interface Secret {
  readonly [boxed]: true
}

const contents = new WeakMap<object, SecretValue>()

const hidden = () => '[secret]'

const prototype = Object.freeze({
  toString: hidden,
  toJSON: hidden,
  toLocaleString: hidden,
  [Symbol.toPrimitive]: hidden,
  [inspect.custom]: hidden,
})

/** Puts a secret into a box. */
export function boxSecret(value: SecretValue): Secret {
  // The value is in the map alone, so the object has nothing that a serialiser could find.
  const box: Secret = Object.freeze(Object.create(prototype))
  contents.set(box, value)
  return box
}

/** What is in a box. For the attempt, and for sealing; nowhere else. */
export function openBox(box: Secret): SecretValue {
  const value = contents.get(box)
  if (value === undefined) throw new TypeError('this is no secret of this process')
  return value
}
