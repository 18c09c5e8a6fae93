import { describe, expect, it } from 'vitest'
import { takes } from '../../src/api/acceptable.ts'

const JSON_TYPE = 'application/json'

describe('Accept', () => {
  it.each([
    ['*/*', true],
    ['application/*', true],
    ['application/json', true],
    ['Application/JSON; charset=utf-8', true],
    ['text/html, application/json;q=0.1', true],
    ['text/html,application/xhtml+xml,*/*;q=0.8', true],
    ['text/html', false],
    ['text/*', false],
    ['application/jsonx', false],
    ['application/json;q=0', false],
    ['application/json;q=0, */*', false],
    ['*/*;q=0', false],
    ['application/json;q=0.0, application/*', false],
    ['application/json; q=0.001', true],
    ['', true],
    [' , ,', true],
  ])('%j takes JSON: %s', (accept, expected) => {
    expect(takes(accept, JSON_TYPE)).toBe(expected)
  })
})
